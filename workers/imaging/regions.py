"""The regions of interest as own primitives in template space, cut along the tissue maps.

Every number is a place or a size in MNI mm (x right, y front, z up), set by hand on the ICBM152 2009a maps and the
usual landmarks (central, Sylvian and parieto-occipital sulci, tentorium). No published atlas was copied.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Side
from workers.imaging.primitives import Axes, BoolArray, Ellipsoid, Shape, Tube, any_inside, axes_of
from workers.imaging.template import Template, load_template

PERIVENTRICULAR_MM = 10.0
"""Width of the rim of white matter around the lateral ventricles: the common 10 mm rule. At 7 mm the caps of
small-vessel disease beside the atria counted as parietal and made a PRES of one simulated study in three. [P]"""
SUBCORTICAL_MM = 5.0
"""Depth of the white matter that still counts as its lobe's."""


DEEP: dict[Region, tuple[Shape, ...]] = {
    Region.THALAMUS: (Ellipsoid((11.5, -18.5, 7.0), (9.5, 14.0, 9.0), yaw=22.0),),
    Region.CAUDATE: (
        Ellipsoid((12.0, 14.0, 4.0), (5.5, 10.5, 9.0), pitch=15.0),
        Tube(((13.5, 8.0, 13.0), (15.0, -4.0, 19.0), (18.0, -18.0, 21.0)), 4.5),
    ),
    Region.PUTAMEN: (Ellipsoid((26.0, 3.0, 0.5), (6.0, 16.0, 10.5), yaw=14.0),),
    Region.PALLIDUM: (Ellipsoid((18.5, -3.0, -1.0), (4.5, 9.0, 6.5), yaw=22.0),),
    Region.HIPPOCAMPUS: (
        Tube(((22.0, -10.0, -20.0), (26.5, -17.0, -18.0), (29.0, -25.0, -13.0), (26.0, -35.0, -5.0)), 7.0),
    ),
}
"""Deep grey matter and hippocampus."""

INSULA = Ellipsoid((38.0, 4.0, 1.0), (7.5, 23.0, 18.0), yaw=8.0, pitch=0.0)
CAPSULE = Ellipsoid((30.5, 2.0, 1.0), (4.5, 18.0, 12.0), yaw=12.0)
"""The sheet between putamen and insula."""
SPLENIUM = Ellipsoid((0.0, -38.0, 13.0), (17.0, 7.5, 9.0), pitch=20.0)
CINGULATE = Tube(
    (
        (5.0, 16.0, -8.0), (5.0, 33.0, -4.0), (5.0, 41.0, 8.0), (5.0, 38.0, 20.0), (5.0, 26.0, 30.0),
        (5.0, 8.0, 38.0), (5.0, -10.0, 42.0), (5.0, -28.0, 40.0), (5.0, -43.0, 32.0), (6.0, -51.0, 20.0),
        (9.0, -48.0, 8.0),
    ),
    9.0,
)  # fmt: skip
MIDBRAIN = Ellipsoid((0.0, -26.0, -11.0), (18.0, 15.0, 13.0))
PONS = Ellipsoid((0.0, -27.0, -32.0), (19.0, 14.0, 17.0))
MEDULLA = Tube(((0.0, -34.0, -46.0), (0.0, -42.0, -56.0), (0.0, -46.0, -70.0)), 11.0)
MIDBRAIN_TO_PONS_Z = -20.0
PONS_TO_MEDULLA_Z = -43.0

PARTS: tuple[Region, ...] = (
    Region.FRONTAL, Region.PARIETAL, Region.TEMPORAL, Region.OCCIPITAL, Region.CINGULATE, Region.INSULA,
    Region.HIPPOCAMPUS, Region.THALAMUS, Region.CAUDATE, Region.PUTAMEN, Region.PALLIDUM, Region.CAPSULE,
    Region.SPLENIUM, Region.MIDBRAIN, Region.PONS, Region.MEDULLA, Region.CEREBELLUM, Region.PERIVENTRICULAR,
    Region.CENTRUM_SEMIOVALE, Region.VENTRICLES,
)  # fmt: skip
"""The regions that do not overlap; a label is the place in this list, from 1."""

UNIONS: dict[Region, tuple[Region, ...]] = {
    Region.PARIETO_OCCIPITAL: (Region.PARIETAL, Region.OCCIPITAL),
    Region.BRAINSTEM: (Region.MIDBRAIN, Region.PONS, Region.MEDULLA),
    Region.BRAIN: tuple(part for part in PARTS if part is not Region.VENTRICLES),
}

DRAWN: tuple[Region, ...] = (*PARTS, *UNIONS)
"""The regions that the labels can tell."""

UNPAIRED = frozenset({Region.BRAIN, Region.SPLENIUM, Region.MIDBRAIN, Region.PONS, Region.MEDULLA, Region.BRAINSTEM,
                      Region.VENTRICLES, Region.GENU, Region.CALLOSAL_BODY, Region.PERIAQUEDUCTAL,
                      Region.FOURTH_VENTRICLE_RIM, Region.CISTERNS, Region.CORD})  # fmt: skip

