"""Reading routing.yaml strictly: every complaint names file and line, and no result may be left without a route."""

import re
from datetime import time
from importlib.resources import files
from importlib.resources.abc import Traversable  # noqa: TC003 - the house imports at run time what it annotates
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rules.policy_reading import Entry, PolicyError, Table, read
from rules.routing import EVERY_DESTINATION, Cargo, Event, Hours, Route, Routing
from rules.urgency import Priority

FILE = "routing.yaml"
_CONDITIONS = "priority pattern sender site hours"
_DESTINATION = re.compile(r"[A-Za-z0-9_-]{1,32}")
_RULE = re.compile(r"R\d\d")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_RESULTS = (Event.CONFIRMED, Event.CORRECTED, Event.NOT_ASSESSED)
"""Events that must reach somebody whatever the priority, sender, site or hour."""
_SEEN = frozenset({Cargo.SR, Cargo.SC})
"""What a person sees of a result."""


def load_routing(path: Path | None = None) -> Routing:
    """The routing in a file, or the packaged one: SR, SC and notice of every result to every destination.

    Raises PolicyError with file and line if the file must not be used: unknown keys, or a result that some condition
    could leave without any destination.
    """
    source: Traversable = path or files("rules").joinpath("policies", FILE)
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(source.name, 1, f"the routing cannot be read: {error}") from error
    entry = read(text, source.name)
    table = entry.table("routing version routes", "time_zone")
    zone = _zone(table.get("time_zone"))
    routes = tuple(_route(one, zone) for one in table["routes"].items())
    _expect_names_once(table["routes"], routes)
    _expect_results_seen(table["routes"], routes)
    return Routing(table["routing"].text(), table["version"].text(), routes)


def _route(entry: Entry, zone: ZoneInfo | None) -> Route:
    table = entry.table("name events send to", "when")
    when = table.get("when")
    conditions = when.table("", _CONDITIONS) if when else Table({})
    cargo = tuple(one.choice(Cargo) for one in table["send"].items())
    events = tuple(one.choice(Event) for one in table["events"].items())
    _expect_possible(entry, events, cargo, conditions)
    return Route(
        name=table["name"].text(),
        events=events,
        cargo=cargo,
        destinations=tuple(_destination(one) for one in table["to"].items()),
        priorities=tuple(one.choice(Priority) for one in conditions.items("priority")),
        patterns=tuple(_pattern(one) for one in conditions.items("pattern")),
        senders=tuple(one.text() for one in conditions.items("sender")),
        sites=tuple(one.text() for one in conditions.items("site")),
        hours=_hours(conditions.get("hours"), zone),
    )


def _expect_possible(
    entry: Entry, events: tuple[Event, ...], cargo: tuple[Cargo, ...], conditions: Table
) -> None:
    """A route that could never send anything is a mistake, not a wish."""
    if Event.RECEIVED in events:
        if set(events) != {Event.RECEIVED} or set(cargo) != {Cargo.ORIGINALS}:
            entry.fail("`received` sends originals only, in a route of its own: there is no result yet")
        if conditions.get("priority") or conditions.get("pattern"):
            entry.fail("`received` has no priority and no pattern yet")


def _destination(entry: Entry) -> str:
    name = entry.text()
    if name != EVERY_DESTINATION and not _DESTINATION.fullmatch(name):
        entry.fail(f'`{name}` is no name of a destination, nor "*" for all')
    return name


def _pattern(entry: Entry) -> str:
    rule = entry.text()
    return rule if _RULE.fullmatch(rule) else entry.fail(f"`{rule}` is no rule number such as R03")


def _hours(entry: Entry | None, zone: ZoneInfo | None) -> Hours | None:
    if entry is None:
        return None
    match = _HOURS.fullmatch(entry.raw())
    if not match:
        entry.fail("expected hours such as 18:00-07:00")
    if zone is None:
        entry.fail("hours need a `time_zone` at the top of the file, such as Europe/Berlin")
    first, second, third, fourth = (int(one) for one in match.groups())
    if (first, second) == (third, fourth):
        entry.fail("these hours begin and end at the same moment")
    return Hours(time(first, second), time(third, fourth), zone)


def _zone(entry: Entry | None) -> ZoneInfo | None:
    if entry is None:
        return None
    try:
        return ZoneInfo(entry.text())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        entry.fail(f"`{entry.text()}` is no time zone of this machine")


def _expect_names_once(entry: Entry, routes: tuple[Route, ...]) -> None:
    names = [route.name for route in routes]
    for item, name in zip(entry.items(), names, strict=True):
        if names.count(name) > 1:
            item.fail(f"two routes are called `{name}`")


def _expect_results_seen(entry: Entry, routes: tuple[Route, ...]) -> None:
    for event in _RESULTS:
        safe = [route for route in routes if route.is_unconditional and event in route.events]
        if not any(_SEEN & set(route.cargo) for route in safe):
            entry.fail(
                f"a result that is `{event}` could reach nobody: one route for it must send SR or SC without `when`"
            )
