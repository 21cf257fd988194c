"""Remember the series that settled before their study was whole."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settled_series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("series_instance_uid", sa.String(64), nullable=False),
        sa.Column("objects", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(16), nullable=False, comment="rules.settling.Ended"),
        sa.Column(
            "role",
            sa.String(16),
            nullable=False,
            comment="rules.anatomy.Role, told by a worker; empty until then",
        ),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "warm_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when to ask the workers to warm their cache with it; null once asked",
        ),
        sa.Column(
            "reported_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it went into a provisional result",
        ),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["study.study_instance_uid"],
            name=op.f("fk_settled_series_study_instance_uid_study"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settled_series")),
        sa.UniqueConstraint(
            "study_instance_uid", "series_instance_uid", name=op.f("uq_settled_series_study_instance_uid")
        ),
    )
    op.create_index(op.f("ix_settled_series_study_instance_uid"), "settled_series", ["study_instance_uid"])
    op.create_index(op.f("ix_settled_series_warm_at"), "settled_series", ["warm_at"])


def downgrade() -> None:
    op.drop_table("settled_series")
