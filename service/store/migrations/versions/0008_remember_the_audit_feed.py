"""Remember how far the trail was sent to the receiver of audit messages."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_feed",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "sequence",
            sa.Integer(),
            nullable=False,
            comment="last event whose messages were handed to the receiver",
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "failing_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the receiver does not take them since",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_feed")),
    )


def downgrade() -> None:
    op.drop_table("audit_feed")
