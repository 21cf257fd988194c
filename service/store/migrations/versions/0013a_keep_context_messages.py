"""Keep the messages of the context feeds that told of a flagged patient or were set aside, and what they told."""

import sqlalchemy as sa
from alembic import op

revision = "0013a"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "context_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False, comment="digest of feed, sender and its identifier"),
        sa.Column("feed", sa.String(8), nullable=False, comment="hl7 or fhir"),
        sa.Column("sender", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False, comment="as in ORU^R01 or Observation"),
        sa.Column("content_digest", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("fault", sa.String(16), nullable=False, comment="name of the fault, else empty"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why it was set aside; nothing of a patient"),
        sa.Column(
            "path",
            sa.Text(),
            nullable=False,
            comment="of what was set aside, in the data folder; empty once it is gone",
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('taken', 'set_aside', 'dropped')", name=op.f("ck_context_message_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_context_message")),
        sa.UniqueConstraint("key", name=op.f("uq_context_message_key")),
    )
    op.create_index("ix_context_message_state_id", "context_message", ["state", "id"])
    op.create_index(op.f("ix_context_message_received_at"), "context_message", ["received_at"])
    op.create_table(
        "context_reading",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.String(64), nullable=False),
        sa.Column("issuer", sa.String(64), nullable=False),
        sa.Column("field", sa.String(32), nullable=False),
        sa.Column("value", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_withdrawn", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["context_message.id"], name=op.f("fk_context_reading_message_id_context_message")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_context_reading")),
    )
    op.create_index("ix_context_reading_field", "context_reading", ["patient_id", "issuer", "field", "at"])
    op.create_index(op.f("ix_context_reading_message_id"), "context_reading", ["message_id"])
    op.create_table(
        "context_poll",
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column(
            "since",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="what was changed at this moment or later is asked for",
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_context_poll")),
    )


def downgrade() -> None:
    op.drop_table("context_poll")
    op.drop_table("context_reading")
    op.drop_table("context_message")
