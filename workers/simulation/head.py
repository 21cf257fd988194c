"""What surrounds the brain: spaces, dura, skull, scalp, face and neck, as labels around the skull-stripped template."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.simulation.fields import Field, distance_from, doubled, smooth_field
from workers.simulation.space import COARSE, SHAPE, Box, Ellipsoid, axes, both_sides
from workers.simulation.template import load_template
from workers.simulation.tissues import Tissue

Labels = NDArray[np.uint8]

_CLOSING_MM = 9
"""Gaps of the template's brain up to twice this width (fissures, cisterns) are inside the skull."""


@dataclass(frozen=True, slots=True)
class HeadShape:
    """How one person's head differs from the next; thicknesses in mm."""

    csf_mm: float
    """Subarachnoid space over the convexity."""
    skull_mm: float
    scalp_mm: float
    frontal_sinus: float
    """Relative size; 0 is none."""
    cord: float = 0.0
    """Share of the upper cord's middle that is oedema."""


def build_head(shape: HeadShape, rng: np.random.Generator) -> Labels:
    """Labels of Tissue over the head grid (z, y, x); the brain itself is left as CSF."""
    thickness = 1.0 + 0.13 * smooth_field(rng, _cavity_distance().shape, 45.0 / COARSE)
    beyond = doubled(_cavity_distance() - shape.csf_mm * thickness)
    skull = doubled(shape.skull_mm * thickness)
    outline = doubled(_outline(shape, rng))
    labels = np.zeros(SHAPE, dtype=np.uint8)
    _soft_tissue(labels, outline, shape, rng)
    _skull(labels, beyond, skull)
    _face(labels, shape, rng)
    _neck(labels, shape.cord)
    labels[beyond < 0] = Tissue.CSF
    _vessels(labels, beyond)
    labels[outline > 0] = Tissue.AIR
    return labels


@lru_cache(maxsize=1)
def _cavity_distance() -> Field:
    """Distance from the inside of the skull in mm, negative inside, on the coarse grid; cisterns and fissures closed."""
    brain = load_template().t1[::COARSE, ::COARSE, ::COARSE] > 0
    outside = distance_from(brain)
    grown = outside <= _CLOSING_MM / COARSE
    depth = _CLOSING_MM / COARSE - distance_from(~grown)
    signed = np.where(grown, depth, outside) * COARSE
    return ndimage.gaussian_filter(signed.astype(np.float32), 1.2)


def _outline(shape: HeadShape, rng: np.random.Generator) -> Field:
    """Distance from the skin in mm, negative inside, on the coarse grid: a smooth union of scalp, face and neck."""
    z, y, x = axes(COARSE)
    scalp = _cavity_distance() - (shape.csf_mm + shape.skull_mm + shape.scalp_mm)
    scalp = scalp - 0.8 * smooth_field(rng, scalp.shape, 24.0)
    neck_y = -38.0 + 0.15 * (z + 100.0)
    neck = (np.sqrt((x / 56.0) ** 2 + ((y - neck_y) / 60.0) ** 2) - 1.0) * 56.0 + np.clip(z + 62.0, 0, None)
    face = [
        (Ellipsoid((0, 42, -72), (64, 52, 74)), 60.0),
        (Ellipsoid((0, 100, -70), (13, 15, 20)), 14.0),
        (Ellipsoid((0, 10, -58), (76, 66, 52)), 66.0),
    ]
    union: Field = np.minimum(scalp, neck).astype(np.float32)
    for part, size in face:
        terms = zip((x, y, z), part.centre, part.radii, strict=True)
        distance = np.sqrt(sum(((c - m) / r) ** 2 for c, m, r in terms))
        union = _smooth_union(union, np.asarray((distance - 1.0) * size, np.float32), 9.0)
    return union


def _smooth_union(a: Field, b: Field, width: float) -> Field:
    """Smooth minimum of two distances (polynomial, after Quilez)."""
    h = np.clip(0.5 + 0.5 * (b - a) / width, 0.0, 1.0)
    return b * (1.0 - h) + a * h - width * h * (1.0 - h)


