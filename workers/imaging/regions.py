"""The regions of interest as own primitives in template space, cut along the tissue maps.

Every number is a place or a size in MNI mm (x right, y front, z up), set by hand on the ICBM152 2009a maps and the
usual landmarks (central, Sylvian and parieto-occipital sulci, tentorium). No published atlas was copied.
docs/anatomy.md holds them against published ones.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from workers.imaging import nuclei
from workers.imaging import region_shapes as shapes
from workers.imaging.cortex import lobes, precentral, temporal_pole
from workers.imaging.distance import within_reach
from workers.imaging.parts import (
    CORTICAL,
    DRAWN,
    FLUID_SPACES,
    GROUND,
    PARTS,
    PIECES,
    UNPAIRED,
    parts_of,
    sides,
)
from workers.imaging.primitives import Axes, BoolArray, any_inside, axes_of
from workers.imaging.template import Template, load_template

__all__ = ["CORTICAL", "DRAWN", "FLUID_SPACES", "PARTS", "UNPAIRED", "parts_of", "sides", "template_labels"]

PERIVENTRICULAR_MM = 10.0
"""Width of the rim of white matter around the lateral ventricles: the common 10 mm rule. At 7 mm the caps of
small-vessel disease beside the atria counted as parietal and made a PRES of one simulated study in three. [P]"""
SUBCORTICAL_MM = 5.0
"""Depth of the white matter that still counts as its lobe's."""

Claim = tuple[Region, BoolArray]


@cache
def template_labels() -> NDArray[np.uint8]:
    """The pieces on the 1 mm template grid, (k, j, i); 0 is none.

    The template is symmetric, so one half is painted and mirrored.
    """
    full = load_template(1)
    half = full.brain.shape[2] // 2 + 1
    box = _brain_box(full.brain[:, :, :half])
    affine = full.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.array([one.start for one in reversed(box)])
    labels = np.zeros(full.brain.shape, dtype=np.uint8)
    labels[box] = _paint(Template(full.grey[box], full.white[box], full.brain[box], affine))
    labels[:, :, half:] = labels[:, :, half - 2 :: -1]
    return labels


