"""Warming: asks the workers to begin with the series that settled, and keeps what they recognised in them.

A doorbell without a promise: what is lost, late or refused costs time and nothing else.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

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
    with store.reading() as session:
        study = session.get_one(Study, uid)
        rows = [one for one in series_of(session, uid) if one.warm_at is not None and one.warm_at <= now]
        # A study that settled meanwhile is handed over as a whole.
        message = _message(session, study, rows, settings, now) if not study.settled_digest else None
    if message is not None:
        try:
            app.send_task(
                WARM_SERIES, args=[to_plain(message)], queue=WARM_QUEUE, expires=message.until, retry=False
            )
        except BROKER_ERRORS as error:
            raise BrokerDownError(type(error).__name__) from error
    with store.session() as session:
        for row in rows:
            kept = session.get_one(SettledSeries, row.id)
            # It may have grown and settled again while the broker was asked.
            kept.warm_at = None if kept.warm_at == row.warm_at else kept.warm_at
    return message is not None


def _message(
    session: Session, study: Study, rows: Sequence[SettledSeries], settings: Settings, now: datetime
) -> SeriesReady | None:
    found = find_patient(session, study)
    if not rows or not isinstance(found, Matched):
        return None
    uid = study.study_instance_uid
    settled = {one.series_instance_uid for one in series_of(session, uid)}
    earlier = earlier_study(session, study, found.context)
    return SeriesReady(
        study_instance_uid=uid,
        series=tuple(sorted(one.series_instance_uid for one in rows)),
        instances=files_of([one for one in instances_of(session, uid) if one.series_instance_uid in settled]),
        policy_digest=policy_in_force(settings.site_policy).digest,
        until=now + WORTH,
        earlier=earlier if isinstance(earlier, EarlierStudy) else None,
    )
