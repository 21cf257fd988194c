from dataclasses import replace
from pathlib import Path

import pytest

import workers
from rules.measures import Measure
from rules.policy import load
from workers.imaging.cuts import cut_of, cuts_digest, measuring_by

HELD = load().measurements
SOURCES = [
    path.read_text(encoding="utf-8")
    for folder in ("imaging", "checks")
    for path in (Path(workers.__path__[0]) / folder).glob("*.py")
]


def with_value(measure: Measure, value: float):
    return {**HELD, measure: replace(HELD[measure], value=value)}


def test_outside_of_a_study_the_installed_policy_counts():
    assert cut_of(Measure.RESTRICTION_ADC_WHITE) == 620.0


def test_a_study_is_measured_by_its_policy_and_by_no_other():
    with measuring_by(with_value(Measure.FLAIR_SEED_Z, 9.0)):
        assert cut_of(Measure.FLAIR_SEED_Z) == 9.0
    assert cut_of(Measure.FLAIR_SEED_Z) == 3.0


def test_a_crash_does_not_leave_another_study_s_numbers_behind():
    with pytest.raises(RuntimeError), measuring_by(with_value(Measure.FLAIR_SEED_Z, 9.0)):
        raise RuntimeError
    assert cut_of(Measure.FLAIR_SEED_Z) == 3.0


def test_another_value_is_another_identity_and_another_source_is_not():
    plain = cuts_digest()
    with measuring_by(with_value(Measure.FLAIR_SEED_Z, 9.0)):
        assert cuts_digest() != plain
    with measuring_by({**HELD, Measure.FLAIR_SEED_Z: replace(HELD[Measure.FLAIR_SEED_Z], source="ours")}):
        assert cuts_digest() == plain


@pytest.mark.parametrize("measure", Measure)
def test_every_number_of_the_policy_is_asked_for(measure: Measure):
    assert any(f"Measure.{measure.name}" in text for text in SOURCES)
