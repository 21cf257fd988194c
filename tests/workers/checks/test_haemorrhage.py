"""Haemorrhages of known size, place and shape in a head of even signal; iron, lime and bone that are none."""

from dataclasses import replace

import numpy as np
import pytest

from rules.anatomy import Region, Side
from rules.findings import NotAssessed, Quantity, Why
from tests.workers.checks.dark_heads import (
    HALF,
    MIDDLE,
    Head,
    one_of,
    result_of,
    value,
    with_nuclei,
)
from workers.imaging.scan import Scan


@pytest.mark.parametrize(("other", "haemorrhages"), [(9.0, 0), (6.0, 1)])
def test_iron_that_is_short_of_ten_millimetres_on_one_side_is_no_haemorrhage(other, haemorrhages):
    nuclei = Head().ball((19, -3, 15), 12.5, 0.3).ball((-18, -4, 15), other, 0.3)
    found = one_of(result_of(with_nuclei(nuclei)).findings, Quantity.HAEMORRHAGE_DIAMETER)
    assert bool(found.value) == bool(haemorrhages)


def test_lime_is_told_by_its_fellow_though_that_is_narrow():
    """A nucleus is an egg: by itself it may look like a row of foci, which are no haemorrhage."""
    lime = Head().egg((19, -3, 15), (4.0, 8.0, 4.5)).egg((-18, -4, 15), (3.2, 6.5, 3.2))
    assert value(result_of(with_nuclei(lime)), Quantity.HAEMORRHAGE_DIAMETER) == 0
    alone = Head().egg((19, -3, 15), (4.0, 8.0, 4.5))
    assert value(result_of(with_nuclei(alone)), Quantity.HAEMORRHAGE_DIAMETER) == pytest.approx(16, abs=2.5)


BLEEDS = {
    "elsewhere": ((19.0, 5.5, 15.0), 13.0, 0.4),
    "larger": ((17.0, -4.0, 15.0), 16.5, 0.4),
    "darker": ((17.0, -4.0, 15.0), 13.0, 0.05),
}


@pytest.mark.parametrize(("place", "diameter", "left"), BLEEDS.values(), ids=BLEEDS)
def test_a_bleed_opposite_iron_that_is_not_like_it_is_a_haemorrhage(place, diameter, left):
    bleed = Head().ball(place, diameter, left).egg((-18, -4, 15), (3.2, 7.0, 3.2), 0.4)
    found = value(result_of(with_nuclei(bleed)), Quantity.HAEMORRHAGE_DIAMETER)
    assert found == pytest.approx(diameter, abs=2.5)


@pytest.mark.parametrize("diameter", [14.0, 22.0])
def test_a_haemorrhage_is_measured_and_is_no_microbleed(diameter):
    result = result_of(Head().ball((12, 2, 20), diameter).scan())
    found = one_of(result.findings, Quantity.HAEMORRHAGE_DIAMETER)
    assert found.value == pytest.approx(diameter, abs=2.5)
    assert found.uncertainty > 0
    truth = np.pi / 6 * diameter**3 / 1000
    assert value(result, Quantity.HAEMORRHAGE_VOLUME) == pytest.approx(truth, rel=0.25)
    assert value(result, Quantity.HAEMORRHAGE_VOLUME, Region.FRONTAL, Side.RIGHT) > 0.5 * truth
    assert value(result, Quantity.MICROBLEED_COUNT) == 0
    assert result.lesions[0].values[0][0] is Quantity.HAEMORRHAGE_DIAMETER


def test_a_haemorrhage_with_a_bright_middle_is_whole():
    head = Head().ball((12, 2, 20), 22)
    head.signal[head.radius((12, 2, 20), (7, 7, 7)) <= 1] = 1.0
    volume = value(result_of(head.scan()), Quantity.HAEMORRHAGE_VOLUME)
    assert volume == pytest.approx(np.pi / 6 * 22**3 / 1000, rel=0.3)


