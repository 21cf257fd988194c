"""The database: what was received, what is owed, what was decided, what was delivered, and the trail of it all."""

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy import DateTime as _DateTime
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator


class UTCDateTime(TypeDecorator[datetime]):
    """An aware moment, stored as UTC (SQLite forgets time zones)."""

    impl = _DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    """One schema for SQLite and PostgreSQL; migrations are made from it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UTCDateTime,
        dict[str, Any]: JSON,
        list[str]: JSON,
    }


UID = String(64)
DIGEST = String(64)


class Study(Base):
    """A study as far as it has arrived."""

    __tablename__ = "study"

    study_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    patient_id: Mapped[str] = mapped_column(String(64))
    issuer: Mapped[str] = mapped_column(String(64), default="")
    patient_name: Mapped[str] = mapped_column(String(324), default="")
    birth_date: Mapped[date | None]
    accession_number: Mapped[str] = mapped_column(String(16), default="")
    description: Mapped[str] = mapped_column(String(64), default="")
    study_date: Mapped[date | None]
    order_priority: Mapped[str] = mapped_column(String(16), default="")
    received_at: Mapped[datetime]
    last_received_at: Mapped[datetime] = mapped_column(index=True)
    settled_snapshot: Mapped[int] = mapped_column(
        default=0, comment="number of the latest snapshot, 0 before the first"
    )
    settled_digest: Mapped[str] = mapped_column(
        DIGEST, default="", comment="input digest of the latest snapshot"
    )
    is_open: Mapped[bool] = mapped_column(
        default=True, index=True, comment="something arrived since the last snapshot"
    )
    has_identity_conflict: Mapped[bool] = mapped_column(
        default=False, comment="its objects name more than one patient: no context may be fused"
    )

    instances: Mapped[list["Instance"]] = relationship(back_populates="study")
    jobs: Mapped[list["Job"]] = relationship(back_populates="study", order_by="Job.id")


class Instance(Base):
    """One received object: the row stands only after its bytes are durable."""

    __tablename__ = "instance"
    __table_args__ = (UniqueConstraint("sop_instance_uid", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"), index=True)
    series_instance_uid: Mapped[str] = mapped_column(UID, index=True)
    sop_instance_uid: Mapped[str] = mapped_column(UID)
    sop_class_uid: Mapped[str] = mapped_column(UID)
    transfer_syntax_uid: Mapped[str] = mapped_column(UID)
    modality: Mapped[str] = mapped_column(String(16), default="")
    body_part: Mapped[str] = mapped_column(String(16), default="")
    series_description: Mapped[str] = mapped_column(String(64), default="")
    path: Mapped[str] = mapped_column(Text, comment="relative to the file store's root")
    sha256: Mapped[str] = mapped_column(DIGEST)
    size_bytes: Mapped[int]
    calling_ae_title: Mapped[str] = mapped_column(String(16))
    received_at: Mapped[datetime]
    is_conflict: Mapped[bool] = mapped_column(
        default=False, comment="same SOP Instance UID came before with other bytes"
    )
    is_own: Mapped[bool] = mapped_column(default=False, comment="made by us and sent back: never analysed")

    study: Mapped[Study] = relationship(back_populates="instances")


class Announced(Base):
    """What a scanner or an archive said that a study has. It may come before the first image."""

    __tablename__ = "announced"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(
        String(128), unique=True, comment="UID of the step or notification, or archive and study"
    )
    study_instance_uid: Mapped[str] = mapped_column(UID, index=True)
    basis: Mapped[str] = mapped_column(String(16), comment="rules.messages.Basis")
    is_final: Mapped[bool] = mapped_column(comment="false while a scanner is still at it")
    series: Mapped[dict[str, Any]] = mapped_column(comment="Series Instance UID to its number of objects")
    sender: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class CohortPatient(Base):
    """A flagged patient: recipient of CAR-T cells, with the context by hand or import."""

    __tablename__ = "cohort_patient"
    __table_args__ = (UniqueConstraint("patient_id", "issuer"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[str] = mapped_column(String(64))
    issuer: Mapped[str] = mapped_column(String(64), default="")
    context: Mapped[dict[str, Any]] = mapped_column(comment="rules.context.PatientContext as plain data")
    context_digest: Mapped[str] = mapped_column(DIGEST)
    added_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class Job(Base):
    """One snapshot owed to the workers, from hand-over to result. The queue is only its doorbell."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("state IN ('owed', 'done', 'failed', 'declined')", name="state"),
        Index("ix_job_state_ring_at", "state", "ring_at"),
        Index(
            "ix_job_not_noted",
            "priority",
            "created_at",
            sqlite_where=text("late_noted_at IS NULL"),
            postgresql_where=text("late_noted_at IS NULL"),
        ),
        # All that figures ask of a result, without its row: SQLite reads a row's documents to reach what stands behind them.
        Index(
            "ix_job_done",
            *("done_at", "study_instance_uid", "job_id", "priority"),
            sqlite_where=text("done_at IS NOT NULL"),
            postgresql_where=text("done_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(DIGEST, unique=True)
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"), index=True)
    snapshot: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    decline_code: Mapped[str] = mapped_column(
        String(32), default="", comment="why the gate declined (rules.cohort.DeclineCode), else empty"
    )
    ready: Mapped[dict[str, Any] | None] = mapped_column(comment="StudyReady as plain data; null if declined")
    triaged: Mapped[dict[str, Any] | None] = mapped_column(comment="StudyTriaged as plain data, once done")
    priority: Mapped[str | None] = mapped_column(String(2), index=True)
    rings: Mapped[int] = mapped_column(default=0)
    ring_at: Mapped[datetime | None] = mapped_column(comment="when to ring (again) while owed")
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    late_noted_at: Mapped[datetime | None] = mapped_column(
        comment="when the ageing guard looked at it, its priority's limit having passed"
    )

    study: Mapped[Study] = relationship(back_populates="jobs")


class Report(Base):
    """A DICOM object made by the workers."""

    __tablename__ = "report"

    sop_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.job_id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    sop_class_uid: Mapped[str] = mapped_column(UID)
    series_instance_uid: Mapped[str] = mapped_column(UID)
    transfer_syntax_uid: Mapped[str] = mapped_column(UID)
    path: Mapped[str] = mapped_column(Text, comment="relative to the file store's root")
    sha256: Mapped[str] = mapped_column(DIGEST)


class Delivery(Base):
    """One object, or one notice of a decision, owed to one destination (the outbox)."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("sop_instance_uid", "destination"),
        CheckConstraint("state IN ('owed', 'stored', 'proven', 'dropped')", name="state"),
        Index("ix_delivery_destination_state_try_at", "destination", "state", "try_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"), index=True)
    job_id: Mapped[str | None] = mapped_column(
        ForeignKey("job.job_id"), index=True, comment="whose result it carries; null for originals"
    )
    cargo: Mapped[str] = mapped_column(String(16), comment="rules.routing.Cargo")
    sop_instance_uid: Mapped[str] = mapped_column(UID, comment="of a notice: derived from the job")
    sop_class_uid: Mapped[str] = mapped_column(UID, default="")
    series_instance_uid: Mapped[str] = mapped_column(UID, default="")
    transfer_syntax_uid: Mapped[str] = mapped_column(UID, default="")
    path: Mapped[str] = mapped_column(Text, default="", comment="relative to the file store's root")
    sha256: Mapped[str] = mapped_column(DIGEST, default="")
    destination: Mapped[str] = mapped_column(String(32), comment="name of a configured destination")
    priority: Mapped[str] = mapped_column(String(2), comment="urgent first")
    state: Mapped[str] = mapped_column(
        String(16), comment="owed; stored: the peer said so, proof awaited; proven; dropped by a person"
    )
    tries: Mapped[int] = mapped_column(default=0)
    try_at: Mapped[datetime] = mapped_column(comment="when to send, or, once stored, to ask for proof")
    last_error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    stored_at: Mapped[datetime | None]
    asks: Mapped[int] = mapped_column(default=0, comment="how often proof was asked for since it was stored")
    transaction_uid: Mapped[str | None] = mapped_column(
        UID, index=True, comment="Storage Commitment that is to prove it"
    )
    proven_at: Mapped[datetime | None]
    proof: Mapped[str] = mapped_column(String(16), default="", comment="response, commitment or read_back")
    alarmed_at: Mapped[datetime | None] = mapped_column(comment="urgent and unproven beyond its target since")


class Commitment(Base):
    """One Storage Commitment request (PS3.4 annex J): written before it is asked, so that its answer is never a stranger's."""

    __tablename__ = "commitment"
    __table_args__ = (CheckConstraint("state IN ('asked', 'answered', 'expired')", name="state"),)

    transaction_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    destination: Mapped[str] = mapped_column(String(32), index=True)
    state: Mapped[str] = mapped_column(String(16))
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime] = mapped_column(comment="without an answer by then it is asked anew")
    answered_at: Mapped[datetime | None]


class DestinationHealth(Base):
    """The circuit breaker of a destination: while it rests, nothing is tried and nothing is lost."""

    __tablename__ = "destination_health"

    destination: Mapped[str] = mapped_column(String(32), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0, comment="in a row; 0 is well")
    last_error: Mapped[str] = mapped_column(Text, default="")
    failed_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None] = mapped_column(comment="last time it answered")
    try_at: Mapped[datetime | None] = mapped_column(comment="not before this")
    try_urgent_at: Mapped[datetime | None] = mapped_column(comment="the same while a P1 or P2 waits")


class AuditEvent(Base):
    """Append-only trail: who did what to which study, when, with what. Each event holds the digest of the one before."""

    __tablename__ = "audit_event"

    id: Mapped[int] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(unique=True, comment="place in the chain, from 1, without a gap")
    at: Mapped[datetime]
    event: Mapped[str] = mapped_column(String(64), comment="static name, such as instance_stored")
    study_instance_uid: Mapped[str | None] = mapped_column(UID, index=True)
    actor: Mapped[str] = mapped_column(String(64), comment="process, AE title or user")
    software: Mapped[str] = mapped_column(String(32), comment="version of cartriage that wrote it")
    policy_digest: Mapped[str] = mapped_column(String(64), comment="of the policy it tells of, else empty")
    input_digest: Mapped[str] = mapped_column(String(64), comment="of the snapshot it tells of, else empty")
    detail: Mapped[dict[str, Any]]
    previous_hash: Mapped[str] = mapped_column(DIGEST)
    hash: Mapped[str] = mapped_column(DIGEST, comment="SHA-256, see service/store/chain.py")


class AuditHead(Base):
    """The end of the trail, one row: its lock makes writers take turns."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True)
    sequence: Mapped[int]
    hash: Mapped[str] = mapped_column(DIGEST)
