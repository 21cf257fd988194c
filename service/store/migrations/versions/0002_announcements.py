"""Keep what scanners and archives announce of a study."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "announced",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "key",
            sa.String(length=128),
            nullable=False,
            comment="UID of the step or notification, or archive and study",
        ),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=False, comment="rules.messages.Basis"),
        sa.Column("is_final", sa.Boolean(), nullable=False, comment="false while a scanner is still at it"),
        sa.Column(
            "series", sa.JSON(), nullable=False, comment="Series Instance UID to its number of objects"
        ),
        sa.Column("sender", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announced")),
        sa.UniqueConstraint("key", name=op.f("uq_announced_key")),
    )
    op.create_index(op.f("ix_announced_study_instance_uid"), "announced", ["study_instance_uid"])


def downgrade() -> None:
    op.drop_table("announced")
