"""One HTTP request to a destination, with its TLS and its limits; what went wrong has a name, and no redirect is followed."""

from dataclasses import dataclass
from typing import Protocol

import urllib3
from pydantic import SecretStr

from service.destinations import Tls
from service.parcel import Trouble
from service.settings import Settings
from service.tls import client_context

_BODY_AT_MOST = 4 * 2**20
"""Bytes of an answer that are read; no answer of ours needs more."""


class HttpDestination(Protocol):
    """What a request needs to know of a destination."""

    @property
    def tls(self) -> Tls | None: ...

    @property
    def token(self) -> SecretStr | None: ...


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    body: bytes
    location: str = ""


@dataclass(frozen=True, slots=True)
class Unanswered:
    trouble: Trouble


def request(
    method: str,
    url: str,
    destination: HttpDestination,
    settings: Settings,
    *,
    headers: dict[str, str],
    body: bytes | None = None,
) -> Answered | Unanswered:
    """Send once: the outbox does the retrying. The credentials of a destination go nowhere else."""
    timeout = urllib3.Timeout(total=settings.delivery_timeout_s)
    if destination.token:
        headers = headers | {"Authorization": f"Bearer {destination.token.get_secret_value()}"}
    try:
        context = client_context(destination.tls or Tls()) if url.startswith("https:") else None
        with urllib3.PoolManager(ssl_context=context, retries=False) as pool:
            answer = pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=timeout,
                redirect=False,
                preload_content=False,
            )
            content = answer.read(_BODY_AT_MOST, decode_content=True)
            answer.release_conn()
    except urllib3.exceptions.SSLError:
        return Unanswered(Trouble.TLS)
    except urllib3.exceptions.ReadTimeoutError:
        return Unanswered(Trouble.NO_ANSWER)
    except (urllib3.exceptions.HTTPError, OSError, ValueError):
        return Unanswered(Trouble.NO_CONNECTION)
    return Answered(answer.status, content, answer.headers.get("Location") or "")
