"""The reading list as it is shown: one row a study, brought up to date by following the trail.

Whatever changes a study tells the trail, so the trail says which rows to make anew; only time changes the list without an event, and a
row knows when. Rows are made from study, jobs and deliveries alone: the list can be thrown away and made again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.ageing import Shown
from rules.codec import from_plain
from rules.decision import Decision
from rules.policy import Policy
from rules.urgency import Priority
from service.ageing import shown
from service.store.desk_tables import Acknowledgement, Escalation, WorklistEntry, WorklistState
from service.store.session import Store
from service.store.tables import AuditEvent, CohortPatient, Job, Study
from service.verdicts import verdict_of
from service.worklist import Status, rank_of, row_of

VIEWED = "viewed_"
"""Events that start so tell who looked at what; they change no study."""
_EVENTS_AT_ONCE = 2000
_ROWS_AT_ONCE = 200
_HEARTBEAT = timedelta(seconds=5)
"""How often a list that did not change says that it is up to date."""
_COHORT = "cohort_patient_"
_START = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = tuple(WorklistEntry.__table__.columns.keys())


@dataclass(frozen=True, slots=True)
class _News:
    """What a look at trail and clock says is to be made anew."""

    studies: tuple[str, ...]
    sequence: int
    at: datetime
    """When the list was last up to date."""


def follow(store: Store, policy: Policy, now: datetime) -> int:
    """Bring the list up to date with the trail and the clock, one batch; returns how many rows changed.

    Raises StoreUnavailableError if the database does not answer.
    """
    with store.reading() as session:
        news = _news(session, now)
    if not news.studies and now - news.at < _HEARTBEAT:
        return 0
    with store.session() as session:
        state = session.get(WorklistState, 1, with_for_update=True)
        if state is None:
            state = WorklistState(id=1, sequence=0, version=0, at=_START)
            session.add(state)
        changed = sum(refresh(session, uid, policy, now) for uid in news.studies)
        state.sequence = max(state.sequence, news.sequence)
        state.version += bool(changed)
        state.at = now
    return changed


def refresh(session: Session, study_instance_uid: str, policy: Policy, now: datetime) -> bool:
    """Make one study's row anew; whether it changed."""
    study = session.get(Study, study_instance_uid)
    if study is None:
        return False
    new = _entry(session, study, policy, now)
    old = session.get(WorklistEntry, study_instance_uid)
    if old is None:
        session.add(WorklistEntry(**new))
        return True
    changed = [name for name in _COLUMNS if getattr(old, name) != new[name]]
    for name in changed:
        setattr(old, name, new[name])
    return bool(changed)


def _news(session: Session, now: datetime) -> _News:
    state = session.get(WorklistState, 1)
    sequence = state.sequence if state else 0
    told = (
        select(AuditEvent.sequence, AuditEvent.event, AuditEvent.study_instance_uid, AuditEvent.detail)
        .where(AuditEvent.sequence > sequence)
        .order_by(AuditEvent.sequence)
        .limit(_EVENTS_AT_ONCE)
    )
    uids: dict[str, None] = {}
    for number, event, uid, detail in session.execute(told):
        if len(uids) >= _ROWS_AT_ONCE:
            break
        sequence = number
        if uid and not event.startswith(VIEWED):
            uids[uid] = None
        elif event.startswith(_COHORT):
            uids |= dict.fromkeys(_studies_of(session, detail))
    aged = select(WorklistEntry.study_instance_uid).where(WorklistEntry.ages_at < now).limit(_ROWS_AT_ONCE)
    uids |= dict.fromkeys(session.scalars(aged))
    return _News(tuple(uids), sequence, state.at if state else _START)


def _studies_of(session: Session, detail: dict[str, Any]) -> Iterable[str]:
    """Studies of a patient whose entry of the registry changed; the newest of them."""
    patient_id = session.scalar(
        select(CohortPatient.patient_id).where(CohortPatient.id == detail.get("cohort_patient"))
    )
    found = select(Study.study_instance_uid).where(Study.patient_id == patient_id)
    return session.scalars(found.order_by(Study.received_at.desc()).limit(_ROWS_AT_ONCE))


def _entry(session: Session, study: Study, policy: Policy, now: datetime) -> dict[str, Any]:
    asked = [job for job in study.jobs if job.state != "declined"]
    done = [job for job in asked if job.state == "done"]
    latest = done[-1] if done else None
    verdict = verdict_of(session, latest)
    place = shown(study.jobs, policy, verdict.at if verdict else now)
    row = row_of(session, study, place)
    target_at = _target_at(study.jobs, place, policy)
    taken_note = _acknowledged(session, study, place)
    decision: Decision | None = from_plain(Decision, (latest.triaged or {})["decision"]) if latest else None
    return {
        "study_instance_uid": study.study_instance_uid,
        "is_flagged": row.status is not Status.NOT_FLAGGED,
        "is_read": verdict is not None and asked[-1] is latest,
        "place": rank_of(place),
        "order_at": target_at or study.received_at,
        "target_at": target_at,
        "ages_at": target_at if target_at and target_at >= now and verdict is None else None,
        "patient_id": study.patient_id,
        "patient_name": study.patient_name,
        "search_name": study.patient_name.upper(),
        "birth_date": study.birth_date,
        "accession_number": study.accession_number,
        "study_date": study.study_date,
        "status": row.status.value,
        "is_provisional": study.is_open or bool(asked and asked[-1].state == "owed"),
        "decided": place.decided.value if place else None,
        "shown": place.priority.value if place else None,
        "why_raised": place.why if place else "",
        "could_be": row.could_be.value if row.could_be else None,
        "headline": row.headline,
        "not_assessed": list(decision.not_assessed) if decision else [],
        "day": row.day_after_infusion,
        "icans_grade": row.icans_grade,
        "job_id": latest.job_id if latest else "",
        "deliveries": row.deliveries,
        "deliveries_stored": row.deliveries_stored,
        "received_at": row.received_at,
        "decided_at": row.decided_at,
        "acknowledged_at": taken_note.at if taken_note else None,
        "acknowledged_by": taken_note.user_name if taken_note else "",
        "escalated": _escalated(session, study, place),
        "verdict": verdict.verdict if verdict else "",
    }


def _target_at(jobs: Sequence[Job], place: Shown | None, policy: Policy) -> datetime | None:
    """When the reading target of the decided priority passes, counted as the ageing guard counts."""
    if place is None:
        return None
    since = min(job.created_at for job in jobs if job.priority == place.decided.value)
    return since + timedelta(minutes=policy.targets[place.decided].value)


def _acknowledged(session: Session, study: Study, place: Shown | None) -> Acknowledgement | None:
    """The first acknowledgement of this priority or a higher one: a study that rises has to be acknowledged again."""
    if place is None:
        return None
    found = select(Acknowledgement).where(
        Acknowledgement.study_instance_uid == study.study_instance_uid,
        Acknowledgement.priority <= place.decided.value,  # P1 sorts before P2
    )
    return session.scalars(found.order_by(Acknowledgement.id).limit(1)).first()


def _escalated(session: Session, study: Study, place: Shown | None) -> int:
    if place is None or place.decided not in (Priority.P1, Priority.P2):
        return 0
    steps = select(Escalation.step).where(
        Escalation.study_instance_uid == study.study_instance_uid,
        Escalation.priority == place.decided.value,
    )
    return max(session.scalars(steps), default=0)
