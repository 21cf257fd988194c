"""Which objects go to which destinations, when: routes as data, each with its answer and why."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from rules.messages import ResultState
from rules.urgency import Priority

EVERY_DESTINATION = "*"
"""In a route: all destinations that the service is configured with."""


class Event(StrEnum):
    """What happens to a study that something may be sent for."""

    RECEIVED = "received"
    """A study settled, whoever's it is: its originals may be passed on, as they came."""
    PROVISIONAL = "provisional"
    """A result on a study that still arrives, whatever of it could be assessed so far."""
    CONFIRMED = "confirmed"
    CORRECTED = "corrected"
    NOT_ASSESSED = "not_assessed"
    """A result on a whole study whose images allowed no conclusion."""


class Cargo(StrEnum):
    """What can be sent."""

    ORIGINALS = "originals"
    SR = "SR"
    SC = "SC"
    SEG = "SEG"
    KOS = "KOS"
    NOTICE = "notice"
    """The decision as a message (HL7, FHIR, UPS, webhook, e-mail), for destinations that take messages."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a route may ask about."""

    event: Event
    at: datetime
    """Aware; the moment of the event."""
    priority: Priority | None = None
    """None before a decision."""
    patterns: frozenset[str] = frozenset()
    """Rule numbers of the patterns that are present."""
    senders: frozenset[str] = frozenset()
    """AE titles that the study came from."""
    site: str = ""
    """Issuer of the patient ID; empty if the images name none."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of the day on a clock; may pass midnight. The start belongs to it, the end does not.

    >>> night = Hours(time(18), time(7), ZoneInfo("UTC"))
    >>> night.holds(datetime.fromisoformat("2026-05-04T06:59+00:00"))
    True
    """

    start: time
    end: time
    zone: ZoneInfo

    def holds(self, at: datetime) -> bool:
        local = at.astimezone(self.zone).time()
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    @property
    def words(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M} {self.zone.key}"


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table: for these events, under these conditions, this cargo goes to these destinations."""

    name: str
    events: tuple[Event, ...]
    cargo: tuple[Cargo, ...]
    destinations: tuple[str, ...]
    """Names of configured destinations, or `EVERY_DESTINATION`."""
    priorities: tuple[Priority, ...] = ()
    """Empty conditions ask nothing."""
    patterns: tuple[str, ...] = ()
    """One of them present suffices."""
    senders: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    hours: Hours | None = None

    @property
    def is_unconditional(self) -> bool:
        return not (self.priorities or self.patterns or self.senders or self.sites or self.hours)


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a route is taken, and the first thing that spoke against it."""

    route: Route
    is_taken: bool
    because: str


@dataclass(frozen=True, slots=True)
class Routing:
    """The checked table of routes."""

    name: str
    version: str
    routes: tuple[Route, ...]

    def named_destinations(self) -> frozenset[str]:
        """The destinations that some route names; a configuration without them must not start."""
        named = {name for route in self.routes for name in route.destinations}
        return frozenset(named - {EVERY_DESTINATION})


def explain(routing: Routing, occasion: Occasion) -> tuple[Answer, ...]:
    """The answer of every route to an occasion, in the order of the table."""
    return tuple(_answer(route, occasion) for route in routing.routes)


def shipments(
    routing: Routing, occasion: Occasion, configured: Collection[str]
) -> dict[str, frozenset[Cargo]]:
    """Destination to what goes there; every route that holds adds to it, none takes away."""
    found: dict[str, frozenset[Cargo]] = {}
    for answer in explain(routing, occasion):
        if not answer.is_taken:
            continue
        named = answer.route.destinations
        for name in configured if EVERY_DESTINATION in named else named:
            found[name] = found.get(name, frozenset()) | frozenset(answer.route.cargo)
    return found


def event_of(state: ResultState, *, is_assessed: bool) -> Event:
    """The event of a result: a whole study without conclusion is an event of its own, so that no route can overlook it."""
    if state is ResultState.PROVISIONAL:
        return Event.PROVISIONAL
    return Event(state.value) if is_assessed else Event.NOT_ASSESSED


def _answer(route: Route, occasion: Occasion) -> Answer:
    if occasion.event not in route.events:
        return Answer(route, is_taken=False, because=f"not for {occasion.event}")
    for problem in (
        _unmet("priority", route.priorities, frozenset({occasion.priority} - {None})),
        _unmet("pattern", route.patterns, occasion.patterns),
        _unmet("sender", route.senders, occasion.senders),
        _unmet("site", route.sites, frozenset({occasion.site} - {""})),
        _out_of_hours(route.hours, occasion.at),
    ):
        if problem:
            return Answer(route, is_taken=False, because=problem)
    return Answer(route, is_taken=True, because=f"for {occasion.event}, all its conditions hold")


def _unmet(what: str, asked: Collection[str], given: Collection[str | None]) -> str:
    if not asked or set(asked) & set(given):
        return ""
    there = ", ".join(sorted(str(one) for one in given)) or "none"
    return f"{what} is {there}, asked for: {', '.join(asked)}"


def _out_of_hours(hours: Hours | None, at: datetime) -> str:
    if hours is None or hours.holds(at):
        return ""
    return f"it is {at.astimezone(hours.zone):%H:%M}, asked for: {hours.words}"
