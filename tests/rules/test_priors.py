from datetime import date, timedelta

import pytest

from rules.priors import Prior, Series, in_turn, is_before, needed

TODAY = date(2026, 5, 31)
INFUSED = TODAY - timedelta(days=10)


def made(days_ago: int) -> Prior:
    return Prior(f"1.{days_ago}", TODAY - timedelta(days=days_ago))


def order(*days: int, infusion: date | None = INFUSED) -> list[int]:
    return [(TODAY - one.study_date).days for one in in_turn(map(made, days), TODAY, infusion)]


def test_the_last_study_before_the_infusion_is_the_baseline():
    assert order(400, 3, 30, 12) == [12, 30, 400, 3]


def test_without_a_baseline_or_an_infusion_date_it_is_the_last_study():
    assert order(9, 3, 5) == [3, 5, 9]
    assert order(400, 3, 30, infusion=None) == [3, 30, 400]


def test_a_study_of_the_day_of_infusion_is_no_baseline():
    assert order(10, 11) == [11, 10]
    assert order(10, 12, 3) == [12, 3, 10]


def test_a_study_of_the_same_day_or_a_later_one_is_no_prior():
    assert order(0, -3) == []


def test_before_the_infusion_the_last_one_is_taken():
    priors = map(made, (5, 9))
    assert in_turn(priors, TODAY, TODAY + timedelta(days=4))[0] == made(5)


def test_two_studies_of_one_day_have_a_fixed_order():
    first, second = (Prior(uid, TODAY - timedelta(days=4)) for uid in ("1.2", "1.3"))
    assert in_turn([second, first], TODAY, None) == in_turn([first, second], TODAY, None)


@pytest.mark.parametrize(
    ("made", "before"),
    [(date(2026, 1, 1), True), (date(2026, 1, 3), False), (date(2026, 1, 2), None), (None, None)],
)
def test_a_study_of_the_day_of_infusion_is_not_known_to_be_before_it(made, before):
    assert is_before(made, date(2026, 1, 2)) is before
    assert is_before(made, None) is None


@pytest.mark.parametrize(
    ("described", "left"),
    [
        (("AX FLAIR", "t2_tse", "DWI b1000", "TOF", "LOCALIZER"), ("AX FLAIR", "t2_tse", "DWI b1000")),
        (
            ("AX FLAIR", "t2_swi_tra_p2", "sSWIp", "AX GRE", "DTI"),
            ("AX FLAIR", "t2_swi_tra_p2", "sSWIp", "AX GRE"),
        ),
        (("sag dark-fluid", "DWI", "Survey"), ("sag dark-fluid", "DWI")),
        (("", "1", "2"), ("", "1", "2")),
    ],
    ids=["names that tell", "susceptibility", "no FLAIR named", "no names"],
)
def test_series_are_left_out_by_their_words_only_where_a_flair_is_named(described, left):
    series = [Series(str(number), text) for number, text in enumerate(described)]
    assert tuple(one.description for one in needed(series)) == left
