"""What the report says in words and codes: the Qualitative Evaluations of TID 1500, in reading order."""

from collections.abc import Iterable, Iterator

from highdicom.sr import (
    CodeContentItem,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    RelationshipTypeValues,
    TextContentItem,
)
from pydicom.sr.coding import Code

from rules.decision import Pattern
from rules.messages import SeriesUse
from workers.reports import codes
from workers.reports.content import ReportContent


def qualitative_evaluations(content: ReportContent) -> ContainerContentItem:
    """Priority, sentences, patterns with reasons, what was not assessed, context and disclaimers."""
    container = ContainerContentItem(
        name=codes.QUALITATIVE_EVALUATIONS, relationship_type=RelationshipTypeValues.CONTAINS
    )
    container.ContentSequence = ContentSequence(
        [
            *_assessment(content),
            *_texts(codes.CONCLUSION, content.decision.sentences),
            *(item for pattern in content.decision.patterns for item in _pattern(pattern)),
            *_texts(codes.NOT_ASSESSED, content.decision.not_assessed),
            *_circumstances(content),
            *_texts(codes.COMMENT, content.decision.disclaimers),
        ]
    )
    return container


def _assessment(content: ReportContent) -> Iterator[ContentItem]:
    decision = content.decision
    yield _text(codes.SUMMARY, decision.headline)
    yield _code(codes.STATE, codes.STATES[content.state])
    yield _code(codes.PRIORITY, codes.PRIORITIES[decision.priority])
    if decision.priority in codes.ACTIONABLE:
        yield _code(codes.OVERALL_ASSESSMENT, codes.ACTIONABLE[decision.priority])
    if decision.could_be is not None:
        yield _code(codes.COULD_BE, codes.PRIORITIES[decision.could_be])
    if content.target_minutes is not None:
        yield _text(
            codes.TARGET,
            f"within {content.target_minutes:g} minutes after the study was complete ({decision.priority})",
        )
    for floor in decision.floors:
        yield _text(
            codes.FLOOR, f"{floor.priority.value} {floor.priority.words} ({floor.code}): {floor.because}"
        )


def _pattern(pattern: Pattern) -> Iterator[ContentItem]:
    """Status first, then why; every rule of the policy is listed, the absent ones too."""
    yield _code(codes.private(pattern.rule, pattern.name), codes.STATUSES[pattern.status])
    yield from _texts(codes.CONCLUSION, [pattern.sentence])
    yield from _texts(codes.REASON, pattern.reasons)
    yield from _texts(codes.OPEN_QUESTION, pattern.missing)
    yield from _texts(codes.RECOMMENDATION, [pattern.follow_up])


def _circumstances(content: ReportContent) -> Iterator[ContentItem]:
    yield from _texts(codes.CLINICAL_CONTEXT, content.context_lines)
    yield _code(codes.STUDY_QUALITY, _quality(content))
    yield from _texts(codes.SERIES, (_series_line(use) for use in content.series))
    yield from _texts(codes.COMPLETENESS, [content.completeness])


def _series_line(use: SeriesUse) -> str:
    verb = "used" if use.is_used else "not used"
    problems = f"; quality: {', '.join(use.quality.problems)}" if use.quality and use.quality.problems else ""
    return f"{use.role.value}, {verb}, {use.instances} images: {use.reason}{problems}"


def _quality(content: ReportContent) -> Code:
    """Of the study for this analysis (CID 7036): anything less than all of it, in good quality, is limited."""
    if not content.decision.is_assessed:
        return codes.NON_DIAGNOSTIC_QUALITY
    has_problem = any(
        use.quality and (use.quality.problems or not use.quality.is_usable) for use in content.series
    )
    return codes.LIMITED_QUALITY if has_problem or content.decision.not_assessed else codes.DIAGNOSTIC_QUALITY


def _texts(name: Code, values: Iterable[str]) -> list[TextContentItem]:
    return [_text(name, value) for value in values if value.strip()]


def _text(name: Code, value: str) -> TextContentItem:
    return TextContentItem(name, value, RelationshipTypeValues.CONTAINS)


def _code(name: Code, value: Code) -> CodeContentItem:
    return CodeContentItem(name, value, RelationshipTypeValues.CONTAINS)
