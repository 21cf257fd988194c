from rules.anatomy import UNPAIRED, Region, Side, sides
from rules.findings import UNITS, Quantity
from rules.logic import Answer
from rules.urgency import Priority, most_urgent
from rules.words import (
    answer_word,
    family_words,
    listed,
    margin_words,
    quantity_words,
    subject_words,
    unit_words,
    value_words,
)


def test_every_quantity_has_words_of_its_own_and_a_family():
    words = [quantity_words(one) for one in Quantity]
    assert len(set(words)) == len(Quantity)
    assert all(family_words(one) for one in Quantity)
    assert family_words(Quantity.CSF_CHANGE) == "comparison with an earlier study"
    assert family_words(Quantity.CSF_RATIO) == "cerebrospinal fluid"
    assert family_words(Quantity.FLAIR_RESULT_CHANGE) == "comparison with the last result"


def test_a_place_is_told_with_its_side_where_it_has_one():
    assert subject_words(Region.PARIETO_OCCIPITAL, Side.RIGHT) == "right parieto-occipital"
    assert subject_words(Region.PONS, Side.MIDLINE) == "pons"
    assert subject_words(Region.THALAMUS, Side.WHOLE) == "thalamus"
    assert subject_words(Region.BRAIN, Side.WHOLE) == "whole brain"
    assert subject_words(Region.BRAIN, Side.LEFT) == f"left {Region.BRAIN.words}"


def test_a_region_has_its_two_sides_or_the_midline_and_the_last_is_all_of_it():
    for region in Region:
        of_one = (Side.WHOLE,) if region is Region.BRAIN else (Side.MIDLINE,)
        assert sides(region) == (of_one if region in UNPAIRED else (Side.LEFT, Side.RIGHT, Side.WHOLE))


def test_units_are_printed_with_their_space():
    assert (unit_words("mm[Hg]"), unit_words("1"), unit_words("kg")) == (" mmHg", "", " kg")
    assert {unit_words(unit) for unit in UNITS.values()} <= {"", " mL", " %", " mm", " \u00d710⁻⁶ mm²/s"}


def test_a_value_has_the_decimals_of_its_unit_and_more_where_the_cut_asks_for_them():
    assert value_words(12.44, "mL") == "12.4 mL"
    assert value_words(12.44, "%") == "12 %"
    assert value_words(12.44, "kg") == "12.4 kg"
    assert value_words(1.96, "mL", 2.0) == "1.96 mL"
    assert value_words(2.0, "mL", 2.0) == "2.0 mL"
    assert value_words(2.04, "mL", 2.02) == "2.04 mL"
    assert value_words(0.4999996, "1", 0.5) == "0.500000", "six decimals are the most"
    assert value_words(0.499996, "1", 0.5) == "0.499996"


def test_a_margin_is_never_told_as_nothing():
    assert margin_words(1.44, "mL") == "1.4 mL above"
    assert margin_words(-0.04, "mL") == "0.04 mL below"
    assert margin_words(5, "%") == "5 percentage points above"
    assert margin_words(0.4, "d") == "0.4 d above"
    assert margin_words(3.0, "d") == "3 d above"
    assert margin_words(-0.0000004, "1") == "0.000000 below", "six decimals are the most"
    assert margin_words(0.000002, "1") == "0.000002 above"
    assert margin_words(0.0, "%") == "at the cut"


def test_answers_and_lists():
    assert [answer_word(one) for one in (Answer.TRUE, Answer.FALSE, Answer.UNKNOWN)] == ["yes", "no", "open"]
    assert listed([]) == ""
    assert listed(("a",)) == "a"
    assert listed(("a", "b")) == "a and b"
    assert listed(["a", "b", "c"], "or") == "a, b or c"


def test_the_most_urgent_priority_wins():
    for one in Priority:
        for other in Priority:
            first = min(one, other, key=list(Priority).index)
            assert most_urgent(one, other) is first
            assert one.is_above(other) is (first is one is not other)
    assert most_urgent() is Priority.P4
