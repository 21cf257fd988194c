"""Who somebody is by their ID token: its signature, claims and groups."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from service.oidc.errors import NoRoleError, NotTrustedError
from service.oidc.provider import Provider
from service.oidc.settings import Oidc

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures by the provider's private key only: an HMAC, or none, could be made by others."""
_LEEWAY_S = 60
"""By so much two clocks may differ."""
_NAME_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom the provider knows, with the roles that the settings give their groups."""

    issuer: str
    subject: str
    """Never given to anybody else by this issuer; a name may be."""
    name: str
    full_name: str
    roles: tuple[str, ...]


def identity_of(
    provider: Provider, id_token: str, nonce: str, clock: Callable[[], float] = time.time
) -> Identity:
    """The person of an ID token (OpenID Connect Core 1.0, 3.1.3.7).

    nonce : of the sign-in that the token must be for

    Raises ProviderDownError, NotTrustedError, NoRoleError.
    """
    claims = _claims(provider, id_token)
    try:
        _expected(provider.oidc, nonce, int(clock())).validate(claims)
    except JoseError as error:
        raise NotTrustedError(f"its token is not for this sign-in: {error.error}") from error
    audience = claims["aud"]
    if claims.get("azp", provider.oidc.client_id) != provider.oidc.client_id or (
        isinstance(audience, list) and len(audience) > 1 and "azp" not in claims
    ):
        raise NotTrustedError("its token is for another service")
    return _person(provider.oidc, claims)


def _claims(provider: Provider, id_token: str) -> dict[str, Any]:
    try:
        try:
            return _decoded(id_token, provider.keys())
        except InvalidKeyIdError:
            return _decoded(id_token, provider.keys(are_new=True))
    except (JoseError, ValueError) as error:
        raise NotTrustedError("its token is not signed by it") from error


def _decoded(id_token: str, keys: KeySet) -> dict[str, Any]:
    return jwt.decode(id_token, keys, algorithms=_ALGORITHMS).claims


def _expected(oidc: Oidc, nonce: str, now: int) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        now=now,
        leeway=_LEEWAY_S,
        iss={"essential": True, "value": oidc.issuer},
        aud={"essential": True, "value": oidc.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )


def _person(oidc: Oidc, claims: dict[str, Any]) -> Identity:
    groups = _groups(claims, oidc.roles_claim)
    roles = {role: None for group in oidc.roles for role in oidc.roles[group] if group in groups}
    if not roles:
        raise NoRoleError
    name = str(claims.get(oidc.name_claim) or "").strip().lower()
    if not 2 <= len(name) <= _NAME_LENGTH or not name.isprintable() or " " in name:
        raise NotTrustedError(f"it gives no usable name as {oidc.name_claim}")
    return Identity(
        issuer=oidc.issuer,
        subject=str(claims["sub"]),
        name=name,
        full_name=str(claims.get("name") or name).strip()[:128],
        roles=tuple(roles),
    )


def _groups(claims: dict[str, Any], path: str) -> frozenset[str]:
    """The groups under a path; a claim whose own name has the dots (a URL) goes before."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
    given = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(str(one) for one in given)
