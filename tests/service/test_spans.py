"""Medians and percentiles found by the database are those of the textbook."""

from statistics import median

import pytest
from sqlalchemy import literal, select, union_all

from service.spans import Span, spans
from service.store.session import Store


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 50])
def test_they_are_those_of_the_sorted_values(store: Store, count: int):
    seconds = [(number * 7) % 101 for number in range(count)]
    held = [*(("P2", one) for one in seconds), ("P1", -3)]
    rows = union_all(*(select(literal(name), literal(one)) for name, one in held))
    with store.reading() as session:
        urgent, found = spans(session, rows)
    nearest_rank = sorted(seconds)[-(-9 * count // 10) - 1]
    assert found == Span("P2", count, median(seconds), nearest_rank)
    assert urgent == Span("P1", 1, 0.0, 0.0), "clocks of two machines may disagree"
