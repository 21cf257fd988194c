"""Cases of tests/rules/cases, and what tests of the rules build of the same stuff."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rules.case_context import NOW, STUDY_DATE, Patient
from rules.case_file import Story, read_cases
from rules.case_images import Images
from rules.case_values import measured, silent
from rules.conditions import Subject
from rules.context import PatientContext
from rules.findings import Finding, NotAssessed, Why
from rules.policy import Policy, load
from rules.policy_reading import Table, read

__all__ = ["NOW", "STUDY_DATE", "context_of", "findings_of", "measured", "not_assessed", "stories"]

FOLDER = Path(__file__).parent / "cases"


def stories(policy: Policy) -> list[Story]:
    return [
        story
        for path in sorted(FOLDER.glob("*.yaml"))
        for story in read_cases(path.read_text(encoding="utf-8"), path.name, policy)
    ]


def not_assessed(subject: Subject, detail: str = "no FLAIR series") -> NotAssessed:
    return silent(subject, detail, Why.COVERAGE if "slices" in detail else Why.SERIES_MISSING)


def findings_of(policy: Policy, stated: Mapping[str, str], images: str = "") -> tuple[Finding, ...]:
    """Findings from lines such as `flair_volume left thalamus: 2 mL`; the rest is undiseased."""
    told = _table({"findings": dict(stated)} if stated else {}, {"images": images} if images else {})
    ((_, findings),) = Images().told(told, policy, is_later=False).variants(policy)
    return findings


def context_of(stated: Mapping[str, Any]) -> PatientContext:
    ((_, context),) = Patient().told(_table({"context": dict(stated)}), NOW).variants(load())
    return context


def _table(*parts: Mapping[str, Any]) -> Table:
    text = yaml.safe_dump({key: value for part in parts for key, value in part.items()})
    return Table(read(text, "test").mapping())
