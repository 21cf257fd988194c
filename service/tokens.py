"""API tokens: how another system signs in to the REST interface. Their secret is shown once and kept as a digest only."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service import audit
from service.accounts import Right, Role, rights_of
from service.errors import ServiceError
from service.store.desk_tables import ApiToken
from service.store.session import Store

PERSONS_ONLY = frozenset({Right.SIGNED_IN, Right.ANSWER, Right.ACCOUNTS})
"""What no token may do, whatever its roles: an alert is acknowledged by a person, and people are let in by people."""
DEFAULT_DAYS = 365
MAX_DAYS = 3660
_PREFIX = "ctg_"
"""By it, secret scanners know what they found."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
_NOTE_EVERY = timedelta(seconds=60)
"""How exactly the last use is remembered."""


class TokenError(ServiceError):
    """The token cannot be made or revoked."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The system that a token stands for."""

    name: str
    """For the trail, as in `api:ris`."""
    roles: tuple[str, ...]
    rights: frozenset[Right]
    digest: str


def issue(session: Session, name: str, roles: Sequence[Role], days: int, actor: str, now: datetime) -> str:
    """Make a token; returns its secret, which is kept nowhere.

    Raises TokenError.
    """
    if not _NAME.fullmatch(name):
        raise TokenError("a name has 2 to 32 small letters, digits, dots, hyphens or underscores")
    if not roles:
        raise TokenError("a token needs a role")
    if not 1 <= days <= MAX_DAYS:
        raise TokenError(f"a token lasts 1 to {MAX_DAYS} days")
    if session.scalar(select(ApiToken.id).where(ApiToken.name == name)) is not None:
        raise TokenError(
            f"there is or was a token {name}; take another name, so that the trail tells them apart"
        )
    secret = _PREFIX + secrets.token_urlsafe(32)
    expires_at = now + timedelta(days=days)
    session.add(
        ApiToken(
            name=name,
            digest=_digest(secret),
            roles=[role.value for role in roles],
            created_by=actor[:64],
            created_at=now,
            expires_at=expires_at,
        )
    )
    audit.record(
        session, "api_token_issued", None, actor, now, token=name, roles=roles, expires_at=expires_at
    )
    return secret


def revoke(session: Session, name: str, actor: str, now: datetime) -> None:
    """Let nobody in with a token any more, at once.

    Raises TokenError.
    """
    token = session.scalar(select(ApiToken).where(ApiToken.name == name).with_for_update())
    if token is None or token.revoked_at is not None:
        raise TokenError(f"there is no token {name}")
    token.revoked_at = now
    audit.record(session, "api_token_revoked", None, actor, now, token=name)


def holder_of(store: Store, authorization: str, now: datetime) -> Holder | None:
    """Whom an `Authorization` header lets in, as in `Bearer ctg_…` (RFC 6750 2.1); None if it is nobody (any more).

    Raises StoreUnavailableError if the database does not answer.
    """
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer" or not secret.startswith(_PREFIX):
        return None
    digest = _digest(secret.strip())
    with store.reading() as session:
        token = session.scalar(select(ApiToken).where(ApiToken.digest == digest))
    if token is None or token.revoked_at is not None or token.expires_at <= now:
        return None
    if token.used_at is None or now - token.used_at > _NOTE_EVERY:
        _note_used(store, token.id, now)
    return Holder(f"api:{token.name}", tuple(token.roles), rights_of(token.roles) - PERSONS_ONLY, digest)


def issued(session: Session) -> Sequence[ApiToken]:
    """All tokens, by name."""
    return session.scalars(select(ApiToken).order_by(ApiToken.name)).all()


def _digest(secret: str) -> str:
    """256 random bits need no slow hash: nobody guesses them."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _note_used(store: Store, token_id: int, now: datetime) -> None:
    with store.session() as session:
        session.get_one(ApiToken, token_id).used_at = now
