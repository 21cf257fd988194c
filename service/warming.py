"""Warming: asks the workers to begin with the series that settled, and keeps what they recognised in them.

A doorbell without a promise: what is lost, late or refused costs time and nothing else.
"""

from datetime import datetime, timedelta

import structlog
from celery import Celery
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.codec import to_plain
from rules.messages import WARM_QUEUE, WARM_SERIES, EarlierStudy, SeriesReady, SeriesRecognised
from service.broker import BROKER_ERRORS, BrokerDownError
from service.contents import files_of, instances_of, series_of
from service.gate import policy_in_force
from service.matching import Matched, find_patient
from service.priors import earlier_study
from service.settings import Settings
from service.store.series_tables import SettledSeries
from service.store.session import Store
from service.store.tables import Study

WORTH = timedelta(minutes=5)
"""A message that no worker took within this is dropped: by then the study has its result, or newer series."""

_log = structlog.get_logger(__name__)


def warm_due(store: Store, app: Celery, settings: Settings, now: datetime) -> int:
    """Ask for every study with series that settled and were not asked for yet; one message each. Returns how many were sent.

    Raises BrokerDownError if the broker does not answer, or StoreUnavailableError.
    """
    asked = select(SettledSeries.study_instance_uid).where(SettledSeries.warm_at <= now).distinct()
    with store.reading() as session:
        uids = session.scalars(asked).all()
    return sum(_warm(store, app, settings, uid, now) for uid in uids)


def recognise(store: Store, told: SeriesRecognised) -> None:
    """Keep what the series of a study are. Raises StoreUnavailableError."""
    with store.session() as session:
        for row in series_of(session, told.study_instance_uid):
            row.role = told.roles.get(row.series_instance_uid, row.role)


def _warm(store: Store, app: Celery, settings: Settings, uid: str, now: datetime) -> bool:
    message = None
    try:
        with store.reading() as session:
            message = _message(session, session.get_one(Study, uid), settings, now)
    except ValueError as error:  # the registry's entry cannot be read: the gate will tell
        _log.error("warming_not_asked", study_instance_uid=uid, error=type(error).__name__)
    if message is not None:
        _send(app, message)
    with store.session() as session:
        for row in series_of(session, uid):
            # What settled while the broker was asked waits for its own message.
            row.warm_at = None if row.warm_at is not None and row.warm_at <= now else row.warm_at
    return message is not None


def _send(app: Celery, message: SeriesReady) -> None:
    try:
        app.send_task(
            WARM_SERIES, args=[to_plain(message)], queue=WARM_QUEUE, expires=message.until, retry=False
        )
    except BROKER_ERRORS as error:
        raise BrokerDownError(type(error).__name__) from error


def _message(session: Session, study: Study, settings: Settings, now: datetime) -> SeriesReady | None:
    """None if there is nothing to begin with: a study that settled meanwhile is handed over as a whole."""
    uid = study.study_instance_uid
    known = series_of(session, uid)
    fresh = [one for one in known if one.warm_at is not None and one.warm_at <= now]
    found = find_patient(session, study)
    if not fresh or study.settled_digest or not isinstance(found, Matched):
        return None
    settled = {one.series_instance_uid for one in known}
    earlier = earlier_study(session, study, found.context)
    return SeriesReady(
        study_instance_uid=uid,
        series=tuple(sorted(one.series_instance_uid for one in fresh)),
        instances=files_of([one for one in instances_of(session, uid) if one.series_instance_uid in settled]),
        policy_digest=policy_in_force(settings.site_policy).digest,
        until=now + WORTH,
        earlier=earlier if isinstance(earlier, EarlierStudy) else None,
    )
