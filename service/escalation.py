"""The ladder: whom to tell of an urgent alert that nobody acknowledged, and the notices by which they are told."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.identity import derived_uid
from rules.routing import Cargo
from rules.urgency import Priority
from service import audit
from service.settings import Step
from service.store.desk_tables import Acknowledgement, Escalation, WorklistEntry
from service.store.session import Store
from service.store.tables import Delivery, Job, Study

ACTOR = "desk"
_AT_ONCE = 200


def escalate_due(store: Store, ladder: Sequence[Step], now: datetime) -> int:
    """Climb the ladder for every urgent alert that nobody acknowledged in time; returns how many steps were climbed.

    Raises StoreUnavailableError.
    """
    climbed = 0
    for priority in (Priority.P1, Priority.P2):
        steps = sorted(
            (step for step in ladder if step.priority == priority), key=lambda step: step.after_min
        )
        for number, step in enumerate(steps, 1):
            climbed += _climb(store, number, step, now)
    return climbed


def _climb(store: Store, number: int, step: Step, now: datetime) -> int:
    waiting = (
        select(WorklistEntry.study_instance_uid, WorklistEntry.decided_at)
        .where(
            WorklistEntry.decided == step.priority,
            WorklistEntry.is_flagged,
            WorklistEntry.is_read.is_(False),
            WorklistEntry.acknowledged_at.is_(None),
            WorklistEntry.escalated < number,
            WorklistEntry.decided_at < now - timedelta(minutes=step.after_min),
        )
        .limit(_AT_ONCE)
    )
    with store.reading() as session:
        found = session.execute(waiting).all()
    return sum(
        _tell(store, uid, number, step, (now - at).total_seconds() / 60, now) for uid, at in found if at
    )


def _tell(store: Store, uid: str, number: int, step: Step, waited_min: float, now: datetime) -> bool:
    with store.session() as session:
        session.get(Study, uid, with_for_update=True)
        held = select(Escalation.id).where(
            Escalation.study_instance_uid == uid,
            Escalation.priority == step.priority,
            Escalation.step == number,
        )
        if session.scalar(held) is not None:
            return False
        session.add(
            Escalation(study_instance_uid=uid, priority=step.priority, step=number, told_to=step.tell, at=now)
        )
        audit.record(
            session,
            "alert_escalated",
            uid,
            ACTOR,
            now,
            priority=step.priority,
            step=number,
            to=step.tell,
            by=step.by,
            waited_min=round(waited_min),
        )
        _owe_notices(session, uid, number, step, now)
        return True


def _owe_notices(session: Session, uid: str, number: int, step: Step, now: datetime) -> None:
    """The outbox delivers them as it does all others: urgent first, retried, alarmed, told in the trail."""
    alert = select(Job.job_id).where(
        Job.study_instance_uid == uid, Job.priority == step.priority, Job.state == "done"
    )
    job_id = session.scalar(alert.order_by(Job.id).limit(1))
    for destination in step.by:
        session.add(
            Delivery(
                study_instance_uid=uid,
                job_id=job_id,
                cargo=Cargo.NOTICE.value,
                sop_instance_uid=notice_uid(uid, step.priority, number),
                destination=destination,
                priority=step.priority,
                state="owed",
                try_at=now,
                created_at=now,
            )
        )


def notice_uid(study_instance_uid: str, priority: str, step: int) -> str:
    """The UID of the notice of one step, derived: the same step told twice is the same notice."""
    return derived_uid(
        {"study": study_instance_uid, "kind": "escalation", "priority": priority, "step": str(step)}
    )


def words_of(session: Session, delivery: Delivery) -> str:
    """What the notice of a step says before anything else; empty if the delivery is of no step.

    Read when it is sent: who is told late has to know that somebody answered meanwhile.
    """
    steps = session.scalars(
        select(Escalation).where(Escalation.study_instance_uid == delivery.study_instance_uid)
    )
    for one in steps:
        if notice_uid(one.study_instance_uid, one.priority, one.step) != delivery.sop_instance_uid:
            continue
        answered = session.scalar(
            select(Acknowledgement.at).where(
                Acknowledgement.study_instance_uid == one.study_instance_uid,
                Acknowledgement.priority <= one.priority,
            )
        )
        told = f"Step {one.step}, for {one.told_to}: {one.priority} alert not acknowledged"
        return f"{told} at {one.at:%Y-%m-%d %H:%M} UTC" + ("; acknowledged meanwhile" if answered else "")
    return ""
