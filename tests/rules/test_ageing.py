from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.ageing import Shown, aged
from rules.conditions import Cut
from rules.policy import load
from rules.urgency import Priority

NOON = datetime(2026, 5, 16, 12, 0, tzinfo=UTC)
LIMITS = load().targets
MINUTES = st.integers(0, 5000).map(lambda minutes: timedelta(minutes=minutes))
PRIORITIES = st.sampled_from(Priority)


def shown(priority: Priority, minutes: float) -> Shown:
    return aged(LIMITS, priority, NOON, NOON + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("priority", "limit", "above", "told"),
    [
        (Priority.P4, 1440, Priority.P3, "24 hours"),
        (Priority.P3, 480, Priority.P2, "8 hours"),
        (Priority.P2, 60, Priority.P1, "60 minutes"),
    ],
)
def test_past_its_limit_a_study_is_shown_one_level_higher(
    priority: Priority, limit: float, above: Priority, told: str
):
    in_time, late = shown(priority, limit), shown(priority, limit + 0.1)
    assert in_time == Shown(priority, priority, None, "")
    assert not in_time.is_raised
    assert (late.priority, late.decided, late.is_raised) == (above, priority, True)
    assert late.late_since == NOON + timedelta(minutes=limit)
    assert (
        late.why
        == f"waits for more than {told}, the limit of {priority}; shown as {above} by the ageing guard"
    )


def test_a_late_critical_study_is_late_and_stays_critical():
    late = shown(Priority.P1, 15.1)
    assert (late.priority, late.is_raised) == (Priority.P1, False)
    assert late.late_since == NOON + timedelta(minutes=15)
    assert late.why == "waits for more than 15 minutes, the limit of P1"


@pytest.mark.parametrize(("minutes", "told"), [(120, "120 minutes"), (150, "2.5 hours")])
def test_a_wait_is_told_in_the_unit_that_people_use(minutes: float, told: str):
    limits = {Priority.P3: Cut(minutes, "min", "ours", date(2026, 11, 27))}
    assert told in aged(limits, Priority.P3, NOON, NOON + timedelta(days=1)).why


def test_reading_ends_the_wait():
    read_at = NOON + timedelta(minutes=59)
    assert aged(LIMITS, Priority.P2, NOON, read_at).priority is Priority.P2


@given(PRIORITIES, MINUTES, MINUTES)
def test_waiting_never_lowers(priority: Priority, waited: timedelta, longer: timedelta):
    before = aged(LIMITS, priority, NOON, NOON + waited)
    after = aged(LIMITS, priority, NOON, NOON + waited + longer)
    assert not before.priority.is_above(after.priority)
    assert not priority.is_above(before.priority)


@given(PRIORITIES, PRIORITIES, MINUTES, MINUTES)
def test_a_result_that_asks_for_more_is_never_shown_lower_than_the_age_showed_the_study(
    one: Priority, other: Priority, waited: timedelta, anew: timedelta
):
    high, low = sorted((one, other))
    by_age = aged(LIMITS, low, NOON, NOON + waited).priority
    if high.is_above(low):
        assert not by_age.is_above(aged(LIMITS, high, NOON, NOON + anew).priority)


def test_a_study_raised_by_its_age_delays_none_that_was_decided_so():
    critical, old_urgent, urgent, old_routine = (
        shown(Priority.P1, 0),
        shown(Priority.P2, 600),
        shown(Priority.P2, 0),
        shown(Priority.P4, 9000),
    )
    listed = sorted([old_routine, old_urgent, urgent, critical], key=lambda one: one.place)
    assert listed == [critical, old_urgent, urgent, old_routine]
    assert min(old_urgent, critical, key=lambda one: one.place) is critical
