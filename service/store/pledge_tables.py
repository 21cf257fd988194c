"""Table of what peers asked us to commit to (Storage Commitment with us as SCP, PS3.4 annex J)."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables import UID, Base


class Pledge(Base):
    """One request of a peer. Durable before the peer is told that it was taken, so that its answer survives a restart."""

    __tablename__ = "pledge"
    __table_args__ = (
        CheckConstraint("state IN ('owed', 'answered', 'given_up')", name="state"),
        Index("ix_pledge_state_try_at", "state", "try_at"),
    )

    transaction_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    caller: Mapped[str] = mapped_column(String(16), comment="AE title of the peer that asked")
    objects: Mapped[list[str]] = mapped_column(comment="SOP Class UID and SOP Instance UID of each object")
    state: Mapped[str] = mapped_column(String(16))
    tries: Mapped[int] = mapped_column(default=0)
    try_at: Mapped[datetime] = mapped_column(comment="when to answer (again) while owed")
    last_error: Mapped[str] = mapped_column(Text, default="")
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