@pytest.mark.parametrize(
    ("way", "apart"), [((1.0, 0.0, 0.0), 5.5), ((0.6, 0.8, 0.0), 7.0), ((0.0, 0.6, 0.8), 6.5)]
)
def test_two_foci_that_touch_are_no_haemorrhage(way, apart):
    first = np.array([8.0, 0.0, 20.0])
    second = first + apart * np.array(way)
    result = result_of(Head().ball(tuple(first), 6).ball(tuple(second), 6).scan())
    assert value(result, Quantity.HAEMORRHAGE_DIAMETER) == 0


@pytest.mark.parametrize(
    ("radii", "haemorrhages"),
    [
        ((4.5, 8.5, 4.5), 1),
        ((4.0, 4.5, 8.5), 1),
        ((2.2, 9.0, 2.2), 0),
        ((2.0, 6.0, 2.0), 0),
        ((3.0, 10.5, 3.0), 0),
    ],
)
def test_a_long_and_narrow_haemorrhage_counts_and_a_vein_that_swells_does_not(radii, haemorrhages):
    found = value(result_of(Head().egg((8, 2, 20), radii).scan()), Quantity.HAEMORRHAGE_DIAMETER)
    assert found == (pytest.approx(17, abs=2.5) if haemorrhages else 0)


@pytest.mark.parametrize("bone_mm", [3.0, 5.0])
def test_the_bone_around_a_brain_that_was_drawn_too_wide_is_no_haemorrhage(bone_mm):
    """Its ring is closed in every slice: what it goes around is the brain."""
    head = Head()
    head.signal[head.inside & (head.radius(tuple(MIDDLE), tuple(half - bone_mm for half in HALF)) > 1)] = 0.1
    assert value(result_of(head.scan()), Quantity.HAEMORRHAGE_DIAMETER) == 0
    bleed = value(result_of(head.ball((4, 2, 20), 14).scan()), Quantity.HAEMORRHAGE_DIAMETER)
    assert bleed == pytest.approx(14, abs=2.5)


def askew(head: Head, slices: int) -> Scan:
    """The images moved against the anatomy, so that bone lies where the brain's rim is looked for."""
    scan = head.scan()
    moved = np.roll(scan.volume.array, slices, 0) * head.inside
    return replace(scan, anatomy=replace(scan.anatomy, corrected=moved))


def test_darkness_at_the_edge_of_a_brain_that_lies_askew_is_not_told():
    result = result_of(askew(Head(), 4))
    for quantity in (Quantity.HAEMORRHAGE_DIAMETER, Quantity.HAEMORRHAGE_VOLUME):
        found = one_of(result.findings, quantity)
        assert isinstance(found, NotAssessed)
        assert found.why is Why.ANATOMY
        assert "% of its rim is dark" in found.detail
    assert not result.lesions
    assert not result.mask.any()


def test_a_haemorrhage_deep_inside_is_told_though_the_brain_lies_askew():
    result = result_of(askew(Head().ball((4, 2, 20), 14), 4))
    assert value(result, Quantity.HAEMORRHAGE_DIAMETER) == pytest.approx(14, abs=2.5)
    assert len(result.lesions) == 1


def test_a_haemorrhage_that_touches_the_surface_is_told_where_the_brain_lies_right():
    head = Head().ball((MIDDLE[0] + HALF[0] - 7, MIDDLE[1], MIDDLE[2]), 14)
    assert value(result_of(head.scan()), Quantity.HAEMORRHAGE_DIAMETER) == pytest.approx(14, abs=2.5)


def test_a_haemorrhage_counts_though_only_a_part_of_the_brain_is_seen():
    scan = Head().ball((0.0, -10.0, 20.0), 18).scan()
    covered = {**scan.anatomy.covered, Region.BRAIN: 0.7}
    found = result_of(replace(scan, anatomy=replace(scan.anatomy, covered=covered))).findings
    assert one_of(found, Quantity.HAEMORRHAGE_DIAMETER, Region.BRAIN).value == pytest.approx(18, abs=2)
    assert one_of(found, Quantity.MICROBLEED_COUNT, Region.BRAIN).why is Why.COVERAGE
