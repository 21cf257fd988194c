"""The identity provider over HTTP: what it offers, its keys, and the exchange of a code for an ID token."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from service.http import Answered, request
from service.oidc.errors import NotTrustedError, ProviderDownError, RefusedThereError
from service.oidc.settings import Oidc, protected
from service.settings import Settings

_TIMEOUT_S = 10.0
"""Of each request: a person waits for it."""
_FRESH_S = 3600.0
"""How long what the provider offers, and its keys, are taken from memory."""
_WELL_KNOWN = "/.well-known/openid-configuration"
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(slots=True)
class Provider:
    """One identity provider. Used by many threads; nothing is asked before somebody wants to sign in."""

    oidc: Oidc
    limits: Settings
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _offered: dict[str, Any] = field(default_factory=dict)
    _keys: KeySet | None = None
    _read_at: float = 0.0

    def offered(self) -> dict[str, Any]:
        """The provider's metadata (OpenID Connect Discovery 1.0, section 4).

        Raises ProviderDownError, NotTrustedError if it is another issuer's or lacks what is needed.
        """
        with self._lock:
            if not self._offered or self.clock() - self._read_at > _FRESH_S:
                found = self._json(self.oidc.issuer.rstrip("/") + _WELL_KNOWN)
                _check(found, self.oidc.issuer)
                self._offered, self._keys, self._read_at = found, None, self.clock()
            return self._offered

    def keys(self, *, are_new: bool = False) -> KeySet:
        """The keys that ID tokens are signed with.

        are_new : read them again, because a token names one that is not among them

        Raises ProviderDownError, NotTrustedError.
        """
        url = str(self.offered()["jwks_uri"])
        with self._lock:
            if self._keys is None or are_new:
                try:
                    self._keys = KeySet.import_key_set(self._json(url))  # type: ignore[arg-type]
                except (JoseError, KeyError, TypeError, ValueError) as error:
                    raise NotTrustedError("its keys cannot be read") from error
            return self._keys

    def sign_in_url(self, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where a browser is sent to (OpenID Connect Core 1.0, 3.1.2.1; PKCE of RFC 7636).

        Raises ProviderDownError, NotTrustedError.
        """
        asked = {
            "response_type": "code",
            "client_id": self.oidc.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.oidc.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        return _with_query(str(self.offered()["authorization_endpoint"]), asked)

    def sign_out_url(self, return_to: str) -> str | None:
        """Where a browser signs out of the provider too (RP-Initiated Logout 1.0); None if it has no such place.

        Raises ProviderDownError, NotTrustedError.
        """
        place = self.offered().get("end_session_endpoint")
        asked = {"client_id": self.oidc.client_id, "post_logout_redirect_uri": return_to}
        return _with_query(str(place), asked) if place else None

    def exchange(self, code: str, verifier: str, redirect_uri: str) -> str:
        """The ID token for a code, as it came: nothing of it is checked yet (RFC 6749 4.1.3).

        Raises ProviderDownError, RefusedThereError, NotTrustedError.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        self._authenticate(form, headers)
        url = str(self.offered()["token_endpoint"])
        answer = request("POST", url, self.oidc, self.limits, headers=headers, body=urlencode(form).encode())
        if not isinstance(answer, Answered) or answer.status >= 500:
            raise ProviderDownError
        if answer.status != 200:
            raise RefusedThereError("it does not take the code")
        token = _parsed(answer.body).get("id_token")
        if not isinstance(token, str):
            raise NotTrustedError("it sent no ID token")
        return token

    def _authenticate(self, form: dict[str, str], headers: dict[str, str]) -> None:
        """By client_secret_basic, or client_secret_post where only that is offered (RFC 6749 2.3.1)."""
        form["client_id"] = self.oidc.client_id
        if self.oidc.client_secret is None:
            return
        secret = self.oidc.client_secret.get_secret_value()
        ways = self.offered().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if "client_secret_basic" not in ways and "client_secret_post" in ways:
            form["client_secret"] = secret
            return
        pair = f"{quote(self.oidc.client_id, safe='')}:{quote(secret, safe='')}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"

    def _json(self, url: str) -> dict[str, Any]:
        answer = request("GET", url, self.oidc, self.limits, headers={"accept": "application/json"})
        if not isinstance(answer, Answered) or answer.status != 200:
            raise ProviderDownError
        return _parsed(answer.body)


def provider_of(settings: Settings) -> Provider | None:
    """The provider of the settings, if they name one."""
    limits = settings.model_copy(update={"delivery_timeout_s": _TIMEOUT_S})
    return Provider(settings.oidc, limits) if settings.oidc else None


def challenge_of(verifier: str) -> str:
    """S256 of a code verifier.

    >>> challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")  # RFC 7636, appendix B
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
    """
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _check(offered: dict[str, Any], issuer: str) -> None:
    if offered.get("issuer") != issuer:
        raise NotTrustedError("it calls itself otherwise than the settings do")
    try:
        for name in (*_NEEDED, *({"end_session_endpoint"} & offered.keys())):
            protected(str(offered.get(name)).partition("?")[0])
    except ValueError as error:
        raise NotTrustedError("what it offers is incomplete or unprotected") from error


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise NotTrustedError("its answer is no JSON") from error
    if not isinstance(found, dict):
        raise NotTrustedError("its answer is no JSON object")
    return found


def _with_query(url: str, values: dict[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(values)}"
