"""The explanation in words: one headline and the sentences in reading order, identical in SR, SC, worklist and audit."""

from collections.abc import Iterable
from dataclasses import dataclass

from rules.decision import Floor, Status
from rules.facts import Case
from rules.findings import NotAssessed, Quantity
from rules.patterns import Judged
from rules.policy import Kind, Policy
from rules.urgency import Priority
from rules.words import listed

NEGATIVE = "R14"
NOT_ASSESSABLE = "R19"
_FLOOR_WORDS = {"EARLIER": "Earlier result", "ORDER": "Order", "QUALITY": "Quality floor"}


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is told."""

    policy: Policy
    case: Case
    judged: tuple[Judged, ...]
    floors: tuple[Floor, ...]
    priority: Priority
    not_assessed: tuple[str, ...]
    is_assessed: bool
    remarks: tuple[str, ...]
    """What has to be said of the context: contradictions, values too old to count, an inferred status."""

    def positives(self) -> tuple[Judged, ...]:
        """Present imaging and context patterns, most urgent first."""
        found = [
            one
            for one in self.judged
            if one.pattern.status is Status.PRESENT and one.rule.kind in (Kind.IMAGING, Kind.CONTEXT)
        ]
        return tuple(sorted(found, key=lambda one: one.pattern.priority or Priority.P4))

    def is_imaging_open(self) -> bool:
        return any(one.pattern.status is Status.OPEN for one in self.judged if one.rule.kind is Kind.IMAGING)


def headline(story: Story) -> str:
    """The worklist's one line, as in `P2 urgent: suspected PRES-type distribution`."""
    parts = [f"PROVISIONAL, {_outcome(story)}" if story.case.is_arriving else _outcome(story)]
    top = [floor for floor in story.floors if floor.priority is story.priority is not Priority.P4]
    parts += ["IDENTITY MISMATCH, no context used"] if story.case.identity_mismatch else []
    parts += [f"{_FLOOR_WORDS.get(floor.code, floor.code)}: {floor.because}" for floor in top[:1]]
    return f"{story.priority.value} {story.priority.words}: {'; '.join(parts)}"


def sentences(story: Story) -> tuple[str, ...]:
    """The explanation: result, floors, contradictions, open questions, why, suggestions, what was not assessed."""
    return (
        *_result(story),
        *_beside(story),
        *(_floor(floor) for floor in story.floors),
        *story.remarks,
        *_open(story),
        *_why(story),
        *_follow_ups(story),
        *_limits(story),
        story.policy.wording.interpret,
    )


def _outcome(story: Story) -> str:
    positives, silent = story.positives(), "open" if story.case.is_arriving else "NOT ASSESSED"
    if positives:
        told = ", ".join(
            f"suspected {one.rule.name}" if one.rule.kind is Kind.IMAGING else one.rule.name
            for one in positives
        )
        return told if story.is_assessed else f"{told}; FLAIR {silent} ({_reason(story)})"
    if not story.is_assessed:
        return f"{silent} ({_reason(story)})"
    return "partly assessed, questions open" if story.is_imaging_open() else _negative_name(story)


def _negative_name(story: Story) -> str:
    return next((one.rule.name for one in story.judged if one.rule.code == NEGATIVE), "no pattern")


def _result(story: Story) -> tuple[str, ...]:
    wording = story.policy.wording
    told = [one.pattern.sentence for one in story.positives()]
    is_positive = any(one.rule.kind is Kind.IMAGING for one in story.positives())
    if is_positive:
        return (*told, wording.positive)
    if not story.is_assessed and not story.case.is_arriving:
        return (*told, wording.not_assessed.format(reason=_reason(story)))
    if story.is_imaging_open():
        return (*told, wording.partly_assessed.format(series=_series(story.case)))
    place = wording.negative_place if story.priority is Priority.P4 else wording.negative_raised
    return (*told, f"{wording.negative.format(series=_series(story.case))} {place}")