def _soft_tissue(labels: Labels, outline: Field, shape: HeadShape, rng: np.random.Generator) -> None:
    """Skin, fat under it, and a weave of muscle and fat deeper down."""
    z, y, x = axes()
    depth = -outline
    labels[depth > 0] = Tissue.FAT
    weave = smooth_field(rng, SHAPE, 7.0)
    labels[(depth > shape.scalp_mm + 2.0) & (weave > -0.7)] = Tissue.MUSCLE
    temporal = (np.abs(x) > 48) & (z < 22) & (y > -45) & (y < 55)
    nuchal = (z < -28) & (y < -40)
    labels[(depth > 3.0) & (temporal | nuchal) & (weave > -1.1)] = Tissue.MUSCLE
    labels[(depth > 0) & (depth < 2.0)] = Tissue.SKIN


def _skull(labels: Labels, beyond: Field, skull: Field) -> None:
    """Dura, inner table, marrow and outer table in order outwards."""
    labels[(beyond >= 0) & (beyond < skull)] = Tissue.BONE
    labels[(beyond >= 2.2) & (beyond < skull - 1.6)] = Tissue.MARROW
    labels[(beyond >= 0) & (beyond < 0.9)] = Tissue.DURA


def _paint(labels: Labels, shape: Ellipsoid, tissue: Tissue, *, over: tuple[Tissue, ...] = ()) -> None:
    box = shape.box()
    inside = shape.radius(box) < 1.0
    if over:
        inside &= np.isin(labels[box], over)
    labels[box][inside] = tissue


def _cells(labels: Labels, shape: Ellipsoid, field: Field, share: float) -> None:
    """Air cells with bony or mucosal walls, as in ethmoid and mastoid."""
    box = shape.box()
    inside = shape.radius(box) < 1.0
    labels[box][inside] = Tissue.BONE
    labels[box][inside & (field[box] > share)] = Tissue.AIR
    labels[box][inside & (np.abs(field[box] - share) < 0.12)] = Tissue.MUCOSA


_SKULL = (Tissue.BONE, Tissue.MARROW, Tissue.MUCOSA)

_FACE = (slice(40, 140), slice(60, SHAPE[1]), slice(20, 190))
"""The part of the head grid with air cells."""


def _face(labels: Labels, shape: HeadShape, rng: np.random.Generator) -> None:
    """Orbits with eyes, nasal cavity, paranasal sinuses, mastoids and the skull base between them."""
    fine = np.zeros(SHAPE, dtype=np.float32)
    fine[_FACE] = smooth_field(rng, fine[_FACE].shape, 3.5)
    for part in both_sides(Ellipsoid((24, 10, -46), (34, 46, 12)), Ellipsoid((30, -30, -44), (30, 14, 14))):
        _paint(labels, part, Tissue.BONE, over=(Tissue.MUSCLE, Tissue.FAT))
    _paint(labels, Ellipsoid((0, -8, -48), (11, 12, 22)), Tissue.MARROW)
    for part in both_sides(Ellipsoid((52, -34, -50), (14, 17, 20))):
        _cells(labels, part, fine, 0.1)
    for part in both_sides(Ellipsoid((29, 54, -58), (17, 18, 20))):
        _air_space(labels, part)
    _air_space(labels, Ellipsoid((0, 16, -46), (15, 15, 11)))
    if shape.frontal_sinus > 0:
        size = shape.frontal_sinus
        _air_space(labels, Ellipsoid((0, 77, -14), (22 * size, 6, 13 * size)), over=_SKULL)
    _cells(labels, Ellipsoid((0, 45, -44), (13, 26, 12)), fine, -0.2)
    _nose(labels, fine)
    _orbits(labels)


def _air_space(labels: Labels, shape: Ellipsoid, *, over: tuple[Tissue, ...] = ()) -> None:
    """An air-filled sinus: thin bone, mucosa, air."""
    for grown, tissue in ((2.6, Tissue.BONE), (1.2, Tissue.MUCOSA), (0.0, Tissue.AIR)):
        x, y, z = shape.radii
        grown_shape = Ellipsoid(shape.centre, (x + grown, y + grown, z + grown))
        _paint(labels, grown_shape, tissue, over=over)


