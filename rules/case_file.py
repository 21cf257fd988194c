"""Cases that a clinician can read and write: a sentence, a context, findings, and what must be decided (docs/cases.md)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import product

from rules import case_context, case_images
from rules.case_context import NOW, STUDY_DATE, Patient
from rules.case_images import Images
from rules.decision import Status
from rules.facts import Case
from rules.policy import Policy
from rules.policy_reading import Entry, Table, read
from rules.urgency import Priority

MOST_VARIANTS = 500
"""Ways to combine the values of a case's ranges; each of them is decided."""
_SAID = f"{case_context.KEYS} {case_images.KEYS}"


class Change(StrEnum):
    """What a step does to the priority that the study had before it."""

    RAISED = "raised"
    SAME = "same"
    HELD = "held"
    """By itself it would be lower; the earlier flag stands."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be decided. None: the case does not say."""

    priority: Priority
    imaging: Priority | None
    shown: Priority | None
    """Where the list shows it, after the time that it waited."""
    could_be: str | None
    """A priority, or `none`."""
    is_assessed: bool | None
    day: int | None
    change: Change | None
    floors: tuple[str, ...] | None
    """Codes of all floors that hold, sorted."""
    patterns: dict[str, Status]
    must_say: tuple[str, ...]
    must_not_say: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """One choice of values within the ranges of a case."""

    name: str
    """The chosen values; empty without ranges."""
    case: Case


@dataclass(frozen=True, slots=True)
class Step:
    """What is known at one moment, and what must be decided then."""

    when: str
    """What happened, in words; empty for the first."""
    variants: tuple[Variant, ...]
    waited: timedelta
    """Unread, with the priority that is decided here."""
    expected: Expected


@dataclass(frozen=True, slots=True)
class Story:
    """One case of a file."""

    name: str
    file: str
    line: int
    steps: tuple[Step, ...]
    """In the order in which images and context arrive."""


def read_cases(text: str, file: str, policy: Policy) -> tuple[Story, ...]:
    """Every case of a file. Raises PolicyError with file and line."""
    stories: dict[str, Story] = {}
    for entry in read(text, file).items():
        story = _story(entry, policy)
        if story.name in stories:
            entry.fail(f"another case of this name stands in line {stories[story.name].line}")
        stories[story.name] = story
    return tuple(stories.values())


def _story(entry: Entry, policy: Policy) -> Story:
    table = entry.table("name expect", f"{_SAID} waiting_minutes then")
    patient, images = Patient().told(table, NOW), Images().told(table, policy, is_later=False)
    steps = [_step(table, "", _Told(patient, images, NOW, entry), policy)]
    now = NOW
    for item in table.items("then"):
        later = item.table("when expect", f"{_SAID} minutes_later waiting_minutes")
        if minutes := later.get("minutes_later"):
            now += timedelta(minutes=minutes.count())
        patient, images = patient.told(later, now), images.told(later, policy, is_later=True)
        steps.append(_step(later, later["when"].text(), _Told(patient, images, now, item), policy))
    return Story(table["name"].text(), entry.file, entry.line, tuple(steps))


@dataclass(frozen=True, slots=True)
class _Told:
    """All that is known up to a step."""

    patient: Patient
    images: Images
    now: datetime
    entry: Entry

    def variants(self, policy: Policy) -> tuple[Variant, ...]:
        count = self.patient.count(policy) * self.images.count(policy)
        if count > MOST_VARIANTS:
            self.entry.fail(
                f"the ranges can be combined in {count} ways, at most {MOST_VARIANTS} are tried; split the case"
            )
        pairs = product(self.patient.variants(policy), self.images.variants(policy))
        return tuple(
            Variant(
                ", ".join(part for part in (about, seen) if part),
                Case(
                    findings=findings,
                    context=context,
                    roles=self.images.measured_series(),
                    now=self.now,
                    study_date=STUDY_DATE,
                    modalities=self.images.modalities,
                    earlier=self.images.earlier,
                    last_result=self.images.last_result,
                    identity_mismatch=self.patient.mismatch,
                ),
            )
            for (about, context), (seen, findings) in pairs
        )


def _step(table: Table, when: str, told: _Told, policy: Policy) -> Step:
    waiting = table.get("waiting_minutes")
    waited = timedelta(minutes=waiting.count() if waiting else 0)
    return Step(when, told.variants(policy), waited, _expected(table["expect"], policy, is_later=bool(when)))


def _expected(entry: Entry, policy: Policy, *, is_later: bool) -> Expected:
    table = entry.table(
        "priority",
        "imaging shown could_be assessed day change present absent open floors must_say must_not_say",
    )
    change = table.get("change")
    if change and not is_later:
        change.fail("`change` compares with an earlier step; the first has none")
    could_be, day, floors = table.get("could_be"), table.get("day"), table.get("floors")
    imaging, shown, assessed = (table.get(key) for key in ("imaging", "shown", "assessed"))
    return Expected(
        priority=table["priority"].choice(Priority),
        imaging=imaging.choice(Priority) if imaging else None,
        shown=shown.choice(Priority) if shown else None,
        could_be=_could_be(could_be) if could_be else None,
        is_assessed=assessed.flag() if assessed else None,
        day=day.whole() if day else None,
        change=change.choice(Change) if change else None,
        floors=tuple(sorted(item.text() for item in floors.any_items())) if floors else None,
        patterns=_patterns(table, policy),
        must_say=_texts(table, "must_say"),
        must_not_say=_texts(table, "must_not_say"),
    )


def _could_be(entry: Entry) -> str:
    text = entry.text()
    return text if text == "none" else entry.one_of(Priority, text).value


def _texts(table: Table, key: str) -> tuple[str, ...]:
    return tuple(item.text() for item in table.items(key))


def _patterns(table: Table, policy: Policy) -> dict[str, Status]:
    known = {rule.code for rule in policy.rules}
    patterns: dict[str, Status] = {}
    for status in Status:
        for item in table.items(status.value):
            code = item.text()
            if code not in known:
                item.fail(f"`{code}` is no rule of the policy; rules: {', '.join(sorted(known))}")
            if code in patterns:
                item.fail(f"`{code}` is expected {patterns[code]} too")
            patterns[code] = status
    return patterns