def _beside(story: Story) -> tuple[str, ...]:
    """What is old or nonspecific, and why something that looks like a pattern was not counted."""
    old = [one for one in story.judged if one.rule.kind is Kind.CHRONIC]
    told = [one.pattern.sentence for one in old if one.pattern.status is Status.PRESENT]
    noted = [f"{_capital(one.rule.name)}: {'; '.join(one.remarks)}." for one in story.judged if one.remarks]
    return (*told, *noted)


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _reason(story: Story) -> str:
    """Why the study was not assessed: each distinct reason once."""
    silent = (
        one.detail
        for one in story.case.findings
        if isinstance(one, NotAssessed) and one.quantity is Quantity.FLAIR_VOLUME
    )
    return "; ".join(dict.fromkeys(silent)) or "nothing was measured"


def _series(case: Case) -> str:
    """The series that were measured."""
    return ", ".join(role.value for role in case.roles) or "none"


def _floor(floor: Floor) -> str:
    return f"{_floor_name(floor)}: at least {floor.priority.value} – {floor.because}."  # noqa: RUF001 - the house's dash


def _floor_name(floor: Floor) -> str:
    return _FLOOR_WORDS.get(floor.code, f"Clinical floor {floor.code}")


def _open(story: Story) -> tuple[str, ...]:
    """What stays open in imaging rules, how urgent it could be, and what is missing."""
    questions = [one for one in story.judged if one.rule.kind is Kind.IMAGING and one.could_be]
    if not story.is_assessed and questions:  # one reason for all of them: told once
        names = listed([f"{one.rule.name} (could be {one.could_be})" for one in questions])
        return (f"Open: {names}; missing: {_missing(questions)}.",)
    by_missing: dict[tuple[str, ...], list[Judged]] = {}
    for one in questions:
        by_missing.setdefault(one.pattern.missing, []).append(one)
    return tuple(_question(alike) for alike in by_missing.values())


def _question(alike: list[Judged]) -> str:
    """Questions that lack the same, told as one."""
    if len(alike) == 1:
        (one,) = alike
        return f"{_capital(one.rule.name)}: {_openness(one)}, could be {one.could_be}; missing: {_missing(alike)}."
    names = listed([f"{one.rule.name} ({_openness(one)}, could be {one.could_be})" for one in alike])
    return f"Open: {names}; missing: {_missing(alike)}."


def _openness(one: Judged) -> str:
    return "present, priority open" if one.pattern.status is Status.PRESENT else "open"


def _missing(questions: Iterable[Judged]) -> str:
    return "; ".join(dict.fromkeys(item for one in questions for item in one.pattern.missing))


def _why(story: Story) -> tuple[str, ...]:
    """Why the priority: every pattern that asks for it with its reason, and every floor."""
    if story.priority is Priority.P4:
        return ()
    patterns = [one for one in story.positives() if one.pattern.priority is story.priority]
    held = [_floor_name(floor) for floor in story.floors if floor.priority is story.priority]
    reasons = [
        *(_because(one) for one in patterns),
        *dict.fromkeys(f"{name[0].lower()}{name[1:]}" for name in held),
    ]
    return (f"Why {story.priority}: {'. Also: '.join(reasons)}.",)


def _because(one: Judged) -> str:
    raised = "" if one.rule.priority is one.pattern.priority else f" raised from {one.rule.priority}"
    return f"{one.rule.name}{raised} – {one.rule.because}"  # noqa: RUF001 - the house's dash


def _follow_ups(story: Story) -> tuple[str, ...]:
    present = [one.pattern for one in story.judged if one.pattern.status is Status.PRESENT]
    return tuple(f"Suggestion ({p.name}): {p.follow_up}" for p in present if p.follow_up)


def _limits(story: Story) -> tuple[str, ...]:
    always = f"Not assessed by this version: {listed(story.policy.wording.not_in_this_version)}."
    if story.not_assessed and (story.is_assessed or story.positives()):
        return (f"Not assessed in this study: {'; '.join(story.not_assessed)}.", always)
    return (always,)
