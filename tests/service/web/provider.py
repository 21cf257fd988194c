"""A small OpenID Connect provider over real HTTP: discovery, keys, authorization and token endpoint. It can be told to lie."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

CLIENT, SECRET = "cartriage", "s3cret: with/odd+signs"


@dataclass(slots=True)
class SmallProvider:
    """What it says, and what it was asked."""

    port: int = 0
    host: str = "127.0.0.1"
    groups: list[str] = field(default_factory=lambda: ["neuroradiology"])
    name: str = "Schmidt"
    subject: str = "subject-1"
    claims: dict[str, Any] = field(default_factory=dict)
    """Laid over the true claims of the next token; None takes one away."""
    metadata: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "ES256"
    signing: Any = None
    """A key that signs instead of ours."""
    header: dict[str, Any] = field(default_factory=dict)
    keys: KeySet = field(default_factory=lambda: KeySet([ECKey.generate_key("P-256", {"kid": "first"})]))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    is_broken: bool = False
    faults: list[str] = field(default_factory=list)
    """What of our requests was not as the standards ask."""

    @property
    def issuer(self) -> str:
        return f"http://{self.host}:{self.port}/realms/clinic"

    def rotate(self, kid: str) -> None:
        self.keys = KeySet([ECKey.generate_key("P-256", {"kid": kid})])

    def told(self, path: str) -> dict[str, Any]:
        """What anybody may read."""
        if path.endswith("/.well-known/openid-configuration"):
            return self.discovery()
        return dict(self.keys.as_dict(private=False)) if path.endswith("/jwks_uri") else {}

    def discovery(self) -> dict[str, Any]:
        places = ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint")
        offered = {name: f"{self.issuer}/{name}" for name in places}
        return {"issuer": self.issuer, **offered, **self.metadata}

    def authorize(self, asked: dict[str, str]) -> str:
        """The person agrees: back to the service with a code."""
        for name, value in {
            "response_type": "code",
            "client_id": CLIENT,
            "code_challenge_method": "S256",
        }.items():
            if asked.get(name) != value:
                self.faults.append(f"{name} is {asked.get(name)}")
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None:
            return 400, {"error": "invalid_grant"}
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if [unquote(one) for one in pair.split(":")] != [CLIENT, SECRET]:
            return 401, {"error": "invalid_client"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        if form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": "none",
            "token_type": "Bearer",
            "id_token": self.id_token(asked["nonce"]),
        }

    def id_token(self, nonce: str) -> str:
        at = int(time.time())
        told = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": self.subject,
            "exp": at + 300,
            "iat": at,
            "nonce": nonce,
            "preferred_username": self.name,
            "name": f"Dr. {self.name}",
            "groups": self.groups,
            **self.claims,
        }
        key = self.signing or self.keys.keys[0]
        header = {"alg": self.algorithm, "kid": key.kid, **self.header}
        claims = {name: value for name, value in told.items() if value is not None}
        if self.algorithm == "none":
            return ".".join((*(_encoded(one) for one in ({"alg": "none"}, claims)), ""))
        return jwt.encode(header, claims, key, algorithms=[self.algorithm])


@contextmanager
def running() -> Iterator[SmallProvider]:
    provider = SmallProvider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(provider))
    provider.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _handler(provider: SmallProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if provider.is_broken:
                self._say(500, {})
            elif url.path.endswith("/authorization_endpoint"):
                self._send_on(provider.authorize(_single(url.query)))
            else:
                told = provider.told(url.path)
                self._say(200 if told else 404, told)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self._say(*provider.token(_single(body), self.headers.get("authorization", "")))

        def _say(self, status: int, told: dict[str, Any]) -> None:
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _send_on(self, place: str) -> None:
            self.send_response(302)
            self.send_header("location", place)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def _single(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}
