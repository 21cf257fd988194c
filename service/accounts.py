"""Who may sign in, with what password, and what their roles allow."""

import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service import audit
from service.errors import ServiceError
from service.store.desk_tables import Account, SignIn

MIN_PASSWORD = 12
MAX_PASSWORD = 256
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
_HASHER = PasswordHasher()
"""argon2id with the library's parameters (RFC 9106, low-memory profile)."""
_NOBODY = _HASHER.hash(secrets.token_urlsafe())
"""Checked when there is no such account, so that the answer takes as long."""


class Role(StrEnum):
    RADIOLOGIST = "radiologist"
    COORDINATOR = "coordinator"
    """Keeps the patients' context."""
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Right(StrEnum):
    """What a page or a request of the API asks for."""

    SIGNED_IN = "signed_in"
    READ = "read"
    """See studies and patients."""
    ANSWER = "answer"
    """Acknowledge and assess."""
    CONTEXT = "context"
    """Flag patients and enter their context."""
    AUDIT = "audit"
    OPERATE = "operate"
    """Queues, disk, deliveries."""
    ACCOUNTS = "accounts"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.RADIOLOGIST: frozenset({Right.READ, Right.ANSWER}),
    Role.COORDINATOR: frozenset({Right.READ, Right.CONTEXT}),
    Role.AUDITOR: frozenset({Right.READ, Right.AUDIT}),
    Role.ADMINISTRATOR: frozenset({Right.READ, Right.OPERATE, Right.ACCOUNTS}),
}
"""Nobody answers alerts but radiologists, nobody enters context but coordinators."""


class AccountError(ServiceError):
    """The account cannot be made or changed."""


def rights_of(roles: Iterable[str]) -> frozenset[Right]:
    """All that somebody with these roles may do."""
    return frozenset({Right.SIGNED_IN}).union(*(RIGHTS[Role(role)] for role in roles))


def create(
    session: Session, name: str, full_name: str, roles: Sequence[Role], actor: str, now: datetime
) -> str:
    """Make an account; returns its one-time password, which is kept nowhere.

    Raises AccountError.
    """
    if not _NAME.fullmatch(name):
        raise AccountError("a name has 2 to 32 small letters, digits, dots, hyphens or underscores")
    if not roles:
        raise AccountError("an account needs a role")
    if session.get(Account, name) is not None:
        raise AccountError(f"there is an account {name}")
    password = secrets.token_urlsafe(12)
    session.add(
        Account(
            name=name,
            full_name=full_name.strip()[:128] or name,
            password_hash=_HASHER.hash(password),
            roles=[role.value for role in roles],
            must_change=True,
            is_active=True,
            created_at=now,
        )
    )
    audit.record(session, "account_created", None, actor, now, account=name, roles=roles)
    return password


def create_first(session: Session, now: datetime) -> str | None:
    """The first account `admin` with all roles, if there is none at all; returns its one-time password."""
    if session.scalar(select(func.count()).select_from(Account)):
        return None
    return create(session, "admin", "Administrator", list(Role), "first start", now)


def reset(session: Session, name: str, actor: str, now: datetime) -> str:
    """A new one-time password; ends all sessions of the account.

    Raises AccountError.
    """
    account = _existing(session, name)
    _expect_local(account)
    password = secrets.token_urlsafe(12)
    account.password_hash, account.must_change, account.is_active = _HASHER.hash(password), True, True
    session.execute(delete(SignIn).where(SignIn.account_name == name))
    audit.record(session, "password_reset", None, actor, now, account=name)
    return password


def deactivate(session: Session, name: str, actor: str, now: datetime) -> None:
    """Let nobody sign in with an account any more; ends its sessions. The last administrator stays.

    Raises AccountError.
    """
    account = _existing(session, name)
    others = [
        one
        for one in session.scalars(select(Account).where(Account.is_active, Account.name != name))
        if Role.ADMINISTRATOR in one.roles
    ]
    if not others:
        raise AccountError("no administrator would be left")
    account.is_active = False
    session.execute(delete(SignIn).where(SignIn.account_name == name))
    audit.record(session, "account_deactivated", None, actor, now, account=name)


def readmit(session: Session, name: str, actor: str, now: datetime) -> None:
    """Let somebody from the identity provider sign in again after their account was ended.

    Raises AccountError.
    """
    account = _existing(session, name)
    if account.subject is None:
        raise AccountError("a local account is let in again with a new password")
    account.is_active = True
    audit.record(session, "account_readmitted", None, actor, now, account=name)


def change_password(session: Session, name: str, old: str, new: str, now: datetime) -> None:
    """Change one's own password.

    Raises AccountError.
    """
    account = _existing(session, name)
    _expect_local(account)
    if not is_right(account, old):
        raise AccountError("the present password is another one")
    if not MIN_PASSWORD <= len(new) <= MAX_PASSWORD:
        raise AccountError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    if new == old or new.lower() in (name, account.full_name.lower()):
        raise AccountError("take a password that is neither the old one nor your name")
    account.password_hash, account.must_change = _HASHER.hash(new), False
    audit.record(session, "password_changed", None, name, now)


def is_right(account: Account | None, password: str) -> bool:
    """Whether an active account has this password; takes as long if there is none."""
    held = account.password_hash if account and account.password_hash else _NOBODY
    try:
        fits = _HASHER.verify(held, password[:MAX_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
    return fits and account is not None and held == account.password_hash and account.is_active


def _expect_local(account: Account) -> None:
    if account.subject is not None:
        raise AccountError("this person signs in through the identity provider and has no password here")


def _existing(session: Session, name: str) -> Account:
    account = session.get(Account, name, with_for_update=True)
    if account is None:
        raise AccountError(f"there is no account {name}")
    return account
