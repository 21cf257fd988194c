"""Note that urgent news was not told in time, so that it alarms once."""

import sqlalchemy as sa
from alembic import op

revision = "0016a"
down_revision = "0016"
branch_labels = None
depends_on = None

_WHEN = "urgent, unread and untold beyond its target since"


def upgrade() -> None:
    op.add_column(
        "workitem_news", sa.Column("alarmed_at", sa.DateTime(timezone=True), nullable=True, comment=_WHEN)
    )


def downgrade() -> None:
    op.drop_column("workitem_news", "alarmed_at")
