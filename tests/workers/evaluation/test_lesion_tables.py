"""What is told of small and large lesions, and of each region."""

from rules.anatomy import Region, Side
from tests.workers.evaluation.made_up import outcome, overlap
from workers.evaluation.lesion_tables import region_table, size_table
from workers.evaluation.overlap import Overlap, TrueLesion
from workers.evaluation.regional import RegionOverlap
from workers.evaluation.truth import Truth

_TRUTH = Truth(("R03",))


def _study(name, lesions=(), false=()):
    told = tuple(TrueLesion(ml, covered) for ml, covered in lesions)
    sizes = Overlap("flair", 0.5, 1.0, 1.0, len(told), 0, len(false), told, tuple(false))
    return outcome(name, _TRUTH, {}, overlaps=(sizes,))


def test_lesions_are_told_by_size():
    made = [
        _study("a", [(0.05, 0.0), (0.05, 0.05), (0.09, 0.6), (12.0, 0.9)], [0.03, 0.4]),
        _study("b", [(0.1, 1.0)]),
        outcome("before sizes were kept", _TRUTH, {}, overlaps=(overlap(0.8, 10.0, 12.0, false=3),)),
    ]
    table = size_table(made)
    rows = {row[1]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert list(rows) == ["below 0.1 mL", "0.1 to 0.5 mL", "0.5 to 2 mL", "2 to 10 mL", "10 mL and more"]
    small = rows["below 0.1 mL"]
    assert (small["studies"], small["true lesions"], small["false clusters"]) == (2, 3, 1)
    assert (small["found"].value, small["a tenth covered"].value) == (2 / 3, 1 / 3)
    assert small["false in a study"] == 0.5
    assert (rows["0.1 to 0.5 mL"]["true lesions"], rows["0.1 to 0.5 mL"]["false clusters"]) == (1, 1)
    assert (rows["2 to 10 mL"]["true lesions"], rows["2 to 10 mL"]["found"].value) == (0, None)


def test_regions_have_the_dice_of_their_places():
    def of(side, true_ml, found_ml, common_ml):
        return RegionOverlap("flair", Region.THALAMUS, side, true_ml, found_ml, common_ml)

    made = [
        outcome("a", _TRUTH, {}, regions=(of(Side.LEFT, 2.0, 2.0, 1.6), of(Side.RIGHT, 1.0, 0.0, 0.0))),
        outcome(
            "b", _TRUTH, {}, regions=(of(Side.LEFT, 0.1, 3.0, 0.1),)
        ),  # a speck has no Dice worth the name
    ]
    (row,) = region_table(made).rows
    found = dict(zip(region_table(made).columns, row, strict=True))
    assert (found["mask"], found["region"], found["places"]) == ("flair", "thalamus", 2)
    assert (found["Dice median"].value, found["share of 0.5 or more"].value) == (0.4, 0.5)


def test_outcomes_of_before_have_neither():
    old = [outcome("old", _TRUTH, {}, overlaps=(overlap(0.8, 10.0, 12.0),))]
    assert size_table(old).rows == region_table(old).rows == ()
