"""The measuring cuts in force: numbers of the policy, which the checks look up and never hold themselves."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from rules.conditions import Cut
from rules.identity import digest_of
from rules.measures import Measure
from rules.policy import load

Cuts = Mapping[Measure, Cut]

_IN_FORCE: ContextVar[Cuts | None] = ContextVar("measuring_cuts", default=None)


@contextmanager
def measuring_by(cuts: Cuts) -> Iterator[None]:
    """Measure by these cuts inside. A thread that is started inside would not know of them; the checks start none."""
    token = _IN_FORCE.set(cuts)
    try:
        yield
    finally:
        _IN_FORCE.reset(token)


def cut_of(measure: Measure) -> float:
    """The value of a cut in its unit (rules.measures.MEASURE_UNITS): of the policy in force, or else of the installed one."""
    return (_IN_FORCE.get() or _installed())[measure].value


def cuts_digest() -> str:
    """Identity of the values in force: part of the identity of everything that is measured by them."""
    return _digest(
        tuple(sorted((measure, one.value) for measure, one in (_IN_FORCE.get() or _installed()).items()))
    )


@cache
def _digest(values: tuple[tuple[Measure, float], ...]) -> str:
    return digest_of(values)


@cache
def _installed() -> Cuts:
    return load().measurements