def _nose(labels: Labels, fine: Field) -> None:
    """Nasal cavity with septum and turbinates, pharynx below."""
    cavity = Ellipsoid((0, 52, -68), (15, 40, 17))
    box = cavity.box()
    x = axes()[2][:, :, box[2]]
    inside = cavity.radius(box) < 1.0
    labels[box][inside] = Tissue.AIR
    labels[box][inside & ((np.abs(x) < 1.8) | (fine[box] > 0.25))] = Tissue.MUCOSA
    _paint(labels, Ellipsoid((0, 4, -84), (11, 9, 30)), Tissue.AIR, over=(Tissue.MUSCLE, Tissue.FAT))
    _paint(labels, Ellipsoid((0, 42, -108), (24, 30, 16)), Tissue.MUSCLE)


def _orbits(labels: Labels) -> None:
    """Fat cone, rectus muscles, optic nerve and globe on each side."""
    parts = (
        (Ellipsoid((30, 48, -38), (19, 32, 17)), Tissue.FAT),
        (Ellipsoid((21, 38, -38), (2.5, 20, 5)), Tissue.MUSCLE),
        (Ellipsoid((41, 40, -38), (2.5, 18, 5)), Tissue.MUSCLE),
        (Ellipsoid((31, 40, -27), (6, 20, 2.5)), Tissue.MUSCLE),
        (Ellipsoid((31, 40, -49), (6, 20, 2.5)), Tissue.MUSCLE),
        (Ellipsoid((27, 36, -38), (3, 22, 3)), Tissue.CSF),
        (Ellipsoid((27, 36, -38), (2, 22, 2)), Tissue.WHITE),
        (Ellipsoid((33, 64, -38), (13, 13, 13)), Tissue.DURA),
        (Ellipsoid((33, 64, -38), (12, 12, 12)), Tissue.VITREOUS),
        (Ellipsoid((33, 74, -38), (5, 2.2, 5)), Tissue.SKIN),
    )
    for shape, tissue in parts:
        for part in both_sides(shape):
            _paint(labels, part, tissue)


_NECK: Box = (slice(0, 75), slice(50, 140), slice(70, 140))
"""The part of the head grid with the spine."""


def _neck(labels: Labels, oedema: float) -> None:
    """Vertebrae and the canal with cord below the foramen magnum."""
    z, y, x = (
        axis[tuple(_NECK[n] if n == m else slice(None) for n in range(3))] for m, axis in enumerate(axes())
    )
    part = labels[_NECK]
    centre = -46.0 + 0.1 * (z + 72.0)
    below = (z < -66) & (part != Tissue.AIR)
    across = np.sqrt(x**2 + (y - centre) ** 2)
    body = np.sqrt((x / 17.0) ** 2 + ((y - centre - 17.0) / 11.0) ** 2)
    part[below & (across < 15.0)] = Tissue.BONE
    part[below & (body < 1.0)] = Tissue.MARROW
    part[below & (across < 10.0)] = Tissue.CSF
    part[below & (across < 5.0)] = Tissue.WHITE
    if oedema > 0.0:
        part[below & (z > CORD_OEDEMA_MM) & (across < 5.0 * np.sqrt(oedema))] = Tissue.VASOGENIC


CORD_OEDEMA_MM = -112.0
"""Lower end of an oedema of the upper cord, template mm: about C3."""


def _vessels(labels: Labels, beyond: Field) -> None:
    """Large venous sinuses along the skull and the arteries at the base."""
    z, y, x = axes()
    near = (beyond > -4.5) & (beyond < 0.6)
    labels[near & (np.abs(x) < 3.8) & ((z > 20) | (y < -85)) & (z > -18)] = Tissue.SINUS
    transverse = -22.0 + 0.12 * (y + 60.0)
    labels[near & (np.abs(z - transverse) < 4.0) & (y < -48) & (np.abs(x) > 6)] = Tissue.SINUS
    arteries = (
        Ellipsoid((0, -16, -40), (1.9, 2.0, 20)),
        *both_sides(
            Ellipsoid((13, -2, -36), (2.4, 2.4, 16)),
            Ellipsoid((25, 2, -19), (14, 1.7, 1.7)),
            Ellipsoid((8, -38, -66), (1.8, 1.8, 10)),
        ),
        Ellipsoid((0, 22, 0), (1.6, 2.0, 22)),
    )
    for artery in arteries:
        _paint(labels, artery, Tissue.ARTERY)
