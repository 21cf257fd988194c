"""Lines of measurements in case files: `2 mL`, `2 to 5 mL`, `7 mL, was 6.8 mL`, `not assessed (quality), motion`."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from rules.conditions import Subject
from rules.findings import UNITS, Evidence, Finding, Measured, NotAssessed, Quantity, Unit, Why
from rules.policy_conditions import read_subjects
from rules.policy_reading import Entry

EVIDENCE = Evidence("case 1", "1.2.3")
"""Stands for the series that a case's measurements come from."""
NO_EARLIER = "no earlier study"

_NUMBER = r"-?\d{1,9}(?:\.\d+)?"
_LINE = re.compile(
    rf"(?P<low>{_NUMBER})(?: to (?P<high>{_NUMBER}))?(?: (?P<unit>[^,]+?))?(?:, was (?P<was>{_NUMBER})(?: (?P<was_unit>[^,]+))?)?"
)
_SILENT = re.compile(r"not assessed(?: \((?P<why>\w+)\))?, (?P<detail>.+)", re.DOTALL)
_ALIASES = {
    "lesions": Unit.COUNT,
    "lesion": Unit.COUNT,
    "foci": Unit.COUNT,
    "focus": Unit.COUNT,
    "e-6 mm2/s": Unit.ADC,
}
"""What may be written for a UCUM unit."""
_HOW = "`2 mL`, `2 to 5 mL`, `7 mL, was 6.8 mL` or `not assessed, why`"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A quantity that follows from a value now and a value before, and the value now at which it takes a given one."""

    quantity: Quantity
    of: Callable[[float, float], float]
    back: Callable[[float, float], float]


_IN_PERCENT = (lambda now, was: 100 * (now - was) / was, lambda cut, was: was * (1 + cut / 100))
_MORE = (lambda now, was: max(0.0, now - was), lambda cut, was: was + cut)
_LESS = (lambda now, was: max(0.0, was - now), lambda cut, was: was - cut)
COMPARISONS: dict[Quantity, tuple[Comparison, ...]] = {
    Quantity.FLAIR_VOLUME: (
        Comparison(Quantity.FLAIR_CHANGE, *_IN_PERCENT),
        Comparison(Quantity.FLAIR_NEW_VOLUME, *_MORE),
        Comparison(Quantity.FLAIR_GONE_VOLUME, *_LESS),
    ),
    Quantity.MICROBLEED_COUNT: (
        Comparison(Quantity.MICROBLEED_NEW_COUNT, *_MORE),
        Comparison(Quantity.MICROBLEED_NOT_BEFORE_COUNT, *_MORE),
        Comparison(Quantity.MICROBLEED_GONE_COUNT, *_LESS),
    ),
    Quantity.RESTRICTED_VOLUME: (
        Comparison(Quantity.RESTRICTED_CHANGE, *_IN_PERCENT),
        Comparison(Quantity.RESTRICTED_NEW_VOLUME, *_MORE),
        Comparison(Quantity.RESTRICTED_GONE_VOLUME, *_LESS),
    ),
    Quantity.HAEMORRHAGE_VOLUME: (
        Comparison(Quantity.HAEMORRHAGE_CHANGE, *_IN_PERCENT),
        Comparison(Quantity.HAEMORRHAGE_NEW_VOLUME, *_MORE),
        Comparison(Quantity.HAEMORRHAGE_GONE_VOLUME, *_LESS),
    ),
    Quantity.SULCAL_ENHANCEMENT_VOLUME: (
        Comparison(Quantity.ENHANCEMENT_CHANGE, *_IN_PERCENT),
        Comparison(Quantity.ENHANCEMENT_NEW_VOLUME, *_MORE),
        Comparison(Quantity.ENHANCEMENT_GONE_VOLUME, *_LESS),
    ),
    Quantity.CSF_VOLUME: (Comparison(Quantity.CSF_CHANGE, *_IN_PERCENT),),
}
"""What `was` says of each quantity. What is new and gone is the least that the two values allow."""
COMPARED = frozenset(one.quantity for several in COMPARISONS.values() for one in several)


@dataclass(frozen=True, slots=True)
class Line:
    """One subject with the values it may have, or why it has none."""

    subject: Subject
    low: float = 0.0
    high: float = 0.0
    was: float | None = None
    silence: NotAssessed | None = None

    @property
    def is_range(self) -> bool:
        return self.low != self.high

    def points(self, cuts: "Iterable[tuple[Subject, float]]") -> tuple[float, ...]:
        """The ends, each cut between them, and a value between each two: every way in which the range can decide."""
        if not self.is_range:
            return (self.low,)
        marks = {self.low, self.high, *(mark for cut in cuts for mark in self._marks(*cut))}
        inside = sorted(mark for mark in marks if self.low <= mark <= self.high)
        between = [(a + b) / 2 for a, b in pairwise(inside)]
        return tuple(sorted({*inside, *between}))

    def findings(self, value: float) -> tuple[Finding, ...]:
        """The finding at a value, and what follows from the value before."""
        if self.silence:
            return (self.silence,)
        compared = [
            measured(self.subject._replace(quantity=one.quantity), one.of(value, self.was))
            for one in self.comparisons()
            if self.was is not None
        ]
        return (measured(self.subject, value), *compared)

    def comparisons(self) -> tuple[Comparison, ...]:
        """What `was` says; a share of nothing does not exist."""
        if self.was is None:
            return ()
        several = COMPARISONS.get(self.subject.quantity, ())
        return tuple(one for one in several if self.was or UNITS[one.quantity] is not Unit.PERCENT)

    def _marks(self, subject: Subject, cut: float) -> tuple[float, ...]:
        if subject == self.subject:
            return cut, -cut
        if (subject.region, subject.side) != (self.subject.region, self.subject.side) or self.was is None:
            return ()
        return tuple(
            one.back(cut, self.was) for one in self.comparisons() if one.quantity is subject.quantity
        )


def measured(subject: Subject, value: float) -> Measured:
    """A value in its quantity's own unit."""
    unit = UNITS[subject.quantity]
    return Measured(subject.quantity, subject.region, subject.side, value, unit, EVIDENCE)


