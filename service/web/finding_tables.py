"""Findings as tables: a quantity each, regions down, sides across, and beside what is compared what changed since the earlier study."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rules.anatomy import Region, Side
from rules.findings import Finding, Measured, NotAssessed, Quantity
from rules.words import family_words, quantity_words, subject_words, value_words

_COMPARED: Mapping[Quantity, tuple[tuple[Quantity, str], ...]] = {
    Quantity.FLAIR_VOLUME: ((Quantity.FLAIR_NEW_VOLUME, "new"), (Quantity.FLAIR_GONE_VOLUME, "gone")),
    Quantity.MICROBLEED_COUNT: (
        (Quantity.MICROBLEED_NEW_COUNT, "new"),
        (Quantity.MICROBLEED_NOT_BEFORE_COUNT, "not known from before"),
        (Quantity.MICROBLEED_GONE_COUNT, "gone"),
    ),
    Quantity.RESTRICTED_VOLUME: (
        (Quantity.RESTRICTED_NEW_VOLUME, "new"),
        (Quantity.RESTRICTED_GONE_VOLUME, "gone"),
    ),
    Quantity.HAEMORRHAGE_VOLUME: (
        (Quantity.HAEMORRHAGE_NEW_VOLUME, "new"),
        (Quantity.HAEMORRHAGE_GONE_VOLUME, "gone"),
    ),
}
"""What an earlier study is compared in, with what is told of the change."""
_IN_PERCENT = {
    Quantity.FLAIR_VOLUME: Quantity.FLAIR_CHANGE,
    Quantity.RESTRICTED_VOLUME: Quantity.RESTRICTED_CHANGE,
    Quantity.HAEMORRHAGE_VOLUME: Quantity.HAEMORRHAGE_CHANGE,
}

_Held = Mapping[Region, Mapping[Side, Finding]]


@dataclass(frozen=True, slots=True)
class RegionRow:
    """One region of one quantity."""

    region: str
    cells: tuple[str, str, str]
    """Left, right, whole or midline; empty where there is none."""
    is_silent: bool
    """Nothing was measured, or every value is zero."""
    change: str = ""
    """Against the earlier study, side by side."""


class Group(StrEnum):
    """What the places of a quantity come to; what is zero and what is not known are never one."""

    SEEN = "seen"
    ZERO = "zero"
    """Zero wherever it was assessed."""
    NOT_ASSESSED = "not assessed"


@dataclass(frozen=True, slots=True)
class QuantityTable:
    """One quantity over its regions."""

    family: str
    name: str
    rows: tuple[RegionRow, ...]
    group: Group
    headline: str
    """The value of the whole brain, else those of the only region that has one, else in how many regions there is one; of what was not assessed the reason."""
    gaps: int
    """Regions of which something was not assessed."""
    not_compared: str = ""
    """Why nothing is said of an earlier study; empty where something is, and for what is never compared."""

    @property
    def is_compared(self) -> bool:
        return any(row.change for row in self.rows)


def tables(findings: Sequence[Finding]) -> tuple[QuantityTable, ...]:
    """A table for each quantity, in the order of the findings."""
    held: dict[Quantity, dict[Region, dict[Side, Finding]]] = {}
    for finding in findings:
        regions = held.setdefault(finding.quantity, {})
        regions.setdefault(finding.region, {})[finding.side] = finding
    return tuple(_table(quantity, held) for quantity in held)


def _table(quantity: Quantity, held: Mapping[Quantity, _Held]) -> QuantityTable:
    rows = tuple(
        _row(region, sides, _change(quantity, region, held)) for region, sides in held[quantity].items()
    )
    places = [one for sides in held[quantity].values() for one in sides.values()]
    values = [one for one in places if isinstance(one, Measured)]
    gaps = [one for one in places if isinstance(one, NotAssessed)]
    group = _group(values, is_silent=all(row.is_silent for row in rows))
    return QuantityTable(
        family_words(quantity),
        quantity_words(quantity),
        rows,
        group,
        gaps[0].detail if group is Group.NOT_ASSESSED else _headline(values),
        len({one.region for one in gaps}),
        "" if any(row.change for row in rows) else _why_not(quantity, held),
    )


def _group(values: Sequence[Measured], *, is_silent: bool) -> Group:
    if not is_silent:
        return Group.SEEN
    return Group.ZERO if values else Group.NOT_ASSESSED


def _headline(values: Sequence[Measured]) -> str:
    seen = [one for one in values if one.value]
    whole = [one for one in seen if one.region is Region.BRAIN and one.side is Side.WHOLE]
    regions = {one.region for one in seen}
    if len(regions) > 1 and not whole:
        return f"in {len(regions)} regions"
    return "; ".join(
        f"{value_words(one.value, one.unit)}, {subject_words(one.region, one.side)}" for one in whole or seen
    )


def _row(region: Region, sides: Mapping[Side, Finding], change: str) -> RegionRow:
    found = (sides.get(Side.LEFT), sides.get(Side.RIGHT), sides.get(Side.WHOLE) or sides.get(Side.MIDLINE))
    silent = not change and all(not (isinstance(one, Measured) and one.value) for one in found)
    left, right, both = (_cell(one) for one in found)
    words = "whole brain" if region is Region.BRAIN else region.words
    return RegionRow(words, (left, right, both), silent, change)


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return ""
    if isinstance(finding, Measured):
        return value_words(finding.value, finding.unit)
    return f"not assessed: {finding.detail}"


def _change(quantity: Quantity, region: Region, held: Mapping[Quantity, _Held]) -> str:
    """As in `left +40 %, 2.1 mL new; right 0.3 mL gone`; empty where nothing changed or nothing was compared."""
    told = []
    for side in Side:
        clauses = ", ".join(_clauses(quantity, (region, side), held))
        if clauses:
            told.append(f"{side.value} {clauses}" if side in (Side.LEFT, Side.RIGHT) else clauses)
    return "; ".join(told)


def _clauses(quantity: Quantity, place: tuple[Region, Side], held: Mapping[Quantity, _Held]) -> Iterator[str]:
    found = [(_at(change, place, held), words) for change, words in _COMPARED.get(quantity, ())]
    changed = [(one, words) for one, words in found if isinstance(one, Measured) and one.value]
    percent = _at(_IN_PERCENT[quantity], place, held) if quantity in _IN_PERCENT else None
    if changed and isinstance(percent, Measured):
        yield f"{percent.value:+.0f} %"
    for one, words in changed:
        yield f"{value_words(one.value, one.unit)} {words}"


def _at(quantity: Quantity, place: tuple[Region, Side], held: Mapping[Quantity, _Held]) -> Finding | None:
    region, side = place
    return held.get(quantity, {}).get(region, {}).get(side)


def _why_not(quantity: Quantity, held: Mapping[Quantity, _Held]) -> str:
    """The reason of the first place that was not compared."""
    for change, _ in _COMPARED.get(quantity, ()):
        for sides in held.get(change, {}).values():
            for one in sides.values():
                if isinstance(one, NotAssessed):
                    return one.detail
    return ""
