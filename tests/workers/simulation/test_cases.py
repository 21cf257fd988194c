import numpy as np
import pytest

from rules.anatomy import Role, Side
from workers.simulation.brain import Brain
from workers.simulation.case import Body
from workers.simulation.cases import case_named, cases
from workers.simulation.contrast import tissue_signals
from workers.simulation.lesions import grow, place
from workers.simulation.limb import build_limb
from workers.simulation.tissues import Tissue
from workers.simulation.truth import DARK_ON_FLAIR, IMAGING_RULES
from workers.simulation.vendors import SCANNERS

WITH_LESIONS = [case for case in cases() if case.lesions]
ONE_OF_EACH = ("pres_restricted", "necrotising", "cerebellar_punctate", "haemorrhage_lobar", "meninges_focal",
               "tumour", "leukoencephalopathy", "old_infarct", "callosal_foci")  # fmt: skip
"""Every kind of plan, form and target."""


def _copy(brain: Brain) -> Brain:
    return Brain(brain.inside, {tissue: part.copy() for tissue, part in brain.fractions.items()})


def test_names_are_unique_and_every_case_says_what_it_is():
    names = [case.name for case in cases()]
    assert len(set(names)) == len(names)
    assert all(case.sentence.endswith(".") for case in cases())


def test_unknown_case_is_refused():
    with pytest.raises(KeyError):
        case_named("unheard_of")


@pytest.mark.parametrize("case", WITH_LESIONS, ids=lambda case: case.name)
def test_lesions_of_every_case_find_room(case, healthy_subject):
    lesions = place(case.lesions, healthy_subject.brain, np.random.default_rng(11))
    assert len(lesions) >= len(case.lesions)
    assert lesions == place(case.lesions, healthy_subject.brain, np.random.default_rng(11))


def test_every_rule_that_images_can_meet_has_a_case():
    expected = {rule for case in cases() for rule in case.rules}
    assert expected == set(IMAGING_RULES)
    assert not [case.name for case in cases() if set(case.rules) & set(case.tolerated)]


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_every_lesion_changes_tissue(name, healthy_subject):
    case = case_named(name)
    brain = _copy(healthy_subject.brain)
    rng = np.random.default_rng(11)
    lesions = place(case.lesions, brain, rng)
    burden, number = grow(lesions, brain, rng)
    assert lesions
    assert burden.min() >= 0 and burden.max() <= 1.001  # noqa: PT018 - one range
    assert len(set(np.unique(number)) - {0}) >= 0.9 * len(lesions)
    total = sum(brain.fractions.values())
    assert np.abs(total - brain.inside).max() < 1e-3


@pytest.fixture(scope="module")
def kinds(healthy_subject):
    """What the lesions of all cases are made of."""
    placed = (place(case.lesions, healthy_subject.brain, np.random.default_rng(11)) for case in WITH_LESIONS)
    return {lesion.kind for lesions in placed for lesion in lesions}


@pytest.mark.parametrize("scanner", SCANNERS.values(), ids=lambda one: one.manufacturer)
def test_what_counts_as_flair_lesion_is_brighter_there_than_white_matter(scanner, kinds):
    timing = next(w.timing for plan in scanner.series for w in plan.weightings if w.role is Role.FLAIR)
    signals = tissue_signals(timing, scanner.field_t)
    bright = {kind for kind in kinds if signals[kind] > signals[Tissue.WHITE]}
    assert bright == kinds - DARK_ON_FLAIR


def test_pres_lies_on_both_sides(healthy_subject):
    lesions = place(case_named("pres").lesions, healthy_subject.brain, np.random.default_rng(1))
    assert {lesion.side for lesion in lesions} == {Side.LEFT, Side.RIGHT}


def test_limb_has_marrow_and_no_brain():
    labels = build_limb(np.random.default_rng(1))
    assert (labels == Tissue.MARROW).sum() > 10_000
    assert not (labels == Tissue.CORTEX).any()
    assert case_named("knee").body is Body.LIMB
