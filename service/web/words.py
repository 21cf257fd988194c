"""Values as the pages show them."""

from datetime import UTC, date, datetime, timedelta

from rules.urgency import Priority
from service.worklist import Status

_SHAPES = {"P1": "octagon", "P2": "triangle", "P3": "square", "P4": "circle"}
_UNDECIDED: dict[str, str] = {
    Status.SETTLING: "images arriving",
    Status.RECEIVED: "waits for analysis",
    Status.ANALYSING: "being analysed",
    Status.FAILED: "not assessed",
    Status.NOT_ANALYSED: "not analysed",
    Status.NOT_FLAGGED: "not triaged",
}
_DAY_S = 86400


def duration(seconds: float) -> str:
    """A length of time in its two largest units.

    >>> duration(59), duration(4000), duration(200000)
    ('59 s', '1 h 6 min', '2 d 7 h')
    """
    seconds = int(abs(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < _DAY_S:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // _DAY_S} d {seconds % _DAY_S // 3600} h"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, as in `12 min ago`."""
    return f"{duration((now - moment).total_seconds())} ago" if moment else ""


def left(target: datetime | None, now: datetime) -> str:
    """Time left to a target, or by how much it has passed."""
    if target is None:
        return "no target"
    seconds = (target - now).total_seconds()
    return f"{duration(seconds)} left" if seconds >= 0 else f"{duration(seconds)} late"


def moment(value: datetime | None) -> str:
    """Date and time in the server's zone."""
    return f"{value.astimezone():%Y-%m-%d %H:%M}" if value else ""


def clock(value: datetime | None) -> str:
    """Time of day in the server's zone."""
    return f"{value.astimezone():%H:%M:%S}" if value else ""


def iso(value: datetime) -> str:
    """For the `datetime` attribute of a page."""
    return value.astimezone(UTC).isoformat(timespec="seconds")


def day(value: date | None) -> str:
    """A date, or that it is not known."""
    return value.isoformat() if value else "unknown"


def age(born: date | None, on: date) -> str:
    """Age in years, in months below two years."""
    if born is None:
        return "age unknown"
    months = (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)
    return f"{months // 12} y" if months >= 24 else f"{max(months, 0)} mo"


def name(value: str) -> str:
    """A person name (PS3.5 6.2, VR PN) as people write it.

    >>> name("Lindqvist^Marta^^Dr")
    'Lindqvist, Marta'
    """
    family, _, rest = value.split("=", maxsplit=1)[0].partition("^")
    given = rest.split("^")[0]
    return f"{family}, {given}" if given else family


def words(priority: str | None, status: str = "") -> str:
    """`critical`, `urgent`, `expedited`, `routine`; without a priority how far the study is, which is no conclusion in either direction.

    >>> words("P2"), words(None, "not flagged"), words(None)
    ('urgent', 'not triaged', 'no priority')
    """
    return Priority(priority).words if priority else _UNDECIDED.get(status, "no priority")


def shape(priority: str | None) -> str:
    """Each priority has a shape, so that nobody needs the colour."""
    return _SHAPES.get(priority or "", "dash")


def tail(headline: str) -> str:
    """The headline without its priority, which stands beside it."""
    start, mark, rest = headline.partition(": ")
    return rest if mark and start[:2] in _SHAPES else headline


def share(part: int, whole: int) -> str:
    """A share in per cent."""
    return f"{100 * part / whole:.0f} %" if whole else "–"  # noqa: RUF001 - nothing to divide


def is_late(target: datetime | None, now: datetime) -> bool:
    """Whether a target has passed."""
    return target is not None and target < now


def is_soon(target: datetime | None, now: datetime) -> bool:
    """Whether a target passes within a quarter of an hour."""
    return target is not None and now <= target < now + timedelta(minutes=15)
