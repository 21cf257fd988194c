"""Remember what peers asked us to commit to."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pledge",
        sa.Column("transaction_uid", sa.String(64), nullable=False),
        sa.Column("caller", sa.String(16), nullable=False, comment="AE title of the peer that asked"),
        sa.Column(
            "objects", sa.JSON(), nullable=False, comment="SOP Class UID and SOP Instance UID of each object"
        ),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column(
            "try_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when to answer (again) while owed",
        ),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('owed', 'answered', 'given_up')", name=op.f("ck_pledge_state")),
        sa.PrimaryKeyConstraint("transaction_uid", name=op.f("pk_pledge")),
    )
    op.create_index("ix_pledge_state_try_at", "pledge", ["state", "try_at"])


def downgrade() -> None:
    op.drop_table("pledge")
