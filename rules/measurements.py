"""The values of the measuring cuts: read from a policy's measurements.yaml, and laid over it by a site."""

from collections.abc import Iterator, Mapping

from rules.conditions import Cut
from rules.measures import MEASURE_UNITS, Measure, may_find_less
from rules.policy_conditions import read_cut
from rules.policy_reading import Entry

FILE = "measurements.yaml"


def read_measurements(entry: Entry) -> dict[Measure, Cut]:
    """Every measuring cut, as `{flair: {grow_z: {value: …}}}`. Raises PolicyError if one is unknown, missing or of a wrong unit."""
    checks = entry.table(" ".join(dict.fromkeys(measure.check for measure in Measure)))
    found = {
        Measure(f"{check}.{name}"): read_cut(item, MEASURE_UNITS[Measure(f"{check}.{name}")])
        for check, several in checks.entries.items()
        for name, item in several.table(_names(check)).entries.items()
    }
    return {measure: found[measure] for measure in Measure}


def site_measurements(held: Mapping[Measure, Cut], entry: Entry) -> tuple[dict[Measure, Cut], list[str]]:
    """The cuts with those of a site, and what the checks may find less by. Raises PolicyError with file and line."""
    own: dict[Measure, Cut] = {}
    weaker: list[str] = []
    for measure, item in _named(entry):
        table = item.table("instead_of cut")
        before = held[measure].value
        if table["instead_of"].number() != before:
            table["instead_of"].fail(f"{measure} is {before:g}, not {table['instead_of'].number():g}")
        own[measure] = read_cut(table["cut"], MEASURE_UNITS[measure])
        if may_find_less(measure, before, own[measure].value):
            weaker.append(
                f"the checks may find less: {measure} is {own[measure].value:g} instead of {before:g}"
            )
    return {**held, **own}, weaker


def _named(entry: Entry) -> Iterator[tuple[Measure, Entry]]:
    checks = " ".join(dict.fromkeys(measure.check for measure in Measure))
    for check, several in entry.table("", f"{checks} accept_risk").entries.items():
        if check != "accept_risk":
            for name, item in several.table("", _names(check)).entries.items():
                yield Measure(f"{check}.{name}"), item


def _names(check: str) -> str:
    return " ".join(measure.partition(".")[2] for measure in Measure if measure.check == check)
