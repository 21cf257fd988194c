"""Keep the figures of the performance page."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0018a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_figures",
        sa.Column("days", sa.Integer(), autoincrement=False, nullable=False, comment="of the period"),
        sa.Column(
            "at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when they were found; their period's end",
        ),
        sa.Column("seconds", sa.Double(), nullable=False, comment="that it took to find them"),
        sa.Column("figures", sa.JSON(), nullable=False, comment="service.figures.Figures as plain data"),
        sa.PrimaryKeyConstraint("days", name=op.f("pk_kept_figures")),
    )


def downgrade() -> None:
    op.drop_table("kept_figures")
