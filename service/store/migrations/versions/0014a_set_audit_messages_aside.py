"""Set events aside whose audit messages cannot be made or are never taken."""

import sqlalchemy as sa
from alembic import op

revision = "0014a"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_feed_trouble",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_owed", sa.Boolean(), nullable=False, comment="a person wants it tried again"),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_feed_trouble")),
    )


def downgrade() -> None:
    op.drop_table("audit_feed_trouble")
