"""Keep images and events for a time: what was purged, and events may go that a checkpoint stands for."""

import sqlalchemy as sa
from alembic import op

revision = "0013b"
down_revision = "0013a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "purge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("objects", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("input_digest", sa.String(64), nullable=False, comment="of the latest snapshot"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purge")),
    )
    op.create_index(op.f("ix_purge_study_instance_uid"), "purge", ["study_instance_uid"])
    op.create_table(
        "audit_checkpoint",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False, comment="of the last event that was removed"),
        sa.Column("hash", sa.String(64), nullable=False, comment="of that event"),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False, comment="name in the folder of the archive"),
        sa.Column("sha256", sa.String(64), nullable=False, comment="of the file"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_checkpoint")),
        sa.UniqueConstraint("sequence", name=op.f("uq_audit_checkpoint_sequence")),
    )
    _allow_below_a_checkpoint()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION cartriage_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the trail is append-only'; END $$"
        )
    else:
        op.execute("DROP TRIGGER audit_event_no_delete")
        op.execute(
            "CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event "
            "BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END"
        )
    op.drop_table("audit_checkpoint")
    op.drop_table("purge")


def _allow_below_a_checkpoint() -> None:
    """The wall stays for every other change; a forged checkpoint shows, because the chain tells of each."""
    last = "(SELECT COALESCE(MAX(sequence), 0) FROM audit_checkpoint)"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION cartriage_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF TG_OP = 'DELETE' AND OLD.sequence <= {last} THEN RETURN OLD; END IF; "
            "RAISE EXCEPTION 'the trail is append-only'; END $$"
        )
        return
    op.execute("DROP TRIGGER audit_event_no_delete")
    op.execute(
        f"CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event WHEN OLD.sequence > {last} "
        "BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END"
    )
