"""Tables of our own worklist (UPS): a workitem for each decided study, who watches it, and what they are still to be told."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables import UID, Base


class Workitem(Base):
    """A study to be read, as a Unified Procedure Step (PS3.3 B.26). A study that is raised after it was read gets another."""

    __tablename__ = "workitem"
    __table_args__ = (
        UniqueConstraint("study_instance_uid", "number"),
        CheckConstraint("state IN ('SCHEDULED', 'IN PROGRESS', 'COMPLETED', 'CANCELED')", name="state"),
    )

    sop_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"))
    number: Mapped[int] = mapped_column(comment="of this study's workitems, from 1")
    job_id: Mapped[str] = mapped_column(ForeignKey("job.job_id"), comment="whose result it tells")
    triage_priority: Mapped[str] = mapped_column(String(2), comment="the most urgent that it ever told")
    state: Mapped[str] = mapped_column(String(16), index=True)
    transaction_uid: Mapped[str] = mapped_column(UID, default="", comment="key of who claimed it; never told")
    claimed_by: Mapped[str] = mapped_column(String(64), default="", comment="AE title or user")
    attributes: Mapped[dict[str, Any]] = mapped_column(comment="DICOM JSON (PS3.18 F), as it is shown")
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class WorkitemWatch(Base):
    """A subscription: to one workitem, or to all that come (PS3.4 CC.2.3)."""

    __tablename__ = "workitem_watch"

    workitem: Mapped[str] = mapped_column(
        UID, primary_key=True, comment="its UID, or the well-known one of all"
    )
    receiver: Mapped[str] = mapped_column(String(16), primary_key=True, comment="AE title")


class WorkitemNews(Base):
    """An event that a subscriber is to be told (PS3.4 CC.2.4)."""

    __tablename__ = "workitem_news"
    __table_args__ = (
        Index("ix_workitem_news_receiver_state_try_at", "receiver", "state", "try_at"),
        CheckConstraint("state IN ('owed', 'told', 'given_up', 'dropped')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    workitem: Mapped[str] = mapped_column(ForeignKey("workitem.sop_instance_uid"))
    receiver: Mapped[str] = mapped_column(String(16))
    event_type: Mapped[int]
    information: Mapped[dict[str, Any]] = mapped_column(comment="DICOM JSON")
    state: Mapped[str] = mapped_column(String(16))
    tries: Mapped[int] = mapped_column(default=0)
    try_at: Mapped[datetime]
    last_error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    """When it happened, or a person asked to tell it again."""
    told_at: Mapped[datetime | None]
    alarmed_at: Mapped[datetime | None] = mapped_column(
        comment="urgent, unread and untold beyond its target since"
    )
