"""Find the first and the last results of a scanner, however many there are."""

from alembic import op

revision = "0018a"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_scanner_result_scanner", "scanner_result", ["manufacturer", "model", "station", "done_at"]
    )


def downgrade() -> None:
    op.drop_index("ix_scanner_result_scanner", table_name="scanner_result")
