"""The tables of the context feeds: which messages came, what they told, and what was set aside for a person."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables import DIGEST, Base


class ContextMessage(Base):
    """A message that told of a flagged patient, or that could not be taken. What concerns nobody here leaves no row."""

    __tablename__ = "context_message"
    __table_args__ = (
        CheckConstraint("state IN ('taken', 'set_aside', 'dropped')", name="state"),
        Index("ix_context_message_state_id", "state", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(DIGEST, unique=True, comment="digest of feed, sender and its identifier")
    feed: Mapped[str] = mapped_column(String(8), comment="hl7 or fhir")
    sender: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32), comment="as in ORU^R01 or Observation")
    content_digest: Mapped[str] = mapped_column(DIGEST)
    state: Mapped[str] = mapped_column(String(16))
    fault: Mapped[str] = mapped_column(String(16), default="", comment="name of the fault, else empty")
    reason: Mapped[str] = mapped_column(
        Text, default="", comment="why it was set aside; nothing of a patient"
    )
    path: Mapped[str] = mapped_column(
        Text, default="", comment="of what was set aside, in the data folder; empty once it is gone"
    )
    received_at: Mapped[datetime] = mapped_column(index=True)
    done_at: Mapped[datetime | None]


class ContextReading(Base):
    """An observation of a flagged patient as a feed told it: the registry holds the one that counts."""

    __tablename__ = "context_reading"
    __table_args__ = (Index("ix_context_reading_field", "patient_id", "issuer", "field", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("context_message.id"), index=True)
    patient_id: Mapped[str] = mapped_column(String(64))
    issuer: Mapped[str] = mapped_column(String(64))
    field: Mapped[str] = mapped_column(String(32))
    value: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    is_withdrawn: Mapped[bool]


class ContextPoll(Base):
    """How far a FHIR server was asked for each kind of resource."""

    __tablename__ = "context_poll"

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    since: Mapped[datetime] = mapped_column(comment="what was changed at this moment or later is asked for")
    asked_at: Mapped[datetime]