def silent(subject: Subject, detail: str, why: Why = Why.SERIES_MISSING) -> NotAssessed:
    """A subject that could not be measured."""
    return NotAssessed(subject.quantity, subject.region, subject.side, why, detail)


def read_line(entry: Entry, subject: Subject) -> Line:
    """One measurement. Raises PolicyError with file and line."""
    text = entry.raw()
    if text.startswith("not assessed"):
        return Line(subject, silence=silent(subject, *reason_of(entry, text)))
    found = _LINE.fullmatch(text)
    if not found:
        entry.fail(f"`{text}` is no measurement; write {_HOW}")
    unit = UNITS[subject.quantity]
    _check_unit(entry, found["unit"], unit)
    low, high = float(found["low"]), float(found["high"] or found["low"])
    if low > high:
        entry.fail(f"the range `{text}` runs backwards")
    if found["was"] is None:
        return Line(subject, low, high)
    _check_unit(entry, found["was_unit"], unit)
    if subject.quantity not in COMPARISONS:
        known = ", ".join(COMPARISONS)
        entry.fail(f"{subject.quantity} is not compared with an earlier study; `was` may stand for {known}")
    return Line(subject, low, high, float(found["was"]))


def lines_of(entry: Entry | None, needed: frozenset[Subject] | None) -> Iterator[tuple[Line, Entry]]:
    """Measurements from lines such as `flair_volume left thalamus: 2 mL`, or `… both thalamus: …` for each side.

    needed : what rules ask for, or None where a case may say what no rule asks for
    Raises PolicyError with file and line.
    """
    for words, item in entry.mapping().items() if entry else ():
        for subject in read_subjects(words, item):
            line = read_line(item, subject)
            if needed is not None:
                _refuse_unasked(line, item, needed)
            yield line, item


def _refuse_unasked(line: Line, entry: Entry, needed: frozenset[Subject]) -> None:
    """A measurement that no rule asks for changes nothing: most often the side or the region is not the one meant."""
    subject = line.subject
    compared = {subject._replace(quantity=one.quantity) for one in line.comparisons()}
    if needed & ({subject} | compared):
        return
    asked = [f"{one.side} {one.region}" for one in sorted(needed) if one.quantity is subject.quantity]
    where = f"rules ask for it at: {', '.join(asked)}" if asked else "no rule asks for this quantity anywhere"
    entry.fail(
        f"no rule asks for {subject.quantity} {subject.side} {subject.region}; {where} (`also` takes it all the same)"
    )


def reason_of(entry: Entry, text: str) -> tuple[str, Why]:
    """The reason of `not assessed, cut off` or `not assessed (quality), motion`."""
    found = _SILENT.fullmatch(text)
    if not found:
        entry.fail(f"`{text}` gives no reason; write `not assessed, why` or `not assessed (quality), why`")
    detail = " ".join(found["detail"].split())
    if found["why"] is None:
        return detail, Why.COVERAGE if "slices" in detail else Why.SERIES_MISSING
    if found["why"] not in set(Why):
        entry.fail(f"`{found['why']}` is none of {', '.join(Why)}")
    return detail, Why(found["why"])


def _check_unit(entry: Entry, given: str | None, unit: Unit) -> None:
    if _ALIASES.get(given or "1", given or "1") != unit:
        shown = {Unit.COUNT: "foci", Unit.ONE: "no unit"}.get(unit, unit.value)
        entry.fail(f"unit `{given or 'none'}` is wrong here; this is measured in `{shown}`")
