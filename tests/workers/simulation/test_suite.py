from collections import Counter
from itertools import islice

import pytest

from workers.simulation.cases import THEMES, cases
from workers.simulation.suite import Half, combined, suite


@pytest.fixture(scope="module")
def halves():
    return {half: list(suite(half)) for half in Half}


def test_each_half_has_two_hundred_studies_or_more(halves):
    assert all(len(studies) >= 200 for studies in halves.values())


def test_halves_share_no_seed(halves):
    tuning, reporting = ({study.seed for study in halves[half]} for half in (Half.TUNING, Half.REPORTING))
    assert max(tuning) < 10_000 <= min(reporting)


def test_no_two_studies_of_a_half_are_the_same_person(halves):
    assert all(len({study.seed for study in studies}) == len(studies) for studies in halves.values())


def test_names_are_unique(halves):
    names = [study.name for studies in halves.values() for study in studies]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("length", [10, 30, 60])
def test_first_part_of_a_half_holds_every_theme(length):
    first = {study.case.name for study in islice(suite(Half.TUNING), length)}
    assert all(first & {case.name for case in theme} for theme in THEMES)


def test_every_case_and_vendor_comes_equally_often(halves):
    studies = halves[Half.REPORTING]
    counts = Counter(study.case.name for study in studies if not study.baseline)
    assert set(counts) == {case.name for case in cases()}
    assert len(set(counts.values())) == 1
    vendors = Counter(study.vendor for study in studies).values()
    assert max(vendors) - min(vendors) <= 0.1 * max(vendors)


def test_follow_up_is_the_same_person_later(halves):
    pairs = [study for study in halves[Half.TUNING] if study.baseline]
    assert {study.change for study in pairs} == {"new", "unchanged", "larger", "gone"}
    for study in pairs:
        assert study.baseline.seed == study.seed
        assert study.baseline.visit.age == study.visit.age
        assert study.baseline.study_date < study.study_date


def test_combined_case_has_the_lesions_of_both():
    first, second = (case for case in cases() if case.name in {"ms_light", "microbleeds"})
    both = combined((first, second))
    assert both.lesions == first.lesions + second.lesions
    assert both.csf_gain == second.csf_gain
