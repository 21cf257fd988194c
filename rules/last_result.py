"""This study beside the patient's last result: what became more or less since (knowledge base 1c: baseline and last MRI).

The images are compared with one earlier study, the baseline if there is one (M5). What happened since the most recent result is then
told by the volumes of both: two measurements, so it can tell more or less, but not that nothing is new.
"""

from collections.abc import Iterator, Mapping

from rules.conditions import Subject
from rules.facts import Earlier, LastResult
from rules.findings import UNITS, Finding, Measured, NotAssessed, Quantity, Why

COMPARED = Quantity.FLAIR_VOLUME
"""The quantity that is compared: the findings of it are what a last result has to bring."""
PERCENT_FROM_ML = 1.0
"""Least volume of which a change in per cent is told, as the change check has it (knowledge base M5)."""
DERIVED = frozenset({Quantity.FLAIR_RESULT_DIFFERENCE, Quantity.FLAIR_RESULT_CHANGE})


def since_last_result(
    findings: Mapping[Subject, Finding], last: LastResult | None, earlier: Earlier | None
) -> dict[Subject, Finding]:
    """The derived findings of every region and side of which volumes are known.

    None of them where the images were compared with that very study or a later one: two images side by side know more.
    """
    if last is None or (earlier and earlier.study_date and earlier.study_date >= last.study_date):
        return {}
    before = {Subject(one.quantity, one.region, one.side): one for one in last.findings}
    found: dict[Subject, Finding] = {}
    for subject, now in findings.items():
        if subject.quantity is COMPARED:
            for one in _compared(now, before.get(subject)):
                found[Subject(one.quantity, one.region, one.side)] = one
    return found


def _compared(now: Finding, before: Finding | None) -> Iterator[Finding]:
    if not isinstance(now, Measured) or not isinstance(before, Measured):
        silent = now if isinstance(now, NotAssessed) else before
        detail = silent.detail if isinstance(silent, NotAssessed) else "not in the last result"
        why = silent.why if isinstance(silent, NotAssessed) else Why.SERIES_MISSING
        for quantity in sorted(DERIVED):
            yield NotAssessed(quantity, now.region, now.side, why, detail)
        return
    more = now.value - before.value
    yield _derived(Quantity.FLAIR_RESULT_DIFFERENCE, now, more)
    if before.value >= PERCENT_FROM_ML:
        yield _derived(Quantity.FLAIR_RESULT_CHANGE, now, 100 * more / before.value)


def _derived(quantity: Quantity, now: Measured, value: float) -> Measured:
    return Measured(quantity, now.region, now.side, value, UNITS[quantity], now.evidence)
