"""What every page works with, and who asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from fastapi import Request
from sqlalchemy.orm import Session

from rules.policy import Policy
from service.accounts import Right
from service.audit import record
from service.gate import policy_in_force
from service.listing import Standing, standing
from service.settings import Settings
from service.store.files import FileStore
from service.store.session import Store
from service.web.limits import Limiter

SEEN_LIMIT = 5000
"""Studies remembered for each sign-in, so that a live list tells the trail of each only once."""


@dataclass(frozen=True, slots=True)
class House:
    """One web process."""

    store: Store
    settings: Settings
    attempts: Limiter = field(default_factory=lambda: Limiter(limit=5, window_s=300))
    """Failed sign-ins, by account and by address."""
    requests: Limiter = field(default_factory=lambda: Limiter(limit=600, window_s=60))
    """Requests, by sign-in and by address."""
    volumes: Limiter = field(default_factory=lambda: Limiter(limit=60, window_s=60))
    """Volumes, by sign-in: each is some megabytes."""
    seen: dict[str, set[str]] = field(default_factory=dict)
    """Sign-in to the studies whose rows it was shown."""

    standings: list[Standing] = field(default_factory=list)
    """The last counts of the list, one or none."""

    def standing(self, session: Session) -> Standing:
        """Counts and age of the list; counted once for each of its versions."""
        found = standing(session, self.standings[-1] if self.standings else None)
        self.standings[:] = [found]
        return found

    @property
    def policy(self) -> Policy:
        return policy_in_force(self.settings.site_policy)

    @property
    def files(self) -> FileStore:
        return FileStore(self.settings.files)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in, or a system with its token."""

    name: str
    full_name: str
    roles: tuple[str, ...]
    rights: frozenset[Right]
    form_token: str
    token_digest: str
    must_change: bool
    is_machine: bool = False
    """Another system, with an API token."""
    has_password: bool = True
    """False for somebody from the identity provider."""

    def may(self, right: str) -> bool:
        """For the templates."""
        return Right(right) in self.rights


def house_of(request: Request) -> House:
    """The house that serves a request."""
    return cast("House", request.app.state.house)


def now() -> datetime:
    """The present moment, aware."""
    return datetime.now(UTC)


def note_view(house: House, person: Person, what: str, study: str | None = None, **detail: Any) -> None:
    """Tell the trail who looked at what; before the page leaves, so that nothing is seen that is not told."""
    with house.store.session() as session:
        record(session, f"viewed_{what}", study, person.name, now(), **detail)


def note_rows(house: House, person: Person, uids: Sequence[str], **detail: Any) -> None:
    """Tell the trail whose rows of the list somebody sees, each study once a sign-in."""
    seen = house.seen.setdefault(person.token_digest, set())
    fresh = [uid for uid in uids if uid not in seen]
    if not fresh:
        return
    note_view(house, person, "worklist", studies=fresh, **detail)
    if len(seen) < SEEN_LIMIT:
        seen.update(fresh)
