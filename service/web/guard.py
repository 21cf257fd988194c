"""The guard of every request: host, origin, limits, who asks and what they may; and the headers of every answer."""

import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.accounts import Right
from service.web.house import House, Person, house_of, now
from service.web.signing_in import cookie_name, machine_of, person_of

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_TLS_ONLY = {"strict-transport-security": "max-age=31536000"}
_BEARER = HTTPBearer(auto_error=False, description="an API token; a browser's session cookie does as well")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
API = "/api/"
"""What is asked below it is answered in JSON, refusals too."""
MAX_BODY = 2_000_000
"""The longest request that is read, in bytes: a registry file."""


class SignInNeededError(Exception):
    """Nobody is signed in."""


class NotAllowedError(Exception):
    """The person may not do this."""


class BadRequestError(Exception):
    """The request cannot be taken; the text says why, for people."""

    def __init__(self, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.words, self.status = words, status


class Headers:
    """ASGI middleware: refuses foreign hosts, foreign origins and long bodies; sets the headers of every answer."""

    def __init__(self, app: ASGIApp, house: House) -> None:
        self.app, self.house = app, house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if self.house.settings.is_web_secure:
                    headers.update(_TLS_ONLY)
                if not scope["path"].startswith("/static/"):
                    headers["cache-control"] = "no-store"
            await send(message)

        refusal = _refusal(Request(scope), self.house)
        if refusal:
            await _answer(scope["path"], refusal, with_headers)
            return
        await self.app(scope, receive, with_headers)


def _refusal(request: Request, house: House) -> tuple[int, str] | None:
    host = request.headers.get("host", "")
    if not _is_ours(host, house):
        return 400, "This host is not served here."
    if request.method in _SAFE:
        return None
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return 403, "The request came from another site."
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return 403, "The request came from another site."
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > MAX_BODY:
        return 413, "The request is too long, or does not say its length."
    return None


def _is_ours(host: str, house: House) -> bool:
    """Only names that we know: another name that resolves to us is an attack (DNS rebinding)."""
    settings = house.settings
    name = urlsplit(f"//{host}").hostname
    known = {"localhost", "127.0.0.1", "::1", settings.web_host, urlsplit(settings.web_url).hostname}
    return name is not None and name in known


async def _answer(path: str, refusal: tuple[int, str], send: Send) -> None:
    status, words = refusal
    is_api = path.startswith(API)
    headers = [(b"content-type", b"application/json" if is_api else b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send(
        {"type": "http.response.body", "body": (json.dumps({"error": words}) if is_api else words).encode()}
    )


def anybody(
    request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Person | None:
    """Who asks, if they are signed in; at the REST interface also a system with its token."""
    house = house_of(request)
    address = request.client.host if request.client else "unknown"
    if not house.requests.count(address):
        raise BadRequestError("Too many requests. Wait a minute.", 429)
    if bearer is not None and request.url.path.startswith("/api/"):
        return machine_of(house, request.headers["authorization"], address, now())
    return person_of(house, request.cookies.get(cookie_name(house), ""), now())


def needs(right: Right) -> Callable[..., Awaitable[Person]]:
    """A dependency: the person who asks, who has the right, and whose form carries their own token.

    Raises SignInNeededError, NotAllowedError, BadRequestError.
    """

    async def person(request: Request, found: Annotated[Person | None, Depends(anybody)]) -> Person:
        if found is None:
            raise SignInNeededError
        if right not in found.rights:
            raise NotAllowedError
        if found.must_change and right is not Right.SIGNED_IN:
            raise SignInNeededError
        if request.method not in _SAFE and not found.is_machine:  # no browser sends a bearer token by itself
            await _expect_token(request, found)
        return found

    return person


async def _expect_token(request: Request, person: Person) -> None:
    """Another site can make a browser send a form, but not one with this token."""
    given = request.headers.get("x-form-token")
    if given is None and request.headers.get("content-type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        given = str((await request.form()).get("form_token", ""))
    if not hmac.compare_digest((given or "").encode(), person.form_token.encode()):
        raise BadRequestError("The page is too old. Load it again.", 403)


Reader = Annotated[Person, Depends(needs(Right.READ))]
Answerer = Annotated[Person, Depends(needs(Right.ANSWER))]
Keeper = Annotated[Person, Depends(needs(Right.CONTEXT))]
Auditor = Annotated[Person, Depends(needs(Right.AUDIT))]
Operator = Annotated[Person, Depends(needs(Right.OPERATE))]
Registrar = Annotated[Person, Depends(needs(Right.ACCOUNTS))]
SignedIn = Annotated[Person, Depends(needs(Right.SIGNED_IN))]
