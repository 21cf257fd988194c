"""Keep a worklist of our own (UPS): workitems, subscriptions, and what subscribers are to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "workitem",
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="of this study's workitems, from 1"),
        sa.Column("job_id", sa.String(64), nullable=False, comment="whose result it tells"),
        sa.Column(
            "triage_priority", sa.String(2), nullable=False, comment="the most urgent that it ever told"
        ),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column(
            "transaction_uid", sa.String(64), nullable=False, comment="key of who claimed it; never told"
        ),
        sa.Column("claimed_by", sa.String(64), nullable=False, comment="AE title or user"),
        sa.Column("attributes", sa.JSON(), nullable=False, comment="DICOM JSON (PS3.18 F), as it is shown"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('SCHEDULED', 'IN PROGRESS', 'COMPLETED', 'CANCELED')", name=op.f("ck_workitem_state")
        ),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["study.study_instance_uid"],
            name=op.f("fk_workitem_study_instance_uid_study"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.job_id"], name=op.f("fk_workitem_job_id_job")),
        sa.PrimaryKeyConstraint("sop_instance_uid", name=op.f("pk_workitem")),
        sa.UniqueConstraint("study_instance_uid", "number", name=op.f("uq_workitem_study_instance_uid")),
    )
    op.create_index(op.f("ix_workitem_state"), "workitem", ["state"])
    op.create_table(
        "workitem_watch",
        sa.Column("workitem", sa.String(64), nullable=False, comment="its UID, or the well-known one of all"),
        sa.Column("receiver", sa.String(16), nullable=False, comment="AE title"),
        sa.PrimaryKeyConstraint("workitem", "receiver", name=op.f("pk_workitem_watch")),
    )
    op.create_table(
        "workitem_news",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workitem", sa.String(64), nullable=False),
        sa.Column("receiver", sa.String(16), nullable=False),
        sa.Column("event_type", sa.Integer(), nullable=False),
        sa.Column("information", sa.JSON(), nullable=False, comment="DICOM JSON"),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('owed', 'told', 'given_up')", name=op.f("ck_workitem_news_state")),
        sa.ForeignKeyConstraint(
            ["workitem"], ["workitem.sop_instance_uid"], name=op.f("fk_workitem_news_workitem_workitem")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workitem_news")),
    )
    op.create_index(
        "ix_workitem_news_receiver_state_try_at", "workitem_news", ["receiver", "state", "try_at"]
    )


def downgrade() -> None:
    op.drop_table("workitem_news")
    op.drop_table("workitem_watch")
    op.drop_table("workitem")
