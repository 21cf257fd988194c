"""Chain the trail: each event holds the digest of the one before; events are never changed or removed."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from service.store.chain import GENESIS, hash_of
from service.store.tables import UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BEFORE_THE_CHAIN = "before 0.1"
"""Software of events from before they carried one."""
_AT_ONCE = 1000
_NEW: dict[str, sa.types.TypeEngine[Any]] = {
    "sequence": sa.Integer(),
    "software": sa.String(length=32),
    "policy_digest": sa.String(length=64),
    "input_digest": sa.String(length=64),
    "previous_hash": sa.String(length=64),
    "hash": sa.String(length=64),
}
_COMMENTS = {
    "sequence": "place in the chain, from 1, without a gap",
    "software": "version of cartriage that wrote it",
    "policy_digest": "of the policy it tells of, else empty",
    "input_digest": "of the snapshot it tells of, else empty",
    "hash": "SHA-256, see service/store/chain.py",
}
_EVENT = sa.table(
    "audit_event",
    sa.column("id", sa.Integer),
    sa.column("at", UTCDateTime),
    *(sa.column(name, sa.String) for name in ("event", "study_instance_uid", "actor")),
    sa.column("detail", sa.JSON),
    *(sa.column(name, kind) for name, kind in _NEW.items()),
)


def upgrade() -> None:
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    for name, kind in _NEW.items():
        op.add_column("audit_event", sa.Column(name, kind, nullable=True, comment=_COMMENTS.get(name)))
    sequence, last = _chain()
    op.bulk_insert(head, [{"id": 1, "sequence": sequence, "hash": last}])
    with op.batch_alter_table("audit_event") as batch:
        for name, kind in _NEW.items():
            batch.alter_column(name, existing_type=kind, nullable=False)
        batch.create_unique_constraint(op.f("uq_audit_event_sequence"), ["sequence"])
    _forbid_changes()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_event_append_only ON audit_event")
        op.execute("DROP FUNCTION cartriage_append_only()")
    else:
        op.execute("DROP TRIGGER audit_event_no_update")
        op.execute("DROP TRIGGER audit_event_no_delete")
    with op.batch_alter_table("audit_event") as batch:
        batch.drop_constraint(op.f("uq_audit_event_sequence"), type_="unique")
        for name in _NEW:
            batch.drop_column(name)
    op.drop_table("audit_head")


def _chain() -> tuple[int, str]:
    """Chain what is there, in the order it was written; returns the last sequence and hash."""
    connection = op.get_bind()
    sequence, last, last_id = 0, GENESIS, 0
    while True:
        held = sa.select(_EVENT).where(_EVENT.c.id > last_id).order_by(_EVENT.c.id).limit(_AT_ONCE)
        rows = connection.execute(held).mappings().all()
        if not rows:
            return sequence, last
        for row in rows:
            sequence += 1
            new = {
                "sequence": sequence,
                "software": _BEFORE_THE_CHAIN,
                "policy_digest": _policy(row["detail"]),
                "input_digest": str(row["detail"].get("input_digest", ""))[:64],
                "previous_hash": last,
            }
            new["hash"] = last = hash_of({**row, **new})
            connection.execute(sa.update(_EVENT).where(_EVENT.c.id == row["id"]).values(**new))
        last_id = rows[-1]["id"]


def _policy(detail: dict[str, object]) -> str:
    policy = detail.get("policy")
    return str(policy.get("digest", ""))[:64] if isinstance(policy, dict) else ""


def _forbid_changes() -> None:
    """A first wall: who has the database can take it down, and the chain shows what was done then."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION cartriage_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the trail is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event "
            "FOR EACH ROW EXECUTE FUNCTION cartriage_append_only()"
        )
        return
    for change in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER audit_event_no_{change} BEFORE {change.upper()} ON audit_event "
            "BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END"
        )
