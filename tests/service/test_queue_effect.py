"""The simulated queue agrees with queueing theory, and triage gives nobody time that it does not take from others."""

import doctest
import random
from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import queue_effect
from service.assessments import report
from service.oidc import provider
from service.queue_effect import Arrival, dealt_in_order, effects, waits


def first_come(study: Arrival, _now: float) -> tuple[int, float]:
    return 0, study.at


def by_list(study: Arrival, now: float) -> tuple[int, float]:
    return study.place(now), study.at


def poisson(number: int, mean_gap: float) -> list[Arrival]:
    chance, at, made = random.Random(7), 0.0, []
    for _ in range(number):
        at += chance.expovariate(1 / mean_gap)
        made.append(Arrival(at, at, chance.choices(("P1", "P4"), (2, 8))[0]))
    return made


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_one_reader_waits_as_pollaczek_and_khinchine_say(load: float):
    """M/D/1: the mean wait is load x service / (2 (1 - load)) (Khinchine 1932)."""
    minutes = 10.0
    arrivals = poisson(20_000, minutes / load)
    mean = fmean(waits(arrivals, 1, minutes, first_come))
    assert mean == pytest.approx(load * minutes / (2 * (1 - load)), rel=0.06)


def test_two_classes_wait_as_cobham_says():
    """Non-preemptive priorities (Cobham 1954): W1 = R / (1 - rho1), W2 = R / ((1 - rho1)(1 - rho)), R = rho s / 2."""
    minutes, load = 10.0, 0.8
    arrivals = poisson(20_000, minutes / load)
    found = waits(arrivals, 1, minutes, by_list)
    urgent = 0.2 * load
    residual = load * minutes / 2
    for level, expected in (("P1", residual / (1 - urgent)), ("P4", residual / ((1 - urgent) * (1 - load)))):
        mean = fmean(wait for one, wait in zip(arrivals, found, strict=True) if one.priority == level)
        assert mean == pytest.approx(expected, rel=0.08), level


studies = st.lists(
    st.builds(
        Arrival,
        at=st.integers(0, 300).map(float),
        known_at=st.integers(0, 400).map(float),
        priority=st.sampled_from(("P1", "P2", "P3", "P4", "")),
    ),
    min_size=1,
    max_size=40,
)


@settings(deadline=None, max_examples=60)
@given(studies, st.integers(1, 3))
def test_what_one_gains_others_wait(arrivals: list[Arrival], readers: int):
    without, with_list = (waits(arrivals, readers, 12, rank) for rank in (first_come, by_list))
    assert sum(without) == pytest.approx(sum(with_list))
    assert min(with_list) >= 0
    told = effects(arrivals, without, with_list)
    assert sum(one.gain * one.studies for one in told) == pytest.approx(0, abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(studies)
def test_nobody_is_read_before_they_came(arrivals: list[Arrival]):
    read = [one.at + wait for one, wait in zip(arrivals, waits(arrivals, 1, 12, by_list), strict=True)]
    dealt = dealt_in_order(arrivals, read)
    assert min(dealt) >= 0
    assert dealt == pytest.approx(waits(arrivals, 1, 12, first_come))


def test_a_priority_counts_from_when_it_is_known():
    late = [Arrival(0, 0, "P4"), Arrival(1, 1, "P3"), Arrival(2, 99, "P1")]
    assert waits(late, 1, 10, by_list) == [0, 19, 8], "without a result it stands before P3"
    early = [*late[:2], replace(late[2], priority="P4")]
    assert waits(early, 1, 10, by_list) == [0, 19, 8]
    assert waits([*late[:2], replace(early[2], known_at=2)], 1, 10, by_list) == [0, 9, 18]


def test_the_examples_in_the_docstrings_hold():
    for module in (queue_effect, report, provider):
        assert doctest.testmod(module) == (0, pytest.approx(2, abs=1)), module
