"""How the service stands: what waits, what failed, where results go, and how much room is left."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service import audit
from service.audit_feed.trouble import troubles
from service.context_feed.quarantine import set_aside
from service.drift_alarm import Signal
from service.errors import ServiceError
from service.settings import Settings
from service.store.desk_tables import AuditFeedTrouble
from service.store.feed_tables import ContextMessage
from service.store.tables import AuditEvent, Delivery, DestinationHealth, Job, Study
from service.workitems.untold import Untold, untold

_MOST = 100
_TROUBLES = (
    "api_token_refused",
    "association_rejected",
    "anchor_not_written",
    "commitment_not_taken",
    "completeness_refuted",
    "audit_message_set_aside",
    "audit_not_purged",
    "context_message_set_aside",
    "context_sender_refused",
    "context_server_failing",
    "delivery_stuck",
    "identity_conflict",
    "instance_damaged",
    "instance_refused",
    "job_failed",
    "result_unreadable",
    "result_unknown",
    "scanner_drifts",
    "sign_in_failed",
    "workitem_news_given_up",
    "workitem_news_late",
)
"""Events that a person who runs the service should see."""


class NothingToRetryError(ServiceError):
    """It is not failed any more."""


@dataclass(frozen=True, slots=True)
class Target:
    """A destination as its deliveries show it."""

    name: str
    address: str
    owed: int
    stored: int
    oldest_owed_at: datetime | None
    last_stored_at: datetime | None
    last_error: str


@dataclass(frozen=True, slots=True)
class Operations:
    """The whole picture."""

    open_studies: int
    jobs: dict[str, int]
    """Jobs by state."""
    oldest_owed_at: datetime | None
    failed: Sequence[Job]
    targets: tuple[Target, ...]
    stuck: Sequence[Delivery]
    """Owed deliveries that were tried in vain."""
    untaken: Sequence[Untold]
    """News of our worklist that a subscriber did not take, or that was given up."""
    set_aside: Sequence[ContextMessage]
    """Messages of the context feeds that wait for a person."""
    untold: Sequence[AuditFeedTrouble]
    """Events whose audit messages were not taken."""
    free_bytes: int
    disk_bytes: int
    watermark_bytes: int
    received_24h: int
    decided_24h: int
    troubles: Sequence[AuditEvent]
    drifts: Sequence[Signal]
    """Measurements of scanners that drift, as far as the desk has kept them."""

    @property
    def is_disk_short(self) -> bool:
        return self.free_bytes < 2 * self.watermark_bytes


def operations(
    session: Session, settings: Settings, now: datetime, drifts: Sequence[Signal] = ()
) -> Operations:
    """How the service stands at `now`.

    drifts : what the control charts say, which takes longest to find
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    disk = shutil.disk_usage(settings.data)
    day_ago = now - timedelta(days=1)
    states = session.execute(select(Job.state, func.count()).group_by(Job.state))
    failed = select(Job).where(Job.state == "failed").order_by(Job.id.desc()).limit(_MOST)
    trouble = select(AuditEvent).where(AuditEvent.event.in_(_TROUBLES), AuditEvent.at >= day_ago)
    return Operations(
        open_studies=_count(session, select(func.count()).select_from(Study).where(Study.is_open)),
        jobs=dict.fromkeys(("owed", "done", "failed", "declined"), 0)
        | {str(state): count for state, count in states},
        oldest_owed_at=session.scalar(select(func.min(Job.created_at)).where(Job.state == "owed")),
        failed=session.scalars(failed).all(),
        targets=tuple(_targets(session, settings)),
        stuck=_stuck(session),
        untaken=[one for one in untold(session, _MOST) if one[0].tries or one[0].state == "given_up"],
        set_aside=set_aside(session, _MOST),
        untold=troubles(session, _MOST),
        free_bytes=disk.free,
        disk_bytes=disk.total,
        watermark_bytes=settings.disk_watermark_mb * 1_000_000,
        received_24h=_count(
            session, select(func.count()).select_from(Study).where(Study.last_received_at >= day_ago)
        ),
        decided_24h=_count(session, select(func.count()).select_from(Job).where(Job.done_at >= day_ago)),
        troubles=session.scalars(trouble.order_by(AuditEvent.sequence.desc()).limit(_MOST)).all(),
        drifts=drifts,
    )


def retry_job(session: Session, job_id: str, actor: str, now: datetime) -> None:
    """Owe a failed job again, as if it were new.

    Raises NothingToRetryError.
    """
    job = session.scalar(select(Job).where(Job.job_id == job_id, Job.state == "failed").with_for_update())
    if job is None:
        raise NothingToRetryError
    job.state, job.rings, job.ring_at = "owed", 0, now
    audit.record(session, "job_retried", job.study_instance_uid, actor, now, job_id=job_id)


def retry_delivery(session: Session, delivery_id: int, actor: str, now: datetime) -> None:
    """Try a delivery at once.

    Raises NothingToRetryError.
    """
    held = select(Delivery).where(Delivery.id == delivery_id, Delivery.state == "owed").with_for_update()
    delivery = session.scalar(held)
    if delivery is None:
        raise NothingToRetryError
    delivery.try_at = now
    health = session.get(DestinationHealth, delivery.destination)
    if health is not None:
        health.try_at = health.try_urgent_at = now
    detail = {"sop_instance_uid": delivery.sop_instance_uid, "destination": delivery.destination}
    audit.record(session, "delivery_hurried", delivery.study_instance_uid, actor, now, **detail)


def _targets(session: Session, settings: Settings) -> list[Target]:
    found = []
    for one in settings.destinations:
        mine = select(Delivery).where(Delivery.destination == one.name)
        owed = mine.where(Delivery.state == "owed")
        tried = owed.where(Delivery.last_error != "").order_by(Delivery.id.desc()).limit(1)
        last = session.scalars(tried).first()
        found.append(
            Target(
                name=one.name,
                address=one.address,
                owed=_count(session, select(func.count()).select_from(owed.subquery())),
                stored=_count(
                    session,
                    select(func.count()).select_from(
                        mine.where(Delivery.state.in_(("stored", "proven"))).subquery()
                    ),
                ),
                oldest_owed_at=session.scalar(
                    select(func.min(Delivery.created_at)).where(
                        Delivery.destination == one.name, Delivery.state == "owed"
                    )
                ),
                last_stored_at=session.scalar(
                    select(func.max(Delivery.stored_at)).where(Delivery.destination == one.name)
                ),
                last_error=last.last_error if last else "",
            )
        )
    return found


def _stuck(session: Session) -> Sequence[Delivery]:
    found = select(Delivery).where(Delivery.state == "owed", Delivery.last_error != "")
    return session.scalars(found.order_by(Delivery.priority, Delivery.id).limit(_MOST)).all()


def _count(session: Session, query: object) -> int:
    return session.scalar(query) or 0  # type: ignore[call-overload]
