"""Early work: series of a study that still arrives settle, and suffice for a provisional result.

Only for studies that the gate would admit, and only until the study is whole for the first time. All of it may fail or be late without
harm: the study settles, is admitted and is answered without it (service/assembly.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from rules.anatomy import Role
from rules.cohort import Admitted, admit
from rules.messages import Basis, Completeness
from rules.provisional import is_due
from rules.settling import Arriving, Ended, ended
from service import audit
from service.completeness import CLOCK_TOLERANCE, IMAGES, announced_objects
from service.contents import headers_of, instances_of, series_of
from service.errors import ServiceError, StoreUnavailableError
from service.gate import ACTOR, decide_provisional
from service.matching import Matched, find_patient
from service.settings import Settings
from service.store.series_tables import SettledSeries
from service.store.session import Store
from service.store.tables import Instance, Study

_AT_MOST = 200
"""Arriving studies that are looked at in one round, newest first; the others wait for their end, as without early work."""

_MOST_RESULTS = 4
"""Provisional results of a study: a sender that trickles makes its series settle again and again."""
_RETRY = timedelta(seconds=60)
_FAILURES = (ServiceError, SQLAlchemyError, ValueError)
"""What early work on one study may end with, without any harm to another."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _News:
    """What is to be written down of one study."""

    settled: Mapping[str, tuple[Arriving, Ended]]
    """Series Instance UID to what settled since the last look."""
    is_provisional_due: bool

    def __bool__(self) -> bool:
        return bool(self.settled) or self.is_provisional_due


def look_early(store: Store, settings: Settings, now: datetime, not_before: dict[str, datetime]) -> None:
    """Look at every study that still arrives, each in its own transaction; one that fails waits in `not_before`.

    Raises StoreUnavailableError if the database does not answer.
    """
    for uid in _due(store, settings, now, not_before):
        try:
            with store.session() as session:
                note_early(session, uid, settings, now)
        except StoreUnavailableError:
            raise
        except _FAILURES as error:
            _put_off(uid, error, now, not_before)


def _due(store: Store, settings: Settings, now: datetime, not_before: dict[str, datetime]) -> list[str]:
    """The studies of which there is news."""
    due = []
    with store.reading() as session:
        for study in _arriving(session, now):
            uid = study.study_instance_uid
            if not_before.get(uid, now) > now:
                continue
            try:
                if _news(session, study, settings, now):
                    due.append(uid)
            except _FAILURES as error:
                _put_off(uid, error, now, not_before)
    return due


def _put_off(uid: str, error: Exception, now: datetime, not_before: dict[str, datetime]) -> None:
    not_before[uid] = now + _RETRY
    _log.error("early_work_failed", study_instance_uid=uid, error=type(error).__name__)


def note_early(session: Session, study_instance_uid: str, settings: Settings, now: datetime) -> None:
    """Write down which series of a study settled, and owe a provisional result if they suffice for a new one."""
    study = session.get_one(Study, study_instance_uid, with_for_update=True, populate_existing=True)
    if study.settled_digest or not study.is_open:
        return
    news = _news(session, study, settings, now)
    if news.settled:
        _note_settled(session, study, news.settled, now)
    if news.is_provisional_due:
        _owe_provisional(session, study, settings, now)


def _arriving(session: Session, now: datetime) -> Sequence[Study]:
    found = select(Study).where(
        Study.is_open, Study.settled_digest == "", Study.last_received_at <= now + CLOCK_TOLERANCE
    )
    return session.scalars(found.order_by(Study.last_received_at.desc()).limit(_AT_MOST)).all()


def _news(session: Session, study: Study, settings: Settings, now: datetime) -> _News:
    if not isinstance(find_patient(session, study), Matched):
        return _News({}, is_provisional_due=False)
    known = {one.series_instance_uid: one for one in series_of(session, study.study_instance_uid)}
    here = _received(session, study.study_instance_uid)
    quiet = timedelta(seconds=settings.series_quiet_s)
    settled = {}
    for uid, one in here.items():
        if uid in known and known[uid].objects == one.objects:
            continue
        newest_other = max((other.last_at for name, other in here.items() if name != uid), default=None)
        if basis := ended(one, newest_other, now, quiet):
            settled[uid] = (one, basis)
    whole = [one for uid, one in known.items() if uid in here and here[uid].objects == one.objects]
    roles = {Role(one.role) for one in whole if one.role}
    reported = {Role(one.role) for one in known.values() if one.role and one.reported_at}
    return _News(settled, is_provisional_due=is_due(roles, reported))


def _received(session: Session, study_instance_uid: str) -> dict[str, Arriving]:
    """The image series of a study as far as they have come."""
    found = (
        select(Instance.series_instance_uid, func.count(), func.max(Instance.received_at))
        .where(
            Instance.study_instance_uid == study_instance_uid,
            Instance.modality == IMAGES,
            Instance.is_conflict.is_(False),
            Instance.is_own.is_(False),
        )
        .group_by(Instance.series_instance_uid)
    )
    announced = announced_objects(session, study_instance_uid)
    return {
        uid: Arriving(objects, last_at, announced.get(uid, 0))
        for uid, objects, last_at in session.execute(found)
    }


def _note_settled(
    session: Session, study: Study, settled: Mapping[str, tuple[Arriving, Ended]], now: datetime
) -> None:
    known = {one.series_instance_uid: one for one in series_of(session, study.study_instance_uid)}
    is_wanted = _is_wanted(session, study)
    for uid, (series, basis) in settled.items():
        row = known.get(uid) or SettledSeries(
            study_instance_uid=study.study_instance_uid, series_instance_uid=uid, role=""
        )
        row.objects, row.basis, row.settled_at = series.objects, basis.value, now
        row.warm_at = now if is_wanted else None
        # It went into a provisional result before it was whole: that one has to be given again.
        row.reported_at = None if study.settled_snapshot < _MOST_RESULTS else row.reported_at
        session.add(row)
        audit.record(
            session,
            "series_settled",
            study.study_instance_uid,
            ACTOR,
            now,
            series_instance_uid=uid,
            objects=series.objects,
            basis=basis,
        )
    session.flush()


def _is_wanted(session: Session, study: Study) -> bool:
    """Whether the gate would admit the study as it is now."""
    found = find_patient(session, study)
    headers = headers_of(study, instances_of(session, study.study_instance_uid))
    return isinstance(found, Matched) and isinstance(admit(headers, found.context), Admitted)


def _owe_provisional(session: Session, study: Study, settings: Settings, now: datetime) -> None:
    rows = series_of(session, study.study_instance_uid)
    for row in rows:
        row.reported_at = row.reported_at or now
    settled = {row.series_instance_uid for row in rows}
    instances = [
        one for one in instances_of(session, study.study_instance_uid) if one.series_instance_uid in settled
    ]
    roles = ", ".join(sorted({row.role for row in rows} - {""}))
    so_far = Completeness(
        basis=Basis.ARRIVING,
        instances=len(instances),
        detail=f"the study is still arriving: {len(instances)} images in {len(settled)} series so far",
    )
    snapshot = decide_provisional(session, study, instances, so_far, settings, now)
    if snapshot.state != "owed":
        return
    audit.record(
        session,
        "provisional_owed",
        study.study_instance_uid,
        ACTOR,
        now,
        job_id=snapshot.job_id,
        snapshot=snapshot.number,
        instances=len(instances),
        series=len(settled),
        roles=roles,
    )
    _log.info("provisional_owed", study_instance_uid=study.study_instance_uid, snapshot=snapshot.number)
