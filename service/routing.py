"""Which destinations a report goes to."""

from rules.messages import ReportKind
from service.settings import Destination, Settings

_KINDS = frozenset({ReportKind.SR, ReportKind.SC})


def destinations_for(kind: ReportKind, settings: Settings) -> tuple[Destination, ...]:
    """Every configured destination gets the structured report and the secondary capture."""
    return settings.destinations if kind in _KINDS else ()
