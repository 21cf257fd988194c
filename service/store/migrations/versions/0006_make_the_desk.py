"""Make the tables of the desk: reading list, acknowledgements, assessments, escalations, accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _account()
    _worklist_state()
    _escalation()
    _sign_in()
    _worklist_entry()
    _acknowledgement()
    _assessment()


def downgrade() -> None:
    op.drop_table("assessment")
    op.drop_table("acknowledgement")
    op.drop_table("worklist_entry")
    op.drop_table("sign_in")
    op.drop_table("escalation")
    op.drop_table("worklist_state")
    op.drop_table("account")


def _searched(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _account() -> None:
    op.create_table(
        "account",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("full_name", sa.String(length=128), nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=False, comment="argon2id"),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column(
            "must_change",
            sa.Boolean(),
            nullable=False,
            comment="the password was given once and has to be changed",
        ),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account")),
    )


def _worklist_state() -> None:
    op.create_table(
        "worklist_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False, comment="of the last event that was followed"),
        sa.Column("version", sa.Integer(), nullable=False, comment="counts each change of the list"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it was last up to date"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worklist_state")),
    )


def _escalation() -> None:
    op.create_table(
        "escalation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.String(length=2), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("told_to", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["study.study_instance_uid"],
            name=op.f("fk_escalation_study_instance_uid_study"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation")),
    )
    op.create_index(
        "ix_escalation_study", "escalation", ["study_instance_uid", "priority", "step"], unique=True
    )


def _sign_in() -> None:
    op.create_table(
        "sign_in",
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("account_name", sa.String(length=64), nullable=False),
        sa.Column(
            "form_token", sa.String(length=64), nullable=False, comment="what each of its forms has to carry"
        ),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_name"], ["account.name"], name=op.f("fk_sign_in_account_name_account")
        ),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("pk_sign_in")),
    )
    op.create_index(op.f("ix_sign_in_account_name"), "sign_in", ["account_name"], unique=False)


def _worklist_entry() -> None:
    op.create_table(
        "worklist_entry",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("is_flagged", sa.Boolean(), nullable=False),
        sa.Column(
            "is_read", sa.Boolean(), nullable=False, comment="its latest result was assessed by a radiologist"
        ),
        sa.Column(
            "place", sa.Integer(), nullable=False, comment="most urgent first; see service/reading_list.py"
        ),
        sa.Column(
            "order_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="within a place: when the target passes, else when it came",
        ),
        sa.Column("target_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "ages_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the ageing guard looks at it next",
        ),
        sa.Column("patient_id", _searched(64), nullable=False),
        sa.Column("patient_name", sa.String(length=324), nullable=False),
        sa.Column("search_name", _searched(324), nullable=False, comment="patient_name in capitals"),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("accession_number", _searched(16), nullable=False),
        sa.Column("study_date", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("is_provisional", sa.Boolean(), nullable=False, comment="a newer result may still come"),
        sa.Column("decided", sa.String(length=2), nullable=True),
        sa.Column(
            "shown", sa.String(length=2), nullable=True, comment="decided, or one level higher by its age"
        ),
        sa.Column("why_raised", sa.Text(), nullable=False),
        sa.Column("could_be", sa.String(length=2), nullable=True),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("not_assessed", sa.JSON(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=True, comment="after infusion"),
        sa.Column("icans_grade", sa.Integer(), nullable=True),
        sa.Column("job_id", sa.String(length=64), nullable=False, comment="of the latest result, else empty"),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("deliveries_stored", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=64), nullable=False),
        sa.Column("escalated", sa.Integer(), nullable=False, comment="steps of the ladder that were climbed"),
        sa.Column(
            "verdict", sa.String(length=16), nullable=False, comment="of the latest result, else empty"
        ),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["study.study_instance_uid"],
            name=op.f("fk_worklist_entry_study_instance_uid_study"),
        ),
        sa.PrimaryKeyConstraint("study_instance_uid", name=op.f("pk_worklist_entry")),
    )
    op.create_index("ix_worklist_entry_ages_at", "worklist_entry", ["ages_at"], unique=False)
    op.create_index(
        "ix_worklist_entry_order",
        "worklist_entry",
        ["is_flagged", "is_read", "place", "order_at", "study_instance_uid"],
        unique=False,
    )
    op.create_index(
        "ix_worklist_entry_all", "worklist_entry", ["is_read", "place", "order_at", "study_instance_uid"]
    )
    for name in ("patient_id", "search_name", "accession_number"):
        op.create_index(op.f(f"ix_worklist_entry_{name}"), "worklist_entry", [name])


def _acknowledgement() -> None:
    op.create_table(
        "acknowledgement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.String(length=2), nullable=False, comment="of the study, at that moment"),
        sa.Column("user_name", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "seconds", sa.Double(), nullable=False, comment="since the result with this priority was there"
        ),
        sa.Column("target_seconds", sa.Double(), nullable=True, comment="the reading target of the priority"),
        sa.ForeignKeyConstraint(["job_id"], ["job.job_id"], name=op.f("fk_acknowledgement_job_id_job")),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["study.study_instance_uid"],
            name=op.f("fk_acknowledgement_study_instance_uid_study"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acknowledgement")),
    )
    op.create_index(
        op.f("ix_acknowledgement_study_instance_uid"), "acknowledgement", ["study_instance_uid"], unique=False
    )


def _assessment() -> None:
    op.create_table(
        "assessment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("user_name", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "is_positive", sa.Boolean(), nullable=False, comment="the result had an imaging pattern present"
        ),
        sa.CheckConstraint("verdict IN ('agree', 'disagree', 'other')", name=op.f("ck_assessment_verdict")),
        sa.ForeignKeyConstraint(["job_id"], ["job.job_id"], name=op.f("fk_assessment_job_id_job")),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["study.study_instance_uid"],
            name=op.f("fk_assessment_study_instance_uid_study"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessment")),
    )
    op.create_index(op.f("ix_assessment_job_id"), "assessment", ["job_id"], unique=False)
    op.create_index(
        op.f("ix_assessment_study_instance_uid"), "assessment", ["study_instance_uid"], unique=False
    )
