"""Note which jobs the ageing guard has looked at."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NOT_NOTED = sa.text("late_noted_at IS NULL")


def upgrade() -> None:
    op.add_column(
        "job",
        sa.Column(
            "late_noted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the ageing guard looked at it, its priority's limit having passed",
        ),
    )
    op.create_index(
        "ix_job_not_noted",
        "job",
        ["priority", "created_at"],
        sqlite_where=_NOT_NOTED,
        postgresql_where=_NOT_NOTED,
    )


def downgrade() -> None:
    op.drop_index("ix_job_not_noted", "job")
    op.drop_column("job", "late_noted_at")
