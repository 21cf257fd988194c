"""Which code of a message means which field of the context: the mapping of the context feeds, read strictly.

The packaged mapping knows public codes and our own; a site lays its file over it, entry by entry. Every complaint names file and line.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rules.context_file import OBSERVED, ContextError, context_from_mapping
from rules.policy_reading import Entry, PolicyError, read

FILE = "context_feed.yaml"
SYSTOLIC, DIASTOLIC = "systolic", "diastolic"
"""The two halves of `blood_pressure`, which come as observations of their own (LOINC 8480-6, 8462-4)."""
INFUSION_DATE, PRODUCT = "infusion_date", "product"
_FIELDS = (*OBSERVED, SYSTOLIC, DIASTOLIC, INFUSION_DATE, PRODUCT)
_MEASURED = ("platelets", SYSTOLIC, DIASTOLIC)
"""What is counted in a unit; a value without one is never taken."""
_SECTIONS = "systems observations infusions cohorts issuers identifier_types time_zone"
_AN_EXAMPLE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Coding:
    """A code with the system that it is of, by the mapping's name for it."""

    system: str
    code: str


@dataclass(frozen=True, slots=True)
class System:
    """How messages write a code system."""

    name: str
    hl7: tuple[str, ...]
    """Names of HL7 table 0396, as in CWE.3."""
    fhir: str
    """URI."""


@dataclass(frozen=True, slots=True)
class ObservationRule:
    """What an observation means."""

    name: str
    field: str
    codes: tuple[Coding, ...]
    units: Mapping[str, float]
    """Unit as messages write it to the factor into the unit of the field; empty if the field has none."""
    values: Mapping[str, str]
    """Coded value (`SYSTEM code`) or text to the value of the field; what is not listed is read as docs/context.md says."""


@dataclass(frozen=True, slots=True)
class InfusionRule:
    """A procedure or a medicine that is an infusion of CAR-T cells."""

    name: str
    codes: tuple[Coding, ...]
    product: str


@dataclass(frozen=True, slots=True)
class ContextMap:
    """The mapping in force."""

    systems: tuple[System, ...]
    observations: tuple[ObservationRule, ...]
    infusions: tuple[InfusionRule, ...]
    cohorts: tuple[Coding, ...]
    """Codes of flags and groups that say `after CAR-T cells`."""
    issuers: Mapping[str, str]
    """Assigning authority (HL7) or identifier system (FHIR) to the issuer as images and registry write it."""
    identifier_types: tuple[str, ...]
    """Types of identifiers (HL7 table 0203) that are the patient ID of the images; the first that a message has is taken."""
    time_zone: ZoneInfo | None
    """Of times without a zone; without it they are not taken."""

    def observation(self, codings: Iterable[Coding]) -> ObservationRule | None:
        """What an observation with these codes means; None if nothing here."""
        given = set(codings)
        return next((one for one in self.observations if given & set(one.codes)), None)

    def infusion(self, codings: Iterable[Coding]) -> InfusionRule | None:
        """Which infusion of CAR-T cells these codes name, if any."""
        given = set(codings)
        return next((one for one in self.infusions if given & set(one.codes)), None)

    def cell_codes(self) -> frozenset[str]:
        """Every code by which a message can say that its patient was given CAR-T cells."""
        dates = [code for rule in self.observations if rule.field == INFUSION_DATE for code in rule.codes]
        infusions = [code for rule in self.infusions for code in rule.codes]
        return frozenset(one.code for one in (*dates, *infusions, *self.cohorts))

    def is_cohort(self, codings: Iterable[Coding]) -> bool:
        return not set(self.cohorts).isdisjoint(codings)

    def coding_of(self, system: str, code: str) -> Coding:
        """A code as a message has it; a system that nobody named here stays as it is written, and fits nothing."""
        known = next((one.name for one in self.systems if system == one.fhir or system in one.hl7), system)
        return Coding(known, code)

    def uris(self, codings: Iterable[Coding]) -> tuple[str, ...]:
        """Codes as a FHIR search writes them, `system|code`."""
        known = {one.name: one.fhir for one in self.systems}
        return tuple(f"{known[one.system]}|{one.code}" for one in codings)


