from rules.anatomy import Region, Side
from rules.conditions import Subject
from rules.findings import Quantity
from rules.unassessed import unassessed
from tests.rules.stories import measured, not_assessed

LEFT = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.LEFT)
RIGHT = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.RIGHT)
PONS = Subject(Quantity.FLAIR_VOLUME, Region.PONS, Side.MIDLINE)
INSULA = Subject(Quantity.FLAIR_VOLUME, Region.INSULA, Side.LEFT)
SHIFT = Subject(Quantity.MIDLINE_SHIFT, Region.BRAIN, Side.WHOLE)
NEEDED = (LEFT, RIGHT, PONS, SHIFT)


def told(*found, needed=NEEDED):
    findings = {Subject(one.quantity, one.region, one.side): one for one in found}
    return unassessed(needed, findings)


def test_what_was_measured_is_no_gap():
    assert told(*(measured(subject, 0) for subject in NEEDED)) == ()


def test_a_family_that_is_missing_as_a_whole_is_told_without_its_regions():
    gaps = told(*(not_assessed(subject) for subject in (LEFT, RIGHT, PONS)), measured(SHIFT, 0))
    assert gaps == ("FLAIR hyperintensity: no FLAIR series",)


def test_both_sides_one_side_and_the_midline_are_told():
    rest = measured(SHIFT, 0)
    assert told(not_assessed(LEFT), not_assessed(RIGHT), measured(PONS, 0), rest) == (
        "FLAIR hyperintensity of thalamus (both sides): no FLAIR series",
    )
    assert told(not_assessed(LEFT), measured(RIGHT, 0), measured(PONS, 0), rest) == (
        "FLAIR hyperintensity of left thalamus: no FLAIR series",
    )
    assert told(not_assessed(LEFT), measured(RIGHT, 0), not_assessed(PONS), rest) == (
        "FLAIR hyperintensity of left thalamus and pons: no FLAIR series",
    )


def test_each_reason_is_a_clause_of_its_own():
    gaps = told(
        not_assessed(LEFT, "motion"),
        not_assessed(RIGHT, "cut off"),
        measured(PONS, 0),
        not_assessed(SHIFT, "motion"),
    )
    assert gaps == (
        "FLAIR hyperintensity of left thalamus: motion",
        "FLAIR hyperintensity of right thalamus: cut off",
        "midline shift: motion",
    )


def test_a_region_that_nobody_told_of_is_a_gap_and_a_ratio_of_nothing_is_none():
    ratio = Subject(Quantity.FLAIR_RATIO, Region.PONS, Side.MIDLINE)
    needed = (*NEEDED, ratio, INSULA)
    rest = [measured(subject, 0) for subject in NEEDED]
    assert told(*rest, needed=needed) == ("FLAIR hyperintensity of left insula: not measured",)
