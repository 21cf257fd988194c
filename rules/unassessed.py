"""What the policy asks for and the checks could not tell, in few words."""

from collections.abc import Mapping

from rules.conditions import Subject
from rules.findings import Finding, Measured
from rules.policy import Policy
from rules.words import listed, quantity_words, subject_words


def unassessed(policy: Policy, findings: Mapping[Subject, Finding]) -> tuple[str, ...]:
    """One clause for each quantity and reason, as in `FLAIR hyperintensity volume of left frontal: coverage`."""
    open_subjects: dict[tuple[str, str], list[Subject]] = {}
    for subject in sorted(policy.needed_findings()):
        finding = findings.get(subject)
        if isinstance(finding, Measured):
            continue
        detail = "not measured" if finding is None else finding.detail
        open_subjects.setdefault((quantity_words(subject.quantity), detail), []).append(subject)
    return tuple(
        f"{quantity}{_where(policy, subjects)}: {detail}"
        for (quantity, detail), subjects in open_subjects.items()
    )


def _where(policy: Policy, subjects: list[Subject]) -> str:
    """The regions, unless it is all of them that the policy needs of this quantity."""
    needed = [one for one in policy.needed_findings() if one.quantity is subjects[0].quantity]
    if len(needed) == len(subjects):
        return ""
    return " of " + listed([subject_words(one.region, one.side) for one in subjects])
