"""Our regions against published ones, in template space, left and right; docs/anatomy.md has the table and its limits."""

import numpy as np
import pytest

from rules.anatomy import Region
from tests.workers.imaging import atlases, carrying
from workers.imaging.regions import parts_of, template_labels
from workers.imaging.template import load_template

LEFT, RIGHT = 0, 1

AAL = {
    # Labels of the left side; the right ones are one higher.
    Region.THALAMUS: (77,),
    Region.CAUDATE: (71,),
    Region.PUTAMEN: (73,),
    Region.PALLIDUM: (75,),
    Region.HIPPOCAMPUS: (37,),
    Region.INSULA: (29,),
    Region.CINGULATE: (31, 33, 35),
    Region.PRECENTRAL: (1,),
    Region.CEREBELLUM: tuple(range(91, 109, 2)),
}
LOBES = {
    Region.FRONTAL: (1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27),
    Region.PARIETAL: (57, 59, 61, 63, 65, 67, 69),
    Region.TEMPORAL: (39, 41, 55, 79, 81, 83, 85, 87, 89),
    Region.OCCIPITAL: (43, 45, 47, 49, 51, 53),
}
JHU = {Region.GENU: 3, Region.CALLOSAL_BODY: 4, Region.SPLENIUM: 5}
CAPSULE = {LEFT: 34, RIGHT: 33}

REACHED = {
    Region.THALAMUS: (0.88, 0.90),
    Region.CAUDATE: (0.78, 0.78),
    Region.PUTAMEN: (0.81, 0.76),
    Region.PALLIDUM: (0.80, 0.76),
    Region.HIPPOCAMPUS: (0.65, 0.54),
    Region.INSULA: (0.62, 0.62),
    Region.CINGULATE: (0.67, 0.64),
    Region.PRECENTRAL: (0.54, 0.61),
    Region.CEREBELLUM: (0.75, 0.76),
    Region.FRONTAL: (0.93, 0.95),
    Region.PARIETAL: (0.85, 0.85),
    Region.TEMPORAL: (0.94, 0.94),
    Region.OCCIPITAL: (0.88, 0.85),
    Region.GENU: (0.62, 0.62),
    Region.CALLOSAL_BODY: (0.71, 0.71),
    Region.SPLENIUM: (0.78, 0.78),
    Region.CAPSULE: (0.62, 0.64),
}
"""Dice on the left and on the right, rounded down: what was reached, so that it cannot be lost unseen."""

CARRIED = {
    Region.THALAMUS: 0.91,
    Region.CAUDATE: 0.80,
    Region.PUTAMEN: 0.81,
    Region.PALLIDUM: 0.81,
    Region.HIPPOCAMPUS: 0.73,
}
"""Dice with AAL carried to the template and made symmetric."""

SECOND = {
    Region.THALAMUS: 0.84,
    Region.CAUDATE: 0.79,
    Region.PUTAMEN: 0.79,
    Region.PALLIDUM: 0.78,
    Region.HIPPOCAMPUS: 0.71,
}
"""Dice with the parcels of JHU made symmetric."""


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def ours(region):
    return np.isin(template_labels(), parts_of(region))


def half(side):
    """One side of the template, (1, 1, i): along i the patient's left comes first."""
    i = np.arange(load_template(1).brain.shape[2])[None, None, :]
    return i < 98 if side == LEFT else i > 98


def nucleus_dice(region, side):
    labels = np.array(AAL[region]) + side
    return dice(ours(region) & half(side), np.isin(atlases.aal(), labels) & half(side))


def lobe_dice(region, side):
    """AAL has cortex and little white matter, so only voxels count that both give to some lobe."""
    everywhere = np.concatenate([np.array(labels) + side for labels in LOBES.values()])
    both = np.isin(atlases.aal(), everywhere) & half(side)
    both &= np.logical_or.reduce([ours(one) for one in LOBES])
    return dice(ours(region) & both, np.isin(atlases.aal(), np.array(LOBES[region]) + side) & both)


@pytest.mark.parametrize("side", [LEFT, RIGHT])
@pytest.mark.parametrize("region", AAL, ids=str)
def test_region_agrees_with_aal(region, side):
    assert nucleus_dice(region, side) >= REACHED[region][side]


@pytest.mark.parametrize("side", [LEFT, RIGHT])
@pytest.mark.parametrize("region", LOBES, ids=str)
def test_lobe_agrees_with_aal(region, side):
    assert lobe_dice(region, side) >= REACHED[region][side]


@pytest.mark.parametrize("region", JHU, ids=str)
def test_callosum_agrees_with_jhu(region):
    assert dice(ours(region), atlases.jhu() == JHU[region]) >= REACHED[region][LEFT]


@pytest.mark.parametrize("side", [LEFT, RIGHT])
def test_capsule_agrees_with_jhu(side):
    capsule = atlases.jhu(moved=True) == CAPSULE[side]
    assert dice(ours(Region.CAPSULE) & half(side), capsule) >= REACHED[Region.CAPSULE][side]


@pytest.mark.parametrize("region", CARRIED, ids=str)
def test_nucleus_agrees_with_aal_carried_to_the_template(region):
    (left,) = AAL[region]
    carried = carrying.aal()
    assert dice(ours(region), atlases.symmetric(carried == left, carried == left + 1)) >= CARRIED[region]


@pytest.mark.parametrize("region", SECOND, ids=str)
def test_nucleus_agrees_with_a_second_atlas(region):
    left = atlases.JHU189[region]
    second = atlases.jhu189()
    assert dice(ours(region), atlases.symmetric(second == left, second == left + 1)) >= SECOND[region]
