"""Create the store."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _audit_event()
    _cohort_patient()
    _study()
    _instance()
    _job()
    _report()
    _delivery()


def downgrade() -> None:
    op.drop_table("delivery")
    op.drop_table("report")
    op.drop_table("job")
    op.drop_table("instance")
    op.drop_table("study")
    op.drop_table("cohort_patient")
    op.drop_table("audit_event")


def _audit_event() -> None:
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "event", sa.String(length=64), nullable=False, comment="static name, such as instance_stored"
        ),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False, comment="process, AE title or user"),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_index(op.f("ix_audit_event_study_instance_uid"), "audit_event", ["study_instance_uid"])


def _cohort_patient() -> None:
    op.create_table(
        "cohort_patient",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.String(length=64), nullable=False),
        sa.Column("issuer", sa.String(length=64), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False, comment="rules.context.PatientContext as plain data"),
        sa.Column("context_digest", sa.String(length=64), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohort_patient")),
        sa.UniqueConstraint("patient_id", "issuer", name=op.f("uq_cohort_patient_patient_id")),
    )


def _study() -> None:
    op.create_table(
        "study",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("patient_id", sa.String(length=64), nullable=False),
        sa.Column("issuer", sa.String(length=64), nullable=False),
        sa.Column("patient_name", sa.String(length=324), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("accession_number", sa.String(length=16), nullable=False),
        sa.Column("description", sa.String(length=64), nullable=False),
        sa.Column("study_date", sa.Date(), nullable=True),
        sa.Column("order_priority", sa.String(length=16), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "settled_snapshot",
            sa.Integer(),
            nullable=False,
            comment="number of the latest snapshot, 0 before the first",
        ),
        sa.Column(
            "settled_digest",
            sa.String(length=64),
            nullable=False,
            comment="input digest of the latest snapshot",
        ),
        sa.Column(
            "is_open", sa.Boolean(), nullable=False, comment="something arrived since the last snapshot"
        ),
        sa.Column(
            "has_identity_conflict",
            sa.Boolean(),
            nullable=False,
            comment="its objects name more than one patient: no context may be fused",
        ),
        sa.PrimaryKeyConstraint("study_instance_uid", name=op.f("pk_study")),
    )
    op.create_index(op.f("ix_study_is_open"), "study", ["is_open"])
    op.create_index(op.f("ix_study_last_received_at"), "study", ["last_received_at"])


def _instance() -> None:
    op.create_table(
        "instance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("series_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("sop_class_uid", sa.String(length=64), nullable=False),
        sa.Column("transfer_syntax_uid", sa.String(length=64), nullable=False),
        sa.Column("modality", sa.String(length=16), nullable=False),
        sa.Column("body_part", sa.String(length=16), nullable=False),
        sa.Column("series_description", sa.String(length=64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="relative to the file store's root"),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("calling_ae_title", sa.String(length=16), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "is_conflict",
            sa.Boolean(),
            nullable=False,
            comment="same SOP Instance UID came before with other bytes",
        ),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["study.study_instance_uid"],
            name=op.f("fk_instance_study_instance_uid_study"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance")),
        sa.UniqueConstraint("sop_instance_uid", "sha256", name=op.f("uq_instance_sop_instance_uid")),
    )
    op.create_index(op.f("ix_instance_series_instance_uid"), "instance", ["series_instance_uid"])
    op.create_index(op.f("ix_instance_study_instance_uid"), "instance", ["study_instance_uid"])


def _job() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("snapshot", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column(
            "decline_code",
            sa.String(length=32),
            nullable=False,
            comment="why the gate declined (rules.cohort.DeclineCode), else empty",
        ),
        sa.Column("ready", sa.JSON(), nullable=True, comment="StudyReady as plain data; null if declined"),
        sa.Column("triaged", sa.JSON(), nullable=True, comment="StudyTriaged as plain data, once done"),
        sa.Column("priority", sa.String(length=2), nullable=True),
        sa.Column("rings", sa.Integer(), nullable=False),
        sa.Column(
            "ring_at", sa.DateTime(timezone=True), nullable=True, comment="when to ring (again) while owed"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('owed', 'done', 'failed', 'declined')", name=op.f("ck_job_state")),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"], ["study.study_instance_uid"], name=op.f("fk_job_study_instance_uid_study")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("job_id", name=op.f("uq_job_job_id")),
    )
    op.create_index(op.f("ix_job_priority"), "job", ["priority"])
    op.create_index("ix_job_state_ring_at", "job", ["state", "ring_at"])
    op.create_index(op.f("ix_job_study_instance_uid"), "job", ["study_instance_uid"])


def _report() -> None:
    op.create_table(
        "report",
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("sop_class_uid", sa.String(length=64), nullable=False),
        sa.Column("series_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("transfer_syntax_uid", sa.String(length=64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="relative to the file store's root"),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.job_id"], name=op.f("fk_report_job_id_job")),
        sa.PrimaryKeyConstraint("sop_instance_uid", name=op.f("pk_report")),
    )
    op.create_index(op.f("ix_report_job_id"), "report", ["job_id"])


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column(
            "destination", sa.String(length=32), nullable=False, comment="name of a configured destination"
        ),
        sa.Column("priority", sa.String(length=2), nullable=False, comment="urgent first"),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('owed', 'stored')", name=op.f("ck_delivery_state")),
        sa.ForeignKeyConstraint(
            ["sop_instance_uid"],
            ["report.sop_instance_uid"],
            name=op.f("fk_delivery_sop_instance_uid_report"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("sop_instance_uid", "destination", name=op.f("uq_delivery_sop_instance_uid")),
    )
    op.create_index("ix_delivery_state_try_at", "delivery", ["state", "try_at"])
