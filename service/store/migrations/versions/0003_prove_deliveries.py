"""Prove deliveries: what is sent stands in its own row, with proof; commitments, and the health of destinations."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_UID = sa.String(64)


def upgrade() -> None:
    op.add_column(
        "instance",
        sa.Column(
            "is_own",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="made by us and sent back: never analysed",
        ),
    )
    # A copy, not a new name: PostgreSQL would keep the constraints' names with the old table.
    op.execute(sa.text("CREATE TABLE delivery_before AS SELECT * FROM delivery"))
    op.drop_table("delivery")
    _delivery()
    op.execute(
        sa.text(
            "INSERT INTO delivery (id, study_instance_uid, job_id, cargo, sop_instance_uid, sop_class_uid,"
            " series_instance_uid, transfer_syntax_uid, path, sha256, destination, priority, state, tries, try_at,"
            " last_error, created_at, stored_at, asks, proven_at, proof)"
            " SELECT d.id, j.study_instance_uid, j.job_id, r.kind, d.sop_instance_uid, r.sop_class_uid,"
            " r.series_instance_uid, r.transfer_syntax_uid, r.path, r.sha256, d.destination, d.priority,"
            " CASE d.state WHEN 'stored' THEN 'proven' ELSE d.state END, d.tries, d.try_at, d.last_error, d.created_at,"
            " d.stored_at, 0, d.stored_at, CASE d.state WHEN 'stored' THEN 'response' ELSE '' END"
            " FROM delivery_before d JOIN report r ON r.sop_instance_uid = d.sop_instance_uid"
            " JOIN job j ON j.job_id = r.job_id"
        )
    )
    op.drop_table("delivery_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            sa.text(
                "SELECT setval(pg_get_serial_sequence('delivery', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM delivery), false)"
            )
        )
    _commitment()
    _health()


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_instance_uid", _UID, nullable=False),
        sa.Column(
            "job_id", sa.String(64), nullable=True, comment="whose result it carries; null for originals"
        ),
        sa.Column("cargo", sa.String(16), nullable=False, comment="rules.routing.Cargo"),
        sa.Column("sop_instance_uid", _UID, nullable=False, comment="of a notice: derived from the job"),
        sa.Column("sop_class_uid", _UID, nullable=False),
        sa.Column("series_instance_uid", _UID, nullable=False),
        sa.Column("transfer_syntax_uid", _UID, nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="relative to the file store's root"),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("destination", sa.String(32), nullable=False, comment="name of a configured destination"),
        sa.Column("priority", sa.String(2), nullable=False, comment="urgent first"),
        sa.Column(
            "state",
            sa.String(16),
            nullable=False,
            comment="owed; stored: the peer said so, proof awaited; proven; dropped by a person",
        ),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column(
            "try_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when to send, or, once stored, to ask for proof",
        ),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "asks", sa.Integer(), nullable=False, comment="how often proof was asked for since it was stored"
        ),
        sa.Column("transaction_uid", _UID, nullable=True, comment="Storage Commitment that is to prove it"),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proof", sa.String(16), nullable=False, comment="response, commitment or read_back"),
        sa.Column(
            "alarmed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="urgent and unproven beyond its target since",
        ),
        sa.CheckConstraint(
            "state IN ('owed', 'stored', 'proven', 'dropped')", name=op.f("ck_delivery_state")
        ),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["study.study_instance_uid"],
            name=op.f("fk_delivery_study_instance_uid_study"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.job_id"], name=op.f("fk_delivery_job_id_job")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("sop_instance_uid", "destination", name=op.f("uq_delivery_sop_instance_uid")),
    )
    op.create_index(op.f("ix_delivery_study_instance_uid"), "delivery", ["study_instance_uid"])
    op.create_index(op.f("ix_delivery_job_id"), "delivery", ["job_id"])
    op.create_index(op.f("ix_delivery_transaction_uid"), "delivery", ["transaction_uid"])
    op.create_index("ix_delivery_destination_state_try_at", "delivery", ["destination", "state", "try_at"])


def _commitment() -> None:
    op.create_table(
        "commitment",
        sa.Column("transaction_uid", _UID, nullable=False),
        sa.Column("destination", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="without an answer by then it is asked anew",
        ),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('asked', 'answered', 'expired')", name=op.f("ck_commitment_state")),
        sa.PrimaryKeyConstraint("transaction_uid", name=op.f("pk_commitment")),
    )
    op.create_index(op.f("ix_commitment_destination"), "commitment", ["destination"])


def _health() -> None:
    op.create_table(
        "destination_health",
        sa.Column("destination", sa.String(32), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False, comment="in a row; 0 is well"),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True, comment="last time it answered"),
        sa.Column("try_at", sa.DateTime(timezone=True), nullable=True, comment="not before this"),
        sa.Column(
            "try_urgent_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the same while a P1 or P2 waits",
        ),
        sa.PrimaryKeyConstraint("destination", name=op.f("pk_destination_health")),
    )
