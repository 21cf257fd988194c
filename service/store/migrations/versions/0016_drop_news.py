"""Let a person drop news that no subscriber took."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _allow("state IN ('owed', 'told', 'given_up', 'dropped')")


def downgrade() -> None:
    op.execute("UPDATE workitem_news SET state = 'given_up' WHERE state = 'dropped'")
    _allow("state IN ('owed', 'told', 'given_up')")


def _allow(states: str) -> None:
    name = op.f("ck_workitem_news_state")
    with op.batch_alter_table("workitem_news") as batch:
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, states)
