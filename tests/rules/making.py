"""Cases for property tests: an undiseased, a silent or a sick brain with anything changed, and any context."""

from collections.abc import Mapping
from datetime import date, timedelta

from hypothesis import strategies as st

from rules.case_images import undiseased
from rules.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    IfAssessed,
    Not,
    SomeOf,
    Subject,
    leaves,
)
from rules.context import (
    BloodPressure,
    Consciousness,
    Depth,
    History,
    Motor,
    PatientContext,
    Recorded,
    Seizure,
    Ventilation,
)
from rules.facts import Case, Earlier
from rules.findings import Finding, Measured, Quantity
from rules.policy import load
from tests.rules.stories import NOW, STUDY_DATE, measured, not_assessed

POLICY = load()
SUBJECTS = sorted(POLICY.needed_findings())
ASKED = [leaf for one in POLICY.conditions() for leaf in leaves(one) if isinstance(leaf, AtLeast | AtMost)]
CUTS: Mapping[Subject, list[float]] = {
    subject: sorted({leaf.cut.value for leaf in ASKED if leaf.subject == subject}) for subject in SUBJECTS
}
"""What decides: values are drawn on, below and above the cuts, which chance would seldom hit."""
INDICES = frozenset({Quantity.FLAIR_LATERALITY, Quantity.RESTRICTED_LATERALITY})
"""Sides, not amounts: more of the one side is neither better nor worse."""
LESS_IS_WORSE = frozenset(
    {
        Quantity.CSF_VOLUME,
        Quantity.CSF_CHANGE,
        Quantity.CSF_RATIO,
        Quantity.RESTRICTED_ADC,
        Quantity.LESION_ADC,
    }
)


def _beside(cut: float) -> tuple[float, float, float]:
    step = max(abs(cut) * 0.01, 0.01)
    return cut - step, cut, cut + step


def _sick(subject: Subject) -> float:
    """A value beyond every cut, on the worse side."""
    cuts = CUTS[subject]
    return cuts[0] - 1 if subject.quantity in LESS_IS_WORSE else cuts[-1] + 1


def _change(subject: Subject) -> st.SearchStrategy[tuple[Subject, Finding | None]]:
    """Another value of a subject, near a cut or anywhere; or silence; or not a word."""
    near = st.sampled_from([value for cut in CUTS[subject] for value in _beside(cut)])
    values = st.one_of(near, st.floats(-1, 1) if subject.quantity in INDICES else st.floats(0, 200))
    found = st.one_of(
        values.map(lambda value: measured(subject, value)), st.just(not_assessed(subject)), st.none()
    )
    return found.map(lambda finding: (subject, finding))


BASES: tuple[Mapping[Subject, Finding], ...] = (
    {one: measured(one, undiseased().get(one.quantity, 0.0)) for one in SUBJECTS},
    {one: not_assessed(one) for one in SUBJECTS},
    {one: measured(one, _sick(one)) for one in SUBJECTS},
)
CHANGES = st.lists(st.sampled_from(SUBJECTS).flatmap(_change), max_size=16)


def _put(
    base: Mapping[Subject, Finding], changes: list[tuple[Subject, Finding | None]]
) -> tuple[Finding, ...]:
    found = {**base, **dict(changes)}
    return tuple(finding for finding in found.values() if finding is not None)


FINDINGS: st.SearchStrategy[tuple[Finding, ...]] = st.builds(_put, st.sampled_from(BASES), CHANGES)


def recorded(values: st.SearchStrategy) -> st.SearchStrategy:
    moments = st.one_of(st.none(), st.integers(-5, 100).map(lambda hours: NOW - timedelta(hours=hours)))
    return st.none() | st.builds(Recorded, values, moments)


CONTEXTS = st.builds(
    PatientContext,
    is_cart_recipient=st.booleans(),
    birth_date=st.none() | st.dates(date(1930, 1, 1), STUDY_DATE),
    infusion_date=st.none() | st.integers(-10, 100).map(lambda days: STUDY_DATE - timedelta(days=days)),
    product=st.sampled_from(["", "axi-cel"]),
    icans_grade=recorded(st.integers(0, 4)),
    ice_score=recorded(st.integers(0, 10)),
    capd_score=recorded(st.integers(0, 32)),
    crs_grade=recorded(st.integers(0, 4)),
    blood_pressure=recorded(st.builds(BloodPressure, st.integers(90, 220), st.integers(40, 120))),
    seizure=recorded(st.sampled_from(Seizure)),
    motor=recorded(st.sampled_from(Motor)),
    motor_depth=st.sampled_from(Depth),
    raised_icp_signs=recorded(st.booleans()),
    consciousness=recorded(st.sampled_from(Consciousness)),
    cord_signs=recorded(st.booleans()),
    anticoagulant=recorded(st.booleans()),
    ventilation=recorded(st.sampled_from(Ventilation)),
    history=st.lists(st.sampled_from(History), unique=True, max_size=3).map(tuple),
    order_text=st.sampled_from(["", "day 8 post axi-cel", "headache"]),
    steroid_taper=recorded(st.booleans()),
    platelets=recorded(st.integers(1, 400)),
    has_neuro_indication=st.none() | st.booleans(),
    order_priority=st.sampled_from(["", "STAT", "HIGH", "ROUTINE", "odd"]),
)
EARLIER = st.none() | st.builds(
    Earlier, st.none() | st.just(STUDY_DATE - timedelta(days=20)), st.sampled_from([None, True, False])
)
CASES = st.builds(
    Case,
    findings=FINDINGS,
    context=CONTEXTS,
    roles=st.just(()),
    now=st.just(NOW),
    study_date=st.just(STUDY_DATE),
    modalities=st.sampled_from([("MR",), ("MR", "CT"), ()]),
    earlier=EARLIER,
)


def parts_of(condition: Condition) -> tuple[Condition, ...]:
    match condition:
        case AllOf(parts) | AnyOf(parts) | SomeOf(_, parts):
            return (condition, *(inner for part in parts for inner in parts_of(part)))
        case Not(part) | IfAssessed(part):
            return (condition, *parts_of(part))
        case _:
            return (condition,)


def subject_of(finding: Finding) -> Subject:
    return Subject(finding.quantity, finding.region, finding.side)


def worse(finding: Finding, by: float) -> Finding:
    """More lesion in one measurement; what is no amount, or was not measured, stays."""
    if not isinstance(finding, Measured) or finding.quantity in INDICES:
        return finding
    sign = -1 if finding.quantity in LESS_IS_WORSE else 1
    return measured(subject_of(finding), finding.value + sign * by)


WANTED = frozenset(
    leaf.subject
    for rule in POLICY.rules
    for part in parts_of(rule.required)
    if isinstance(part, IfAssessed)
    for leaf in leaves(part)
    if isinstance(leaf, AtLeast | AtMost)
)
"""What the rules ask only `if_assessed`."""
