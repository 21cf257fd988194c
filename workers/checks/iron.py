"""Iron and lime of the nuclei: dark on both sides alike, where blood is not (sign M3).

Both gather with age, in shapes of any length; so what tells them is the other side, not the form. What is bright on FLAIR around
something dark is oedema, which neither makes.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region
from workers.checks.areas import longest_mm, near
from workers.checks.cropping import box_around
from workers.imaging.anatomy import Anatomy
from workers.imaging.regions import parts_of

BoolArray = NDArray[np.bool_]
Triple = tuple[float, float, float]

IRON = (Region.CAUDATE, Region.PUTAMEN, Region.PALLIDUM, Region.THALAMUS, Region.MIDBRAIN)
DENTATE = ((15.0, -58.0, -35.0), 11.0)
"""Middle (lateral, front, up) and reach of the dentate nucleus, MNI mm, by the usual landmarks."""
LEAST_SHARE = 0.2
"""Share of something dark in these nuclei from which it may be theirs. [P]"""

MIRROR_MM = 6.0
"""How well the mirror image of a focus of a nucleus' iron has to meet its fellow."""
MIRROR_LONG_MM = 8.0
"""The same of something long, whose middle is less sure: 0.8 to 5.0 mm in nine simulated studies. A putamen lies 11 mm from a pallidum. [P]"""
MIRROR_SHARE = 0.75
"""Darkness and diameter of the fellow of a focus, either over the other, from which both are iron or calcification. Of simulated ones the
lesser has 0.92 and more; two bleeds may lie so by chance. [P]"""
SHORTER = 0.6
"""Length of the fellow over that of something long, from which both are iron: 0.66 and 0.9 in two simulated studies whose other side
stayed below 10 mm. [P]"""
SMALLER = 0.2
"""The same of its volume, which falls faster: 0.28 and 0.66 to 0.98 in nine simulated studies. [P]"""
AS_DARK = 0.8
"""Mean signal that is missing on the fainter side over that on the darker, from which both are of one kind: 0.87 to 0.98 in the same
studies; clots lack 0.8 of the signal of white matter, iron 0.5 to 0.6. [P]"""
RIM_MM = 6.0
"""How far around something dark oedema is looked for. [P]"""
OEDEMA_SHARE = 0.1
"""Share of that rim which is bright on FLAIR, from which it is the oedema of blood: 0.16 to 0.33 around three simulated haemorrhages of
a nucleus, 0.00 around the lime or iron of nine. [P]"""


def holds_iron(anatomy: Anatomy, voxels: NDArray[np.intp]) -> bool:
    """Whether something dark, (3, n) of its voxels, lies in or beside nuclei that gather iron or calcify with age."""
    wanted = [part for region in IRON for part in parts_of(region)]
    share = float(np.isin(anatomy.parts[tuple(voxels)], wanted).mean())
    return share > LEAST_SHARE or is_near(middle_mm(anatomy, voxels), DENTATE)


def has_like_fellow(
    anatomy: Anatomy, voxels: NDArray[np.intp], others: Iterable[NDArray[np.intp]], spacing_mm: Triple
) -> bool:
    """Whether a nucleus on the other side is as dark at the mirrored place, and not much shorter or smaller there.

    others : (3, n) of whatever is dark and may be the fellow; its shape does not matter. What lies in the midline has no other side.
    """
    place = middle_mm(anatomy, voxels)
    if abs(place[0]) < MIRROR_MM / 2:
        return False
    length, size, missing = longest_mm(voxels, spacing_mm), voxels.shape[1], _missing(anatomy, voxels)
    return any(
        float(np.linalg.norm(middle_mm(anatomy, other) - place * np.array([-1.0, 1.0, 1.0])))
        <= MIRROR_LONG_MM
        and longest_mm(other, spacing_mm) >= SHORTER * length
        and other.shape[1] >= SMALLER * size
        and AS_DARK * missing <= _missing(anatomy, other) <= missing / AS_DARK
        and holds_iron(anatomy, other)
        for other in others
    )


def _missing(anatomy: Anatomy, voxels: NDArray[np.intp]) -> float:
    """Mean share of white matter's signal that is missing."""
    return 1.0 - float(anatomy.corrected[tuple(voxels)].mean(dtype=np.float64))


def lies_in_oedema(anatomy: Anatomy, voxels: NDArray[np.intp], bright: BoolArray, spacing_mm: Triple) -> bool:
    """Whether much of the brain around something dark is bright on FLAIR, (k, j, i) of the same grid."""
    dark = np.zeros(anatomy.brain.shape, dtype=bool)
    dark[tuple(voxels)] = True
    box = box_around(dark, RIM_MM, spacing_mm)
    assert box is not None  # noqa: S101 - something dark has voxels
    rim = near(dark[box], RIM_MM, spacing_mm) & ~dark[box] & anatomy.brain[box]
    return bool(rim.any()) and float(bright[box][rim].mean()) >= OEDEMA_SHARE


def is_near(place: NDArray[np.float64], ball: tuple[Triple, float]) -> bool:
    """Whether a place in template mm, or its mirror image, lies in a ball of (middle, radius)."""
    lateral = np.array([abs(place[0]), place[1], place[2]])
    return bool(np.linalg.norm(lateral - np.array(ball[0])) <= ball[1])


def middle_mm(anatomy: Anatomy, voxels: NDArray[np.intp]) -> NDArray[np.float64]:
    """Where the middle of some voxels, (3, n), lies in the template, mm."""
    return template_mm(anatomy, nearest_voxel(voxels, tuple(voxels.mean(axis=1))))


def nearest_voxel(voxels: NDArray[np.intp], centre: tuple[float, ...]) -> tuple[int, int, int]:
    """The one of some voxels, (3, n), that lies nearest to a place (k, j, i)."""
    one = int(np.argmin(np.sum((voxels - np.array(centre)[:, None]) ** 2, axis=0)))
    k, j, i = (int(n) for n in voxels[:, one])
    return k, j, i


def template_mm(anatomy: Anatomy, voxel: tuple[int, int, int]) -> NDArray[np.float64]:
    """Where a voxel lies in the template, mm."""
    return anatomy.template_mm[(slice(None), *voxel)].astype(np.float64)
