"""Signing in and out: sessions in the database, their token in a cookie that scripts cannot read."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.responses import Response

from service.accounts import Role, is_right, rights_of
from service.audit import record
from service.settings import Settings
from service.store.desk_tables import Account, SignIn
from service.tokens import holder_of
from service.web.house import House, Person

LONGEST = timedelta(hours=12)
_NOTE_EVERY = timedelta(seconds=60)
"""How exactly the last click is remembered."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A sign-in that did not succeed, in words that tell nothing of the account."""

    words: str
    status: int


def sign_in(house: House, name: str, password: str, address: str, now: datetime) -> str | Refused:
    """The token of a new session, or why there is none."""
    if house.settings.local_sign_in == "nobody":
        return Refused("Passwords are switched off here.", 403)
    keys = (f"name:{name}", f"address:{address}")
    if any(house.attempts.is_spent(key) for key in keys):
        return Refused("Too many tries. Wait a few minutes.", 429)
    with house.store.session() as session:
        account = session.get(Account, name)
        if not is_right(account, password) or account is None or not is_let_in(house.settings, account):
            # The name as typed may be a password in the wrong field: only a known one is written down.
            actor = name if account else "unknown"
            record(session, "sign_in_failed", None, actor, now, address=address)
            refused = True
        else:
            refused = False
            token = begin_session(session, account, now)
            is_emergency = house.settings.local_sign_in == "administrators"
            told = {"address": address, "method": "password", "is_emergency": is_emergency}
            record(session, "signed_in", None, name, now, **told)
    if refused:
        for key in keys:
            house.attempts.count(key)
        return Refused("Name or password is wrong.", 401)
    house.attempts.forget(keys[0])
    return token


def sign_out(house: House, person: Person, now: datetime) -> None:
    """End the session."""
    with house.store.session() as session:
        session.execute(delete(SignIn).where(SignIn.token_digest == person.token_digest))
        record(session, "signed_out", None, person.name, now)
    house.seen.pop(person.token_digest, None)


def person_of(house: House, token: str, now: datetime) -> Person | None:
    """Who the token stands for; None if it is unknown, too old or idle for too long."""
    if not token:
        return None
    digest = digest_of(token)
    with house.store.glance() as session:
        found = session.execute(
            select(SignIn, Account)
            .join(Account, Account.name == SignIn.account_name)
            .where(SignIn.token_digest == digest, Account.is_active)
        ).one_or_none()
    if found is None:
        return None
    held, account = found
    if not is_let_in(house.settings, account):
        return None
    idle = timedelta(minutes=house.settings.web_idle_min)
    if now - held.seen_at > idle or now - held.began_at > LONGEST:
        return None
    if now - held.seen_at > _NOTE_EVERY:
        _note_seen(house, digest, now)
    return Person(
        name=account.name,
        full_name=account.full_name,
        roles=tuple(account.roles),
        rights=rights_of(account.roles),
        form_token=held.form_token,
        token_digest=digest,
        must_change=account.must_change,
        has_password=account.subject is None,
    )


def machine_of(house: House, authorization: str, address: str, now: datetime) -> Person | None:
    """The system that a token stands for; None, and a line in the trail, if it lets nobody in."""
    key = f"token:{address}"
    if house.attempts.is_spent(key):
        return None
    holder = holder_of(house.store, authorization, now)
    if holder is None:
        house.attempts.count(key)
        with house.store.session() as session:
            record(session, "api_token_refused", None, "unknown", now, address=address)
        return None
    return Person(
        name=holder.name,
        full_name=holder.name,
        roles=holder.roles,
        rights=holder.rights,
        form_token="",
        token_digest=holder.digest,
        must_change=False,
        is_machine=True,
    )


def is_let_in(settings: Settings, account: Account) -> bool:
    """Whether the settings open the way that an account comes by."""
    if account.subject is not None:
        return settings.oidc is not None and settings.oidc.issuer == account.issuer
    if settings.local_sign_in == "administrators":
        return Role.ADMINISTRATOR in account.roles
    return settings.local_sign_in == "everybody"


def inside(target: str) -> str:
    """Only paths of our own: a link must not lead elsewhere after the sign-in."""
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\", "/sign-in"))
    return target if is_ours else "/"


def cookie_name(house: House) -> str:
    """With its prefix a browser takes the cookie from this host over TLS only (RFC 6265bis 4.1.3.2)."""
    return "__Host-cartriage" if house.settings.is_web_secure else "cartriage"


def set_cookie(response: Response, house: House, token: str) -> None:
    """Hand the token to the browser; an empty one takes it back."""
    response.set_cookie(
        cookie_name(house),
        token,
        max_age=int(LONGEST.total_seconds()) if token else 0,
        path="/",
        secure=house.settings.is_web_secure,
        httponly=True,
        samesite="strict",
    )


def digest_of(token: str) -> str:
    """What is stored of a token: who reads the database cannot sign in with it."""
    return hashlib.sha256(token.encode()).hexdigest()


def begin_session(session: Session, account: Account, now: datetime) -> str:
    """A new session of an account; returns its token."""
    session.execute(delete(SignIn).where(SignIn.began_at < now - LONGEST))
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            token_digest=digest_of(token),
            account_name=account.name,
            form_token=secrets.token_urlsafe(24),
            began_at=now,
            seen_at=now,
        )
    )
    account.signed_in_at = now
    return token


def _note_seen(house: House, digest: str, now: datetime) -> None:
    with house.store.session() as session:
        held = session.get(SignIn, digest)
        if held is not None:
            held.seen_at = now
