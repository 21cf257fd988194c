"""Keep what was measured on which scanner."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scanner_result",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("manufacturer", sa.String(64), nullable=False, comment="(0008,0070)"),
        sa.Column("model", sa.String(64), nullable=False, comment="(0008,1090)"),
        sa.Column("station", sa.String(16), nullable=False, comment="(0008,1010)"),
        sa.Column("measured", sa.JSON(), nullable=False, comment="service.scanners.WATCHED to its value"),
        sa.Column(
            "reasons", sa.JSON(), nullable=False, comment="why something was not assessed, without regions"
        ),
        sa.Column("is_assessed", sa.Boolean(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.job_id"], name=op.f("fk_scanner_result_job_id_job")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_scanner_result")),
    )
    op.create_index(op.f("ix_scanner_result_study_instance_uid"), "scanner_result", ["study_instance_uid"])
    op.create_index(op.f("ix_scanner_result_done_at"), "scanner_result", ["done_at"])


def downgrade() -> None:
    op.drop_table("scanner_result")