CORTICAL = (
    Region.FRONTAL,
    Region.PARIETAL,
    Region.TEMPORAL,
    Region.OCCIPITAL,
    Region.CINGULATE,
    Region.INSULA,
)
"""Cortex and subcortical white matter."""


def sides(region: Region) -> tuple[Side, ...]:
    """The sides on which a region is reported."""
    if region is Region.BRAIN:
        return (Side.WHOLE,)
    return (Side.MIDLINE,) if region in UNPAIRED else (Side.LEFT, Side.RIGHT, Side.WHOLE)


def parts_of(region: Region) -> tuple[int, ...]:
    """The labels that make up a region."""
    return tuple(PARTS.index(part) + 1 for part in UNIONS.get(region, (region,)))


Claim = tuple[Region, BoolArray]


@cache
def template_labels() -> NDArray[np.uint8]:
    """The regions on the 1 mm template grid, (k, j, i); 0 is none.

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
    """Regions in order of precedence: a voxel belongs to the first that claims it."""
    axes = axes_of(template)
    labels = np.zeros(template.brain.shape, dtype=np.uint8)
    _claim(labels, template, _core(template, axes))
    _claim(labels, template, _mantle(template, axes, labels))
    return labels


def _claim(labels: NDArray[np.uint8], template: Template, claims: list[Claim]) -> None:
    for region, where in claims:
        labels[where & template.brain & (labels == 0)] = PARTS.index(region) + 1


def _core(template: Template, axes: Axes) -> list[Claim]:
    """Everything that is not a lobe or its white matter."""
    z, grey, white = axes.z, template.grey > 0.3, template.white > 0.4
    midbrain, pons, medulla = (shape.inside(axes) for shape in (MIDBRAIN, PONS, MEDULLA))
    deep = [(region, any_inside(shapes, axes) & (template.fluid < 0.5)) for region, shapes in DEEP.items()]
    return [
        (Region.VENTRICLES, _ventricles(template, axes)),
        (Region.MIDBRAIN, midbrain & (z > MIDBRAIN_TO_PONS_Z) & (z < 1)),
        (Region.PONS, pons & (z <= MIDBRAIN_TO_PONS_Z) & (z > PONS_TO_MEDULLA_Z)),
        (Region.MEDULLA, medulla & (z <= PONS_TO_MEDULLA_Z)),
        (Region.CEREBELLUM, _hindbrain(axes)),
        *deep,
        (Region.SPLENIUM, white & SPLENIUM.inside(axes)),
        (Region.CAPSULE, CAPSULE.inside(axes) & (white | (axes.lateral < 33))),
        (Region.INSULA, INSULA.inside(axes) & grey & (axes.lateral > 30)),
        (Region.CINGULATE, CINGULATE.inside(axes) & grey & (axes.lateral < 14)),
    ]


def _mantle(template: Template, axes: Axes, labels: NDArray[np.uint8]) -> list[Claim]:
    """Cortex with its subcortical band, and the deep white matter; what is left over goes to the nearest lobe."""
    cortex = (template.grey >= 0.5) & (labels == 0)
    band = ndimage.distance_transform_edt(~cortex) <= SUBCORTICAL_MM
    lateral = (labels == PARTS.index(Region.VENTRICLES) + 1) & (axes.z > -4)
    rim = ndimage.distance_transform_edt(~lateral) <= PERIVENTRICULAR_MM
    lobes = _lobes(axes)
    return [
        (Region.PERIVENTRICULAR, rim & (template.white > 0.5)),
        *((region, where & band) for region, where in lobes.items()),
        (Region.CENTRUM_SEMIOVALE, template.white > 0.3),
        *lobes.items(),
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


def _lobes(axes: Axes) -> dict[Region, BoolArray]:
    """Four lobes that fill the cerebrum, by the planes of the great sulci."""
    x, y, z = axes.lateral, axes.y, axes.z
    pole = (y < 24) & (y > -30) & (z < -13.0 - 0.55 * (y - 5.0)) & (x > 16)
    below_sylvius = (x > 28) & (z < -4.0 - 0.5 * y) & (y < 10)
    medial = (z < -4.0) & (y < 6) & (y > -50)
    front = -63.0 - 0.45 * np.maximum(z - 10.0, 0) + 0.10 * np.maximum(10.0 - z, 0) - 0.12 * x
    occipital = (y < front) & (z < 52)
    temporal = ~occipital & (pole | below_sylvius | medial) & (z < 22)
    frontal = ~occipital & ~temporal & (y > -3.0 - 0.36 * z)
    parietal = ~occipital & ~temporal & ~frontal
    return {
        Region.OCCIPITAL: occipital,
        Region.TEMPORAL: temporal,
        Region.FRONTAL: frontal,
        Region.PARIETAL: parietal,
    }
