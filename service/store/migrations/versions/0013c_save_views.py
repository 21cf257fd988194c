"""Save views of the reading list."""

import sqlalchemy as sa
from alembic import op

revision = "0013c"
down_revision = "0013b"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_view",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_name", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("show", sa.String(16), nullable=False),
        sa.Column("priority", sa.String(2), nullable=False, comment="empty is all"),
        sa.Column("text", sa.String(64), nullable=False, comment="what was searched for"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_name"], ["account.name"], name=op.f("fk_saved_view_account_name_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("account_name", "name", name=op.f("uq_saved_view_account_name")),
    )


def downgrade() -> None:
    op.drop_table("saved_view")