def _brain_box(brain: BoolArray) -> tuple[slice, slice, slice]:
    """The slices (k, j, i) that hold the brain."""
    k, j, i = (np.flatnonzero(brain.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    return slice(k[0], k[-1] + 1), slice(j[0], j[-1] + 1), slice(i[0], i[-1] + 1)


def _paint(template: Template) -> NDArray[np.uint8]:
    """Ground regions in order of precedence, a voxel belonging to the first that claims it; then what lies across."""
    axes = axes_of(template)
    ground = np.zeros(template.brain.shape, dtype=np.uint8)
    _claim(ground, template, _core(template, axes))
    _claim(ground, template, _mantle(template, axes, ground))
    return _subdivided(ground, _across(template, axes, ground))


def _claim(ground: NDArray[np.uint8], template: Template, claims: list[Claim]) -> None:
    for region, where in claims:
        ground[where & template.brain & (ground == 0)] = _number(region)


def _number(region: Region) -> int:
    return GROUND.index(region) + 1


def _subdivided(ground: NDArray[np.uint8], across: dict[Region, BoolArray]) -> NDArray[np.uint8]:
    """The label of the piece that says both the ground and all that lies across it."""
    labels = np.zeros_like(ground)
    for label, (region, *over) in enumerate(PIECES, 1):
        here = ground == _number(region)
        for one in over:
            here &= across[one]
        # Pieces come from fewer to more regions across, so the fullest that fits is written last.
        labels[here] = label
    return labels


def _across(template: Template, axes: Axes, ground: NDArray[np.uint8]) -> dict[Region, BoolArray]:
    """Where the regions lie that are parts of others; whatever ground they cannot lie on is ignored."""
    clusters, _ = ndimage.label((ground == _number(Region.VENTRICLES)) & (axes.z < shapes.MIDBRAIN_TO_PONS_Z))
    fourth = clusters == np.bincount(clusters[clusters > 0]).argmax()
    everywhere = np.ones_like(template.brain)
    return {
        Region.PRECENTRAL: everywhere & precentral(axes),
        Region.TEMPORAL_POLE: temporal_pole(axes) | shapes.AMYGDALA.inside(axes),
        Region.WATERSHED: shapes.WATERSHED.inside(axes),
        Region.PERIAQUEDUCTAL: shapes.PERIAQUEDUCTAL.inside(axes),
        Region.FOURTH_VENTRICLE_RIM: within_reach(fourth, shapes.RIM_MM),
        Region.SULCI: everywhere & (axes.z > shapes.SULCI_ABOVE_Z),
    }


def _core(template: Template, axes: Axes) -> list[Claim]:
    """Everything that is not a lobe or its white matter."""
    z, grey = axes.z, template.grey > 0.3
    midbrain, pons, medulla = (one.inside(axes) for one in (shapes.MIDBRAIN, shapes.PONS, shapes.MEDULLA))
    fluid = template.fluid > 0.5
    return [
        (Region.VENTRICLES, _ventricles(template, axes) | shapes.AQUEDUCT.inside(axes)),
        (Region.CISTERNS, any_inside(shapes.CISTERNS, axes) & fluid),
        *_deep_grey(template, axes),
        (Region.MIDBRAIN, midbrain & (z > shapes.MIDBRAIN_TO_PONS_Z) & (z < 1)),
        (Region.PONS, pons & (z <= shapes.MIDBRAIN_TO_PONS_Z) & (z > shapes.PONS_TO_MEDULLA_Z)),
        (Region.MEDULLA, medulla & (z <= shapes.PONS_TO_MEDULLA_Z)),
        (Region.CEREBELLUM, _hindbrain(axes)),
        *((region, (template.white > 0.5) & where) for region, where in _callosum(axes).items()),
        (Region.INSULA, shapes.INSULA.inside(axes) & grey & (axes.lateral > 30)),
        (Region.CINGULATE, shapes.CINGULATE.inside(axes) & grey & (axes.lateral < 14)),
    ]


def _deep_grey(template: Template, axes: Axes) -> list[Claim]:
    """The nuclei as they are traced, with the capsule; where edges meet, the thinner body comes first."""
    tissue = template.fluid < 0.5
    return [
        (Region.HIPPOCAMPUS, nuclei.HIPPOCAMPUS.inside(axes) & tissue),
        (Region.TEMPORAL, shapes.AMYGDALA.inside(axes) & (template.grey > 0.4)),
        (Region.CAUDATE, nuclei.CAUDATE.inside(axes) & tissue),
        (Region.PALLIDUM, nuclei.PALLIDUM.inside(axes) & tissue),
        (Region.CAPSULE, shapes.CAPSULE.inside(axes) & (template.grey < 0.75) & (template.fluid < 0.3)),
        (Region.PUTAMEN, nuclei.PUTAMEN.inside(axes) & tissue),
        (Region.THALAMUS, nuclei.THALAMUS.inside(axes) & tissue),
    ]


def _callosum(axes: Axes) -> dict[Region, BoolArray]:
    """Genu, body and splenium, divided by planes."""
    whole = any_inside(tuple(one for some in shapes.CALLOSUM.values() for one in some), axes)
    return {
        region: whole & (axes.y > back) & (axes.y <= front)
        for region, (back, front) in shapes.CALLOSUM_Y.items()
    }


def _mantle(template: Template, axes: Axes, ground: NDArray[np.uint8]) -> list[Claim]:
    """Cortex with its subcortical band, and the deep white matter; what is left over goes to the nearest lobe."""
    cortex = (template.grey >= 0.5) & (ground == 0)
    band = within_reach(cortex, SUBCORTICAL_MM)
    lateral = (ground == _number(Region.VENTRICLES)) & (axes.z > -4)
    rim = within_reach(lateral, PERIVENTRICULAR_MM)
    everywhere = lobes(axes)
    return [
        (Region.PERIVENTRICULAR, rim & (template.white > 0.5)),
        *((region, where & band) for region, where in everywhere.items()),
        (Region.CENTRUM_SEMIOVALE, template.white > 0.3),
        *everywhere.items(),
    ]


def _hindbrain(axes: Axes) -> BoolArray:
    """Below the tentorium, which rises from the transverse sinus to its free edge."""
    x, y, z = axes.lateral, axes.y, axes.z
    sideways = -2.0 - 0.42 * np.maximum(x - 8.0, 0.0)
    backwards = -2.0 - 0.55 * np.maximum(-y - 55.0, 0.0)
    below: BoolArray = (z < np.minimum(sideways, backwards)) & (y < -32.0 - 0.25 * np.clip(z + 20.0, -40, 0))
    return below & (z < -5.0)


def _ventricles(template: Template, axes: Axes) -> BoolArray:
    """Fluid far from the surface: lateral, third and fourth ventricle."""
    x, y, z = axes.lateral, axes.y, axes.z
    lateral = (x < 45) & (y > -75) & (y < 45) & (z > -4) & (z < 36) & ~((x > 27) & (y > -30))
    # The cistern of the great vein lies between the atria.
    lateral = lateral & ~((x < 12) & (y < -32) & (z < 16))
    third = (x < 5) & (y > -34) & (y < 8) & (z > -14) & (z < 14)
    fourth = (x < 12) & (y > -54) & (y < -33) & (z > -48) & (z < -18)
    fluid = template.fluid > 0.35
    clusters, _ = ndimage.label(fluid & lateral)
    body = clusters[(z > 5) & (z < 25) & (x < 25) & (y > -20) & (y < 25) & (clusters > 0)]
    main = np.bincount(body).argmax() if body.size else -1
    ventricles: BoolArray = (clusters == main) | (fluid & (third | fourth))
    return ventricles
