"""The account of somebody who came from the identity provider: made at the first sign-in, kept up to date at each."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service import audit
from service.oidc.errors import EndedError, NameTakenError
from service.oidc.identity import Identity
from service.store.desk_tables import Account

ACTOR = "identity provider"


def account_of(session: Session, identity: Identity, now: datetime) -> Account:
    """The person's account with today's roles. It is theirs by issuer and subject: a name alone opens nothing.

    Raises NameTakenError, EndedError.
    """
    known = session.scalars(
        select(Account)
        .where(Account.issuer == identity.issuer, Account.subject == identity.subject)
        .with_for_update()
    ).one_or_none()
    if known is None:
        return _made(session, identity, now)
    if not known.is_active:
        raise EndedError
    if sorted(known.roles) != sorted(identity.roles):
        audit.record(
            session,
            "account_roles_changed",
            None,
            ACTOR,
            now,
            account=known.name,
            before=known.roles,
            roles=identity.roles,
        )
    known.full_name, known.roles = identity.full_name, list(identity.roles)
    return known


def _made(session: Session, identity: Identity, now: datetime) -> Account:
    if session.get(Account, identity.name) is not None:
        raise NameTakenError
    made = Account(
        name=identity.name,
        full_name=identity.full_name,
        password_hash="",
        issuer=identity.issuer,
        subject=identity.subject,
        roles=list(identity.roles),
        must_change=False,
        is_active=True,
        created_at=now,
    )
    session.add(made)
    session.flush()
    audit.record(session, "account_created", None, ACTOR, now, account=made.name, roles=made.roles)
    return made
