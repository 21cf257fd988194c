from itertools import product

import pytest

from rules.logic import Answer, any_of, at_least, negation

TRUE, FALSE, UNKNOWN = Answer.TRUE, Answer.FALSE, Answer.UNKNOWN


def settled(answers):
    """Every way in which the unknown ones could turn out."""
    return product(*([[TRUE, FALSE] if one is UNKNOWN else [one] for one in answers]))


@pytest.mark.parametrize("answers", [one for size in range(4) for one in product(Answer, repeat=size)])
@pytest.mark.parametrize("count", range(5))
def test_at_least_is_known_only_if_it_does_not_matter_how_the_unknown_ones_turn_out(
    count: int, answers: tuple[Answer, ...]
):
    outcomes = {list(one).count(TRUE) >= count for one in settled(answers)}
    expected = UNKNOWN if len(outcomes) == 2 else Answer.of(outcomes.pop())
    assert at_least(count, iter(answers)) is expected


@pytest.mark.parametrize("answers", [one for size in range(1, 4) for one in product(Answer, repeat=size)])
def test_any_is_one_of_them(answers: tuple[Answer, ...]):
    assert any_of(iter(answers)) is at_least(1, answers)


def test_of_none_any_is_false():
    assert any_of([]) is FALSE


def test_not():
    assert [negation(one) for one in (TRUE, FALSE, UNKNOWN)] == [FALSE, TRUE, UNKNOWN]


def test_a_bool_is_an_answer():
    assert Answer.of(value=True) is TRUE
    assert Answer.of(value=False) is FALSE