def load_context_map(site: Path | None = None) -> ContextMap:
    """The packaged mapping with the entries of a site's file over it.

    Raises PolicyError with file and line if either must not be used.
    """
    packaged = files("rules").joinpath("policies", FILE).read_text(encoding="utf-8")
    layers = [read(packaged, FILE)]
    if site is not None:
        try:
            layers.append(read(site.read_text(encoding="utf-8"), site.name))
        except (OSError, UnicodeDecodeError) as error:
            raise PolicyError(site.name, 1, f"the mapping cannot be read: {error}") from error
    sections = _merged(layers)
    systems = tuple(_system(name, entry) for name, entry in sections["systems"].items())
    names = {one.name for one in systems}
    _expect_codes_once(sections, names)
    return ContextMap(
        systems=systems,
        observations=tuple(_observation(*one, names) for one in sections["observations"].items()),
        infusions=tuple(_infusion(*one, names) for one in sections["infusions"].items()),
        cohorts=tuple(code for entry in sections["cohorts"].values() for code in _codes(entry, names)),
        issuers={name: _issuer(entry) for name, entry in sections["issuers"].items()},
        identifier_types=_types(sections),
        time_zone=_zone(sections["time_zone"].get("")),
    )


def _merged(layers: list[Entry]) -> dict[str, dict[str, Entry]]:
    """Section to its entries by name; a later layer's entry stands for an earlier one of the same name."""
    merged: dict[str, dict[str, Entry]] = {name: {} for name in _SECTIONS.split()}
    for layer in layers:
        table = layer.table("map version", _SECTIONS)
        for name, found in merged.items():
            entry = table.get(name)
            if entry is not None:
                found.update({"": entry} if name in ("identifier_types", "time_zone") else entry.mapping())
    return merged


def _system(name: str, entry: Entry) -> System:
    table = entry.table("hl7 fhir")
    return System(name, table["hl7"].texts(), table["fhir"].text())


def _observation(name: str, entry: Entry, systems: set[str]) -> ObservationRule:
    table = entry.table("field codes", "units values")
    field = table["field"].text()
    if field not in _FIELDS:
        table["field"].fail(f"`{field}` is none of {', '.join(_FIELDS)}")
    units = table.get("units")
    if (units is not None) is not (field in _MEASURED):
        entry.fail(f"`units` belong to {', '.join(_MEASURED)}, and these need them")
    values = table.get("values")
    return ObservationRule(
        name=name,
        field=field,
        codes=_listed(table["codes"], systems),
        units={unit: _factor(one) for unit, one in units.mapping().items()} if units else {},
        values={told: _value(field, one) for told, one in values.mapping().items()} if values else {},
    )


def _factor(entry: Entry) -> float:
    factor = entry.number()
    return factor if factor > 0 else entry.fail("a factor is larger than 0")


def _value(field: str, entry: Entry) -> str:
    value = entry.raw()
    if field in OBSERVED:
        try:
            context_from_mapping({field: value}, source="mapping", recorded_at=_AN_EXAMPLE)
        except ContextError as error:
            entry.fail(f"`{value}` is no value of {field}; allowed: {error.allowed}")
    return value


def _infusion(name: str, entry: Entry, systems: set[str]) -> InfusionRule:
    table = entry.table("codes", "product")
    return InfusionRule(name, _listed(table["codes"], systems), table.text("product"))


def _codes(entry: Entry, systems: set[str]) -> tuple[Coding, ...]:
    return _listed(entry.table("codes")["codes"], systems)


def _listed(entry: Entry, systems: set[str]) -> tuple[Coding, ...]:
    """`[]` switches an entry off."""
    return tuple(_coding(one, systems) for one in entry.any_items())


def _coding(entry: Entry, systems: set[str]) -> Coding:
    system, _, code = entry.text().partition(" ")
    if not code or system not in systems:
        entry.fail(f"expected a code such as `LOINC 777-3`, of one of {', '.join(sorted(systems))}")
    return Coding(system, code)


def _issuer(entry: Entry) -> str:
    """Empty where the images name no issuer: written as `none`."""
    text = entry.text()
    return "" if text == "none" else text


def _types(sections: Mapping[str, Mapping[str, Entry]]) -> tuple[str, ...]:
    return sections["identifier_types"][""].texts()


def _zone(entry: Entry | None) -> ZoneInfo | None:
    if entry is None:
        return None
    try:
        return ZoneInfo(entry.text())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        entry.fail(f"`{entry.text()}` is no time zone of this machine")


def _expect_codes_once(sections: Mapping[str, Mapping[str, Entry]], systems: set[str]) -> None:
    """A code with two meanings would mean whichever stands first."""
    for section in ("observations", "infusions"):
        seen: dict[Coding, str] = {}
        for name, entry in sections[section].items():
            for one in entry.mapping()["codes"].any_items():
                earlier = seen.setdefault(_coding(one, systems), name)
                if earlier != name:
                    one.fail(f"`{one.text()}` means `{earlier}` already")
