"""What the policy asks for and the checks could not tell, in few words."""

from collections.abc import Mapping, Sequence

from rules.anatomy import Region, Side
from rules.conditions import Subject
from rules.findings import Finding, Measured
from rules.words import family_words, listed, subject_words


def unassessed(needed: Sequence[Subject], findings: Mapping[Subject, Finding]) -> tuple[str, ...]:
    """One clause for each reason, as in `FLAIR hyperintensity of left frontal: not covered by the slices`."""
    families: dict[str, list[Subject]] = {}
    for subject in needed:
        families.setdefault(family_words(subject.quantity), []).append(subject)
    seen = {subject.region for subject, finding in findings.items() if isinstance(finding, Measured)}
    return tuple(
        f"{family}{_where(some, subjects)}: {reason}"
        for family, subjects in families.items()
        for reason, some in _by_reason(subjects, findings, seen).items()
    )


def _by_reason(
    subjects: list[Subject], findings: Mapping[Subject, Finding], seen: set[Region]
) -> dict[str, list[Subject]]:
    """The subjects of one family that are missing.

    seen : regions in which anything was measured
    """
    by_reason: dict[str, list[Subject]] = {}
    for subject in subjects:
        finding = findings.get(subject)
        # A ratio of nothing to nothing does not exist: where the region was measured, its absence is no gap.
        if not isinstance(finding, Measured) and not (finding is None and subject.region in seen):
            by_reason.setdefault("not measured" if finding is None else finding.detail, []).append(subject)
    return by_reason


def _where(some: list[Subject], subjects: list[Subject]) -> str:
    """The regions, unless it is all of them."""
    if len(some) == len(subjects):
        return ""
    sides = {one.region: {other.side for other in some if other.region is one.region} for one in some}
    return " of " + listed([_sides_words(region, held) for region, held in sides.items()])


def _sides_words(region: Region, sides: set[Side]) -> str:
    if {Side.LEFT, Side.RIGHT} <= sides:
        return f"{region.words} (both sides)"
    return listed([subject_words(region, side) for side in sorted(sides)])
