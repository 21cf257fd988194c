"""Cases anyone can read (tests/rules/cases/*.yaml), turned into what the rules decide on.

Every measurement the policy needs is that of an undiseased brain unless the case says otherwise; `images: reason` makes all of them not assessed.
Context values count as recorded three hours before, unless the case says so itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from rules.anatomy import Region, Role, Side
from rules.conditions import Subject
from rules.context import PatientContext
from rules.context_file import context_from_mapping
from rules.facts import Case
from rules.findings import UNITS, Evidence, Finding, Measured, NotAssessed, Quantity, Why
from rules.policy import Policy

NOW = datetime(2026, 5, 16, 12, 0, tzinfo=UTC)
STUDY_DATE = date(2026, 5, 16)
NEUTRAL = {
    Quantity.CSF_VOLUME: 25.0,
    Quantity.CSF_RATIO: 0.95,
    Quantity.CORD_RATIO: 1.0,
    Quantity.CORD_LENGTH: 30.0,
    Quantity.LESION_ADC: 1000.0,
    Quantity.ADC_MEDIAN: 780.0,
    Quantity.LESION_ENHANCEMENT: 1.0,
    Quantity.RESTRICTED_ADC: 500.0,
}
"""What a measurement is where nothing is wrong; 0 where nothing stands here."""
EVIDENCE = Evidence("phantom 1", "1.2.3")
FOLDER = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class StoryCase:
    """One case of a YAML file."""

    name: str
    case: Case
    expect: Mapping[str, Any]


def measured(subject: Subject, value: float) -> Measured:
    unit = UNITS[subject.quantity]
    return Measured(subject.quantity, subject.region, subject.side, value, unit, EVIDENCE)


def not_assessed(subject: Subject, detail: str = "no FLAIR series") -> NotAssessed:
    why = Why.COVERAGE if "slices" in detail else Why.SERIES_MISSING
    return NotAssessed(subject.quantity, subject.region, subject.side, why, detail)


def findings_of(policy: Policy, stated: Mapping[str, str], images: str = "") -> tuple[Finding, ...]:
    """Findings from lines such as `flair_volume left thalamus: 2 mL` or `…: not assessed, cut off`."""
    found: dict[Subject, Finding] = {
        subject: not_assessed(subject, images)
        if images
        else measured(subject, NEUTRAL.get(subject.quantity, 0.0))
        for subject in sorted(policy.needed_findings())
    }
    for words, text in stated.items():
        quantity, side, region = words.split()
        subject = Subject(Quantity(quantity), Region(region), Side(side))
        assert subject in found, f"no rule asks for `{words}`"
        found[subject] = _finding(subject, text)
    return tuple(found.values())


def _finding(subject: Subject, text: str) -> Finding:
    if text.startswith("not assessed"):
        return not_assessed(subject, text.partition(",")[2].strip())
    number, _, unit = text.partition(" ")
    assert (unit or "1") == UNITS[subject.quantity], f"`{text}` has the wrong unit"
    return measured(subject, float(number))


def context_of(stated: Mapping[str, Any]) -> PatientContext:
    values = dict(stated)
    if (age := values.pop("age", None)) is not None:
        values["birth_date"] = date(STUDY_DATE.year - int(age), 1, 1)
    if (day := values.pop("day", None)) is not None:
        values["infusion_date"] = STUDY_DATE - timedelta(days=int(day))
    hours = values.pop("hours_before", 3)
    return context_from_mapping(values, source="case", recorded_at=NOW - timedelta(hours=float(hours)))


def read_cases(policy: Policy) -> list[StoryCase]:
    return [
        _story(policy, item)
        for path in sorted(FOLDER.glob("*.yaml"))
        for item in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def _story(policy: Policy, item: dict[str, Any]) -> StoryCase:
    unknown = item.keys() - {"name", "context", "images", "findings", "modalities", "expect"}
    assert not unknown, f"{item['name']}: {unknown}"
    images = item.get("images", "")
    case = Case(
        findings=findings_of(policy, item.get("findings", {}), images),
        context=context_of(item.get("context", {})),
        roles=() if images else (Role.FLAIR,),
        now=NOW,
        study_date=STUDY_DATE,
        modalities=tuple(item.get("modalities", ["MR"])),
    )
    return StoryCase(item["name"], case, item["expect"])
