"""Keep the priors that were fetched, and what was searched for."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prior_search",
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False, comment="why nothing was fetched, one clause"),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("try_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('owed', 'done', 'given_up')", name=op.f("ck_prior_search_state")),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["study.study_instance_uid"],
            name=op.f("fk_prior_search_study_instance_uid_study"),
        ),
        sa.PrimaryKeyConstraint("study_instance_uid", name=op.f("pk_prior_search")),
    )
    op.create_table(
        "prior_instance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("series_instance_uid", sa.String(64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("sop_class_uid", sa.String(64), nullable=False),
        sa.Column("patient_id", sa.String(64), nullable=False),
        sa.Column("issuer", sa.String(64), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("study_date", sa.Date(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="relative to the file store's root"),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("archive", sa.String(32), nullable=False, comment="name of the archive that it came from"),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prior_instance")),
        sa.UniqueConstraint("sop_instance_uid", "sha256", name=op.f("uq_prior_instance_sop_instance_uid")),
    )
    op.create_index(op.f("ix_prior_instance_study_instance_uid"), "prior_instance", ["study_instance_uid"])
    op.create_index(op.f("ix_prior_instance_patient_id"), "prior_instance", ["patient_id"])


def downgrade() -> None:
    op.drop_table("prior_instance")
    op.drop_table("prior_search")
