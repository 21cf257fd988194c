"""A triage result for a person at a terminal."""

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from rules.findings import UNITS, Measured, Quantity
from rules.messages import StudyTriaged
from workers.offline import Outcome

_COLUMNS = {
    Quantity.FLAIR_VOLUME: "volume",
    Quantity.FLAIR_FRACTION: "share of region",
    Quantity.FLAIR_RATIO: "ratio",
    Quantity.FLAIR_Z: "z",
    Quantity.FLAIR_LATERALITY: "laterality",
    Quantity.FLAIR_CORTICAL_SHARE: "cortical share",
}
_SMALLEST_SHOWN_ML = 0.005
"""What would read as 0.00."""
_STYLES = {"P1": "bold white on red", "P2": "bold black on yellow", "P3": "bold white on blue", "P4": "bold"}


def print_outcome(outcome: Outcome, console: Console | None = None) -> None:
    """Print priority, reasons, patterns, findings, what was not assessed, and where the reports lie."""
    console = console or Console()
    decision = outcome.triaged.decision
    style = _STYLES[decision.priority.value]
    title = f" {decision.priority.value} {decision.priority.words.upper()} "
    console.print(
        Panel("\n".join(decision.sentences), title=f"[{style}]{title}[/]", subtitle=decision.headline)
    )
    console.print(_patterns(outcome.triaged))
    measured = [one for one in outcome.triaged.findings if isinstance(one, Measured)]
    if measured:
        console.print(_findings(measured))
    for line in decision.not_assessed:
        console.print(f"[bold]not assessed[/] {line}")
    for line in (*outcome.triaged.unreadable, *outcome.document["skipped"]):
        console.print(f"[bold]not read[/] {line}")
    console.print(_series(outcome.triaged))
    seconds = sum(stage.seconds for stage in outcome.triaged.stages)
    stages = ", ".join(f"{stage.stage} {stage.seconds:.1f}" for stage in outcome.triaged.stages)
    console.print(
        f"[dim]{seconds:.1f} s ({stages}); policy {decision.policy.version} {decision.policy.digest[:12]}[/]"
    )
    for report in outcome.triaged.reports:
        console.print(f"{report.kind.value}: {outcome.document_path(report)}", soft_wrap=True)
    console.print(f"all of it as JSON: {outcome.out / 'result.json'}", soft_wrap=True)
    for line in decision.disclaimers:
        console.print(f"[dim]{line}[/]")


def _patterns(triaged: StudyTriaged) -> Table:
    table = Table("rule", "pattern", "status", "asks for", "because", title="Patterns", title_justify="left")
    for pattern in triaged.decision.patterns:
        asks = pattern.priority.value if pattern.priority else ""
        table.add_row(pattern.rule, pattern.name, pattern.status.value, asks, "\n".join(pattern.reasons))
    return table


def _findings(measured: list[Measured]) -> Table:
    """One row for each region and side with a hyperintensity; the JSON has every value."""
    values = {(one.region, one.side, one.quantity): one for one in measured}
    title = "FLAIR hyperintensity (regions without any are left out)"
    table = Table("region", "side", title=title, title_justify="left")
    for quantity, name in _COLUMNS.items():
        table.add_column(f"{name}, {UNITS[quantity].value}", justify="right")
    for region, side in sorted({(one.region, one.side) for one in measured}):
        volume = values.get((region, side, Quantity.FLAIR_VOLUME))
        if volume is not None and volume.value >= _SMALLEST_SHOWN_ML:
            cells = [values.get((region, side, quantity)) for quantity in _COLUMNS]
            table.add_row(region.words, side.value, *(f"{cell.value:.2f}" if cell else "" for cell in cells))
    return table


def _series(triaged: StudyTriaged) -> Table:
    table = Table("role", "images", "used", "evidence", title="Series", title_justify="left")
    for one in triaged.series:
        table.add_row(one.role.value, str(one.instances), "yes" if one.is_used else "no", one.reason)
    return table
