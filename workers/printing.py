"""A triage result for a person at a terminal."""

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from rules.anatomy import Region, Side
from rules.decision import Status
from rules.findings import UNITS, Measured, Quantity
from rules.messages import StudyTriaged
from workers.offline import Outcome
from workers.reports.involvement import AMOUNTS

_Values = dict[tuple[Region, Side, Quantity], Measured]

_TABLES: dict[str, dict[Quantity, str]] = {
    "FLAIR hyperintensity": {
        Quantity.FLAIR_VOLUME: "volume",
        Quantity.FLAIR_FRACTION: "share of region",
        Quantity.FLAIR_RATIO: "ratio",
        Quantity.FLAIR_Z: "z",
        Quantity.FLAIR_LATERALITY: "laterality",
        Quantity.FLAIR_CORTICAL_SHARE: "cortical share",
        Quantity.FLAIR_CALLOSAL_SHARE: "of deep white matter",
        Quantity.FLAIR_FOCI: "number",
        Quantity.LESION_ADC: "ADC",
        Quantity.LESION_ENHANCEMENT: "post/pre",
    },
    "Restricted diffusion": {
        Quantity.RESTRICTED_VOLUME: "volume",
        Quantity.RESTRICTED_ADC: "ADC",
        Quantity.RESTRICTED_FOCI: "number",
        Quantity.RESTRICTED_LARGEST: "largest",
        Quantity.RESTRICTED_LATERALITY: "laterality",
        Quantity.SHINE_THROUGH_VOLUME: "shine-through",
        Quantity.EPI_ARTEFACT_VOLUME: "left out as EPI artefact",
    },
    "Susceptibility": {
        Quantity.MICROBLEED_COUNT: "microbleed-like foci",
        Quantity.CALCIFIED_COUNT: "left out as calcification",
        Quantity.HAEMORRHAGE_VOLUME: "haemorrhage",
        Quantity.HAEMORRHAGE_DIAMETER: "longest",
    },
    "Contrast enhancement": {
        Quantity.SULCAL_ENHANCEMENT_VOLUME: "leptomeningeal",
        Quantity.SULCAL_ENHANCEMENT_RATIO: "post/pre",
        Quantity.SULCAL_ENHANCEMENT_HEIGHT: "height",
        Quantity.ENHANCING_VOLUME: "parenchymal",
    },
    "Change against the earlier study": {
        Quantity.FLAIR_NEW_VOLUME: "new",
        Quantity.FLAIR_GONE_VOLUME: "gone",
        Quantity.FLAIR_CHANGE: "change",
        Quantity.CSF_CHANGE: "fluid",
        Quantity.HAEMORRHAGE_NEW_VOLUME: "new haemorrhage",
        Quantity.HAEMORRHAGE_GONE_VOLUME: "haemorrhage gone",
        Quantity.HAEMORRHAGE_CHANGE: "change of haemorrhage",
        Quantity.RESTRICTED_NEW_VOLUME: "new restriction",
        Quantity.RESTRICTED_GONE_VOLUME: "restriction gone",
        Quantity.RESTRICTED_CHANGE: "change of restriction",
        Quantity.ENHANCEMENT_NEW_VOLUME: "new enhancement",
        Quantity.ENHANCEMENT_GONE_VOLUME: "enhancement gone",
        Quantity.ENHANCEMENT_CHANGE: "change of enhancement",
        Quantity.MICROBLEED_NEW_COUNT: "new foci",
        Quantity.MICROBLEED_NOT_BEFORE_COUNT: "foci not known before",
        Quantity.MICROBLEED_GONE_COUNT: "foci gone",
    },
    "Fluid spaces, midline and cord": {
        Quantity.CSF_VOLUME: "fluid",
        Quantity.CSF_RATIO: "side to side",
        Quantity.MIDLINE_SHIFT: "shift",
        Quantity.TONSIL_DESCENT: "tonsils",
        Quantity.WHITE_GREY_RATIO: "white/grey",
        Quantity.CORD_RATIO: "cord ratio",
        Quantity.CORD_LENGTH: "cord length",
        Quantity.ADC_MEDIAN: "median ADC",
    },
}
"""What is printed together: a table with its columns."""
_ALWAYS = "Fluid spaces, midline and cord"
"""Here nothing is also a value."""
_SMALLEST_SHOWN = 0.005
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
    for table in _findings(measured):
        console.print(table)
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
    table = Table(
        "rule",
        "pattern",
        "status",
        "asks for",
        "because, or what is missing",
        title="Patterns",
        title_justify="left",
    )
    for pattern in triaged.decision.patterns:
        asks = pattern.priority.value if pattern.priority else ""
        because = {Status.PRESENT: pattern.reasons, Status.OPEN: pattern.missing}.get(pattern.status, ())
        table.add_row(pattern.rule, pattern.name, pattern.status.value, asks, "\n".join(because))
    return table


def _findings(measured: list[Measured]) -> list[Table]:
    """One table for each kind of finding, a row for each region and side with any; the JSON has every value."""
    values = {(one.region, one.side, one.quantity): one for one in measured}
    places = sorted({(one.region, one.side) for one in measured})
    tables = []
    for title, columns in _TABLES.items():
        held = [quantity for quantity in columns if any(one.quantity is quantity for one in measured)]
        rows = [place for place in places if _is_told(place, held, values, always=title == _ALWAYS)]
        if rows:
            tables.append(_table(title, {quantity: columns[quantity] for quantity in held}, rows, values))
    return tables


def _is_told(place: tuple[Region, Side], held: list[Quantity], values: _Values, *, always: bool) -> bool:
    found = [values[(*place, quantity)] for quantity in held if (*place, quantity) in values]
    if always:
        return bool(found)
    return any(one.value >= _SMALLEST_SHOWN for one in found if one.quantity in AMOUNTS)


def _table(
    title: str, columns: dict[Quantity, str], rows: list[tuple[Region, Side]], values: _Values
) -> Table:
    table = Table("region", "side", title=title, title_justify="left")
    for quantity, name in columns.items():
        table.add_column(f"{name}, {UNITS[quantity].value}", justify="right")
    for place in rows:
        cells = [values.get((*place, quantity)) for quantity in columns]
        table.add_row(
            place[0].words, place[1].value, *(f"{cell.value:.2f}" if cell else "" for cell in cells)
        )
    return table


def _series(triaged: StudyTriaged) -> Table:
    table = Table("role", "images", "used", "evidence", "quality", title="Series", title_justify="left")
    for one in triaged.series:
        quality = ", ".join(one.quality.problems) or "no problem seen" if one.quality else ""
        table.add_row(one.role.value, str(one.instances), "yes" if one.is_used else "no", one.reason, quality)
    return table
