"""What radiologists said of results, and since when a study counts as read."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.store.desk_tables import Assessment
from service.store.tables import Job


def verdict_of(session: Session, result: Job | None) -> Assessment | None:
    """The last assessment of a result."""
    if result is None:
        return None
    found = select(Assessment).where(Assessment.job_id == result.job_id)
    return session.scalars(found.order_by(Assessment.id.desc()).limit(1)).first()


def read_at(session: Session, jobs: Sequence[Job]) -> datetime | None:
    """When the latest result of a study was assessed, which ends its wait; None while it is not.

    jobs : all of one study, oldest first
    """
    verdict = verdict_of(session, next((job for job in reversed(jobs) if job.state == "done"), None))
    return verdict.at if verdict else None
