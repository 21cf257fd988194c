"""From the result of a study to its workitem: made with the first, raised by later ones, never lowered, never withdrawn."""

from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.identity import derived_uid
from rules.messages import StudyTriaged
from rules.urgency import Priority
from service import audit
from service.notices import notice_of_job
from service.store.tables import Job
from service.store.workitem_tables import Workitem
from service.ups import workitem_of
from service.workitems import states
from service.workitems.events import EventType, announce, owe

ACTOR = "worklist"
_UNTOLD = ("TransactionUID",)
"""The key of who claimed it (PS3.4 CC.2.7): who reads it could act in their name."""

_PERFORMERS = frozenset(
    {"ProcedureStepProgressInformationSequence", "UnifiedProcedureStepPerformedProcedureSequence"}
)
"""What a performer may say."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Which of a study's workitems, and how urgent it is."""

    study_instance_uid: str
    number: int
    priority: str


def follow(session: Session, triaged: StudyTriaged, now: datetime) -> None:
    """Make or raise the study's workitem, in the transaction of its result.

    While nobody has claimed it, it tells the latest result and the most urgent priority of all. Claimed or done it stays as it is;
    a result that raises the study then makes another, so that no raise is lost on somebody who reads already.
    """
    last = session.scalar(
        select(Workitem)
        .where(Workitem.study_instance_uid == triaged.study_instance_uid)
        .order_by(Workitem.number.desc())
        .limit(1)
        .with_for_update()
    )
    priority = triaged.decision.priority
    is_raised = last is None or priority.is_above(Priority(last.triage_priority))
    if last is not None and last.state == states.SCHEDULED:
        _retell(session, last, triaged, now, is_raised=is_raised)
    elif is_raised:
        number = 1 if last is None else last.number + 1
        _enter(session, triaged.job_id, _Place(triaged.study_instance_uid, number, priority.value), now)


def shown(item: Workitem) -> Dataset:
    """A workitem as peers see it."""
    ds = Dataset.from_json(item.attributes)
    ds.ProcedureStepState = item.state
    for keyword in _UNTOLD:
        if keyword in ds:
            del ds[keyword]
    return ds


def change_state(session: Session, uid: str, wanted: str, transaction: str, who: str, now: datetime) -> int:
    """Claim, complete or cancel a workitem (PS3.4 CC.2.1); the status to answer.

    One that is cancelled was not read: another takes its place.
    """
    item = session.get(Workitem, uid, with_for_update=True)
    if item is None:
        return states.UNKNOWN
    answer = states.answer_to(item.state, wanted, held=item.transaction_uid, given=transaction)
    if answer != states.SUCCESS:
        return answer
    ds = Dataset.from_json(item.attributes)
    if wanted == states.COMPLETED and not ds.get("UnifiedProcedureStepPerformedProcedureSequence"):
        return states.NOT_FINISHED
    item.state, item.transaction_uid, item.claimed_by, item.changed_at = wanted, transaction, who, now
    ds.ProcedureStepState = wanted
    item.attributes = ds.to_json_dict()
    owe(session, item, EventType.STATE, now)
    _tell(session, "workitem_changed", item, who, now, state=wanted)
    if wanted == states.CANCELED:
        _enter(
            session, item.job_id, _Place(item.study_instance_uid, item.number + 1, item.triage_priority), now
        )
    return answer


def update(session: Session, uid: str, changes: Dataset, who: str, now: datetime) -> int:
    """Take what a performer says of its progress (PS3.4 CC.2.6); the status to answer.

    Nothing else can be changed: what is scheduled is our result, and no priority of ours may be lowered.
    """
    item = session.get(Workitem, uid, with_for_update=True)
    if item is None:
        return states.UNKNOWN
    if item.state in states.FINAL:
        return states.NO_LONGER_UPDATED
    if item.state != states.IN_PROGRESS:
        return states.NOT_IN_PROGRESS
    if str(changes.get("TransactionUID", "")) != item.transaction_uid:
        return states.WRONG_TRANSACTION
    ds, left_out = Dataset.from_json(item.attributes), False
    for element in changes:
        if element.keyword in _PERFORMERS:
            ds[element.tag] = element
        elif element.keyword not in ("TransactionUID", "SpecificCharacterSet"):
            left_out = True
    item.attributes, item.changed_at = ds.to_json_dict(), now
    owe(session, item, EventType.PROGRESS, now)
    _tell(session, "workitem_updated", item, who, now, state=item.state)
    return states.NOT_ALL_SUPPORTED if left_out else states.SUCCESS


def request_cancel(session: Session, uid: str, reason: str, who: str, now: datetime) -> int:
    """Pass the wish to cancel on to who reads it; an unclaimed one stays, for no message may take a study off the list."""
    item = session.get(Workitem, uid)
    if item is None:
        return states.UNKNOWN
    if item.state in states.FINAL:
        return states.IS_COMPLETED if item.state == states.COMPLETED else states.ALREADY_CANCELED
    if item.state == states.SCHEDULED:
        return states.NOT_CANCELED
    more = {"ReasonForCancellation": reason[:10240]} if reason else {}
    owe(session, item, EventType.CANCEL_REQUESTED, now, RequestingAE=who[:16], **more)
    return states.SUCCESS


def _enter(session: Session, job_id: str, place: _Place, now: datetime) -> None:
    uid = derived_uid({"study": place.study_instance_uid, "workitem": str(place.number)})
    item = Workitem(
        sop_instance_uid=uid,
        study_instance_uid=place.study_instance_uid,
        number=place.number,
        job_id=job_id,
        triage_priority=place.priority,
        state=states.SCHEDULED,
        attributes=_attributes(session, job_id, uid),
        created_at=now,
        changed_at=now,
    )
    session.add(item)
    session.flush()
    announce(session, item, now)
    _tell(session, "workitem_created", item, ACTOR, now)


def _retell(
    session: Session, item: Workitem, triaged: StudyTriaged, now: datetime, *, is_raised: bool
) -> None:
    """The latest result in the workitem; of the priorities the most urgent one stays."""
    before = Dataset.from_json(item.attributes)
    attributes = Dataset.from_json(_attributes(session, triaged.job_id, item.sop_instance_uid))
    if not is_raised:
        for keyword in ("ScheduledProcedureStepPriority", "ReasonForRequestedProcedureCodeSequence"):
            attributes[keyword] = before[keyword]
    item.job_id, item.changed_at = triaged.job_id, now
    item.attributes = attributes.to_json_dict()
    if is_raised:
        item.triage_priority = triaged.decision.priority.value
        owe(session, item, EventType.STATE, now)
        _tell(session, "workitem_raised", item, ACTOR, now)


def _attributes(session: Session, job_id: str, uid: str) -> dict[str, object]:
    job = session.scalars(select(Job).where(Job.job_id == job_id)).one()
    notice = notice_of_job(session, job, uid)
    assert notice is not None  # noqa: S101 - a workitem is made of a job with a result
    found: dict[str, object] = workitem_of(notice).to_json_dict()
    return found


def _tell(session: Session, event: str, item: Workitem, who: str, now: datetime, **detail: str) -> None:
    audit.record(
        session,
        event,
        item.study_instance_uid,
        who,
        now,
        workitem=item.sop_instance_uid,
        priority=item.triage_priority,
        **detail,
    )
