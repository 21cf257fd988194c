"""Let people sign in at the site's identity provider."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013c"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "account",
        sa.Column(
            "issuer",
            sa.String(255),
            nullable=False,
            server_default="",
            comment="identity provider, else empty",
        ),
    )
    op.add_column(
        "account",
        sa.Column("subject", sa.String(255), nullable=True, comment="whom the issuer means; null if local"),
    )
    op.create_index("ix_account_subject", "account", ["issuer", "subject"], unique=True)
    op.create_table(
        "sign_in_begun",
        sa.Column("state_digest", sa.String(64), nullable=False),
        sa.Column(
            "browser_digest", sa.String(64), nullable=False, comment="of the secret in the browser's cookie"
        ),
        sa.Column("next_path", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state_digest", name=op.f("pk_sign_in_begun")),
    )


def downgrade() -> None:
    op.drop_table("sign_in_begun")
    op.drop_index("ix_account_subject", "account")
    op.drop_column("account", "subject")
    op.drop_column("account", "issuer")
