"""Find what figures ask of a result without its row."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_job_done",
        "job",
        ["done_at", "study_instance_uid", "job_id", "priority"],
        sqlite_where=sa.text("done_at IS NOT NULL"),
        postgresql_where=sa.text("done_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_job_done", table_name="job")
