"""A sign-in through the identity provider, from the click to the session. One browser, one use, ten minutes."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete

from service.audit import record
from service.oidc.errors import NotTrustedError, OidcError, RefusedThereError, StartAgainError
from service.oidc.identity import identity_of
from service.oidc.people import account_of
from service.oidc.provider import Provider
from service.store.desk_tables import SignInBegun
from service.web.house import House
from service.web.signing_in import begin_session, digest_of

PATIENCE = timedelta(minutes=10)
"""How long somebody may take at the provider."""
_CODE_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that goes on at the provider."""

    url: str
    secret: str
    """For a cookie of this browser: nonce and code verifier are made from it and are kept nowhere."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What the browser brought back."""

    state: str
    secret: str
    code: str
    error: str
    issuer: str
    """Who says to have answered (RFC 9207); empty if the provider does not tell."""


def begin(house: House, provider: Provider, redirect_uri: str, next_path: str, now: datetime) -> Begun:
    """Remember that a sign-in began, and say where the browser has to go.

    Raises ProviderDownError, NotTrustedError.
    """
    state, secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    url = provider.sign_in_url(redirect_uri, state, _made_of(secret, "nonce"), _made_of(secret, "verifier"))
    with house.store.session() as session:
        session.execute(delete(SignInBegun).where(SignInBegun.began_at < now - PATIENCE))
        session.add(
            SignInBegun(
                state_digest=digest_of(state),
                browser_digest=digest_of(secret),
                next_path=next_path[:1024],
                began_at=now,
            )
        )
    return Begun(url, secret)


def finish(
    house: House, provider: Provider, returned: Returned, redirect_uri: str, address: str, now: datetime
) -> tuple[str, str]:
    """The token of a new session, and the page that was wanted. A refusal is audited.

    Raises StartAgainError, RefusedThereError, NotTrustedError, ProviderDownError, NoRoleError, NameTakenError, EndedError.
    """
    try:
        next_path = _taken(house, returned, now)
        token = _entered(house, provider, returned, redirect_uri, address, now)
    except OidcError as error:
        with house.store.session() as session:
            reason = f"{type(error).__name__.removesuffix('Error')}: {error.detail}".rstrip(": ")
            record(session, "sign_in_refused", None, "unknown", now, address=address, reason=reason)
        raise
    return token, next_path


def _taken(house: House, returned: Returned, now: datetime) -> str:
    """The page that was wanted; a state is gone once it came back, whatever comes of it."""
    with house.store.session() as session:
        begun = session.get(SignInBegun, digest_of(returned.state), with_for_update=True)
        if begun is not None:
            session.delete(begun)
    is_ours = begun is not None and hmac.compare_digest(begun.browser_digest, digest_of(returned.secret))
    if begun is None or not is_ours or now - begun.began_at > PATIENCE:
        raise StartAgainError
    return begun.next_path


def _entered(
    house: House, provider: Provider, returned: Returned, redirect_uri: str, address: str, now: datetime
) -> str:
    if returned.issuer not in ("", provider.oidc.issuer):
        raise NotTrustedError("another provider answered")
    if returned.error or not 0 < len(returned.code) <= _CODE_LENGTH:
        raise RefusedThereError(returned.error)
    id_token = provider.exchange(returned.code, _made_of(returned.secret, "verifier"), redirect_uri)
    identity = identity_of(provider, id_token, _made_of(returned.secret, "nonce"))
    with house.store.session() as session:
        account = account_of(session, identity, now)
        told = {"address": address, "method": "oidc", "issuer": identity.issuer, "roles": identity.roles}
        record(session, "signed_in", None, account.name, now, **told)
        return begin_session(session, account, now)


def _made_of(secret: str, use: str) -> str:
    """64 characters that only this browser and we can know."""
    return hmac.new(secret.encode(), use.encode(), hashlib.sha256).hexdigest()
