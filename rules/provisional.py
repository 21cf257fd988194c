"""Provisional results: which series suffice for one, what is awaited, and what becomes of it when the study is whole.

A provisional result never says that something is missing: it may still come. It raises like any other result, and what it asked for
stands when the whole study by itself would ask for less (rules.floors.EARLIER).
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from rules.anatomy import Role
from rules.facts import Case
from rules.findings import Finding, NotAssessed, Why
from rules.urgency import Priority
from rules.words import COMPARISON, family_words

SUFFICIENT = ((Role.FLAIR,), (Role.DWI, Role.ADC))
"""Series that a result can be given from; each group gives one provisional result, as soon as it is there."""
_REFERENCES = (Role.FLAIR, Role.T2, Role.T1)
"""Series that the brain can be found in; without one nothing is measured."""
_EARLIER = "earlier study"
"""In the reason of what lacks an earlier study, or a series of it."""


def is_due(settled: Collection[Role], reported: Collection[Role]) -> bool:
    """Whether the settled series of a study suffice for a provisional result that was not asked for yet.

    settled : roles of the series that settled; reported : roles of those that went into a provisional result before

    >>> is_due({Role.T1, Role.FLAIR}, ()), is_due({Role.T1, Role.FLAIR, Role.SWI}, {Role.T1, Role.FLAIR})
    (True, False)
    """
    if not any(role in settled for role in _REFERENCES):
        return False
    return any(set(group) <= set(settled) and not set(group) <= set(reported) for group in SUFFICIENT)


def awaiting(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings of a study that still arrives: a missing series is not yet received. An earlier study does not come with it."""
    return tuple(_awaiting(one) for one in findings)


def arriving(case: Case) -> tuple[str, ...]:
    """What a provisional result says of itself."""
    if not case.is_arriving:
        return ()
    seen = ", ".join(role.value for role in case.roles) or "none that could be measured"
    return (
        f"PROVISIONAL result on a study that still arrives (series so far: {seen}); a result on the whole study follows.",
    )


def confirmed(case: Case, own: Priority) -> tuple[str, ...]:
    """What became of the provisional result; of a lower one the floor of the earlier result tells."""
    before = case.earlier_priority
    if not case.is_after_provisional or before is None or before.is_above(own):
        return ()
    if own.is_above(before):
        return (f"Raises the provisional result of this study from {before} to {own}.",)
    return (f"Confirms the priority of the provisional result of this study ({own}).",)


def _awaiting(finding: Finding) -> Finding:
    if not isinstance(finding, NotAssessed) or finding.why is not Why.SERIES_MISSING:
        return finding
    if family_words(finding.quantity) == COMPARISON and _EARLIER in finding.detail:
        return finding
    return replace(finding, detail=f"not yet received: {finding.detail}")
