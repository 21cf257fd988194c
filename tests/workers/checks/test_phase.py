"""Foci of lime are told from microbleeds by their phase, whichever way the scanner counts it."""

from dataclasses import replace

import numpy as np
import pytest

from rules.anatomy import Role
from rules.findings import Quantity
from tests.workers.checks.dark_heads import Head, value
from workers.checks.check import Inputs
from workers.checks.phase import dipole_field
from workers.checks.susceptibility import CHECK, measure
from workers.imaging.scan import Scan

BLOOD = [(-14.0, 0.0, 26.0), (12.0, -2.0, 14.0), (-10.0, -24.0, 22.0), (14.0, -20.0, 28.0), (0.0, 8.0, 20.0)]
LIME = [(-2.0, -8.0, 30.0), (4.0, -26.0, 14.0)]
DIAMETER_MM = 5.0
STRENGTH = 3.0
"""Phase in radians at a ball's pole, by the dipole's own formula: no part of the product has a hand in it."""


def head():
    whole = Head()
    for centre in (*BLOOD, *LIME):
        whole.ball(centre, DIAMETER_MM)
    return whole


def phase_scan(swi: Scan, whole: Head, sense: float = 1.0, *, blood=BLOOD, lime=LIME) -> Scan:
    """Stored values of 0 to 4095 for a turn; noise where there is no signal."""
    radians = np.random.default_rng(3).normal(0, 0.05, whole.x.shape) / np.maximum(whole.signal, 0.02)
    for centre, sign in [(one, 1.0) for one in blood] + [(one, -1.0) for one in lime]:
        x, y, z = (axis - c for axis, c in zip((whole.x, whole.y, whole.z), centre, strict=True))
        r = np.maximum(np.sqrt(x**2 + y**2 + z**2), 1e-3)
        outside = r > DIAMETER_MM / 2
        fall = (DIAMETER_MM / 2 / r) ** 3
        radians += sign * STRENGTH / 2 * outside * fall * (3 * (z / r) ** 2 - 1)
    turns = np.mod(sense * radians / (2 * np.pi) + 0.5, 1.0)
    return replace(swi, volume=replace(swi.volume, array=(4095 * turns).astype(np.float32), role=Role.PHASE))


def counts(swi, phase=None):
    scans = {Role.SWI: swi} | ({Role.PHASE: phase} if phase else {})
    result = measure(Inputs(scans))
    left_out = [one.value for one in result.findings if one.quantity is Quantity.CALCIFIED_COUNT]
    return value(result, Quantity.MICROBLEED_COUNT), left_out


@pytest.mark.parametrize("sense", [1.0, -1.0], ids=["right-handed", "left-handed"])
def test_lime_is_left_out_and_told_whichever_way_the_phase_counts(sense):
    whole = head()
    swi = whole.scan()
    assert counts(swi, phase_scan(swi, whole, sense)) == (len(BLOOD), [len(LIME)])


def test_without_a_phase_all_are_counted():
    assert counts(head().scan()) == (len(BLOOD) + len(LIME), [])


def test_a_phase_of_noise_leaves_nothing_out():
    whole = head()
    swi = whole.scan()
    assert counts(swi, phase_scan(swi, whole, blood=[], lime=[])) == (len(BLOOD) + len(LIME), [])


def test_a_phase_on_another_grid_is_not_used():
    whole = head()
    swi = whole.scan()
    phase = phase_scan(swi, whole)
    moved = phase.volume.affine + np.array([[0, 0, 0, 3.0], *[[0.0] * 4] * 3])
    elsewhere = replace(phase, volume=replace(phase.volume, affine=moved))
    assert counts(swi, elsewhere) == (len(BLOOD) + len(LIME), [])


def test_an_empty_phase_is_not_used():
    swi = head().scan()
    flat = replace(
        swi, volume=replace(swi.volume, array=np.full_like(swi.volume.array, 7.0), role=Role.PHASE)
    )
    assert counts(swi, flat) == (len(BLOOD) + len(LIME), [])


def test_a_large_area_is_never_left_out():
    """Fresh blood is not yet paramagnetic."""
    whole = head().ball((0.0, -12.0, 8.0), 14.0)
    swi = whole.scan()
    result = measure(
        Inputs({Role.SWI: swi, Role.PHASE: phase_scan(swi, whole, lime=[*LIME, (0.0, -12.0, 8.0)])})
    )
    assert value(result, Quantity.HAEMORRHAGE_DIAMETER) > 10


def test_the_field_of_a_ball_is_that_of_a_dipole_along_the_main_field():
    z, y, x = np.ogrid[-20:21, -20:21, -20:21]
    ball = (z**2 + y**2 + x**2 <= 9).astype(np.float32)
    for along, pole in (((0, 0, 1), (28, 20, 20)), ((0, 1, 0), (20, 28, 20)), ((1, 0, 0), (20, 20, 28))):
        field = dipole_field(ball, (1.0, 1.0, 1.0), along)
        expected = 2 / 3 * float(ball.sum()) * 3 / (4 * np.pi) / 8**3
        assert field[pole] == pytest.approx(expected, rel=0.15)
        equator = next(p for p in ((28, 20, 20), (20, 28, 20)) if p != pole)
        assert field[equator] == pytest.approx(-expected / 2, rel=0.25)


def test_the_check_asks_for_the_phase():
    assert Role.PHASE in CHECK.roles
