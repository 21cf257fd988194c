"""A whole head made of the template: brain, fluid, skull and scalp, at a pose that is known."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy import ndimage

from rules.anatomy import Region, Role
from rules.findings import Why
from workers.checks.check import Inputs
from workers.errors import CannotAssess
from workers.imaging.anatomy import Anatomy
from workers.imaging.contrast import FLAIR
from workers.imaging.motion import at_rest
from workers.imaging.regions import template_labels
from workers.imaging.scan import Scan
from workers.imaging.template import Template, load_template
from workers.imaging.volume import Volume

POSE = np.array([[0.90, 0.02, 0.0, 4.0], [-0.02, 0.89, -0.10, -12.0], [0.0, 0.10, 0.91, 9.0], [0, 0, 0, 1]])
"""From template mm to patient mm, LPS: a head a tenth smaller than the template, nodding by some 6 degrees."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    volume: Volume
    labels: np.ndarray
    """(k, j, i) the true parts."""
    is_left: np.ndarray


SIGNALS = {Role.FLAIR: (1.0, 1.10, 0.45, 0.9), Role.T2: (1.0, 1.35, 3.1, 1.8), Role.T1: (1.0, 0.75, 0.3, 1.7)}
"""White and grey matter, fluid and scalp; not the very levels that the product expects."""


def volume_of(array: np.ndarray, affine: np.ndarray, role: Role = Role.FLAIR) -> Volume:
    uids = tuple(f"1.2.3.{k}" for k in range(len(array)))
    return Volume(array.astype(np.float32), affine, role, "1.2.3", "1.2.4", uids)


def whole_head(seed: int = 0, role: Role = Role.FLAIR) -> Head:
    """An axial 2D series of 1 x 1 x 4 mm with noise of 6 % and a slow receive field."""
    shape, affine = (42, 224, 192), np.diag([1.0, 1.0, 4.0, 1.0])
    affine[:3, 3] = (-92.0, -130.0, -72.0)
    full = load_template(1)
    to_template = np.linalg.inv(full.affine) @ np.linalg.inv(POSE) @ affine
    flip = np.eye(3)[::-1]

    def pull(values: np.ndarray, order: int) -> np.ndarray:
        matrix, offset = flip @ to_template[:3, :3] @ flip, to_template[:3, 3][::-1]
        return ndimage.affine_transform(values, matrix, offset, shape, order=order)

    brain = pull(full.brain.astype(np.float32), 1) > 0.5
    away = ndimage.distance_transform_edt(~brain, sampling=(4, 1, 1))
    white, grey, fluid, scalp = SIGNALS[role]
    tissues = white * full.white + grey * full.grey + fluid * full.fluid
    signal = np.where(brain, pull(np.where(full.brain, tissues, 0.25), 1), 0.05)
    signal[(away > 0) & (away <= 4)] = 0.3
    signal[(away > 9) & (away <= 14)] = scalp
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, shape[2])[None, None, :]
    noisy = np.abs(signal * (1 + 0.15 * x) + rng.normal(0, 0.06, shape))
    left = pull((np.arange(197) < 98)[None, None, :] * np.ones_like(full.brain, dtype=np.uint8), 0)
    return Head(volume_of(400 * noisy, affine, role), pull(template_labels(), 0), left > 0)


def flat_anatomy(lesion: np.ndarray | float = 1.0, *, noise: float = 0.05) -> tuple[Volume, Anatomy]:
    """The template itself at 2 mm as an anatomy without errors of fit; `lesion` multiplies the signal."""
    template = load_template(2)
    rng = np.random.default_rng(1)
    signal = (template.image(FLAIR) * (1 + rng.normal(0, noise, template.brain.shape)) * lesion).astype(
        np.float32
    )
    anatomy = Anatomy(corrected=signal, covered=dict.fromkeys(Region, 1.0), **_places_of_template())
    return volume_of(signal, template.affine), anatomy


@cache
def _places_of_template() -> dict[str, np.ndarray]:
    """What is the same whatever the signal; nobody may write into it."""
    template = load_template(2)
    labels = template_labels()[0:188:2, 0:232:2, 0:196:2]
    parts = np.where(template.brain, labels, 0).astype(np.uint8)
    # Along i the template runs from the far left to the far right.
    left = np.broadcast_to(np.arange(98)[None, None, :] < 49, parts.shape)
    places = {
        "brain": template.brain,
        "parts": parts,
        "is_left": left & template.brain,
        "grey": template.grey.astype(np.float16),
        "white": template.white.astype(np.float16),
        "depth_mm": (2 * ndimage.distance_transform_edt(template.brain)).astype(np.float16),
        "template_mm": places_mm(template),
    }
    for array in places.values():
        array.flags.writeable = False
    return places


def t2_scan(
    *,
    filled: float = 0.0,
    levels: tuple[float, float, float] = (1.0, 1.3, 2.8),
    gain: np.ndarray | float = 1.0,
) -> Scan:
    """The template on T2 with these levels of white, grey and fluid; `filled` is the share of outer fluid that brain has taken."""
    volume, anatomy = flat_anatomy()
    grey, white = (one.astype(np.float32) for one in (anatomy.grey, anatomy.white))
    fluid = np.clip(1 - grey - white, 0, 1) * anatomy.brain
    left = fluid * (1 - filled * ~anatomy.region(Region.VENTRICLES))
    noise = np.random.default_rng(2).normal(0, 0.04, grey.shape)
    tissues = levels[0] * white + levels[1] * (grey + fluid - left) + levels[2] * left
    signal = ((tissues * anatomy.brain + noise) * gain).astype(np.float32)
    volume = replace(volume, array=signal, role=Role.T2)
    return Scan(volume, replace(anatomy, corrected=signal), at_rest())


def in_wide_air(voxels: int = 40) -> Scan:
    """That without noise, white matter 300, in so many voxels (2 mm) of air: the template's grid ends at the brain."""
    volume, anatomy = flat_anatomy(noise=0.0)
    around = ((0, 0), (voxels, voxels), (voxels, voxels))
    arrays = {
        name: np.pad(getattr(anatomy, name), around)
        for name in ("brain", "corrected", "parts", "is_left", "grey", "white", "depth_mm")
    }
    anatomy = replace(anatomy, **arrays, template_mm=np.pad(anatomy.template_mm, ((0, 0), *around)))
    signal = np.where(anatomy.brain, 300 * anatomy.corrected, 0)
    return Scan(replace(volume, array=signal.astype(np.float32)), anatomy, at_rest())


def places_mm(template: Template) -> np.ndarray:
    """(3, k, j, i) MNI mm of the voxels of a template."""
    k, j, i = np.indices(template.brain.shape)
    lps = (
        np.tensordot(template.affine[:3, :3], np.stack([i, j, k]), 1)
        + template.affine[:3, 3, None, None, None]
    )
    return (lps * np.array([-1.0, -1.0, 1.0])[:, None, None, None]).astype(np.float16)


def scans_of(volume: Volume, anatomy: Anatomy) -> Inputs:
    """What a check of this one series gets."""
    return Inputs({volume.role: Scan(volume, anatomy, at_rest())})


def refusal(call, *arguments) -> Why | None:
    """Why a call cannot assess its arguments."""
    try:
        call(*arguments)
    except CannotAssess as refused:
        return refused.why
    return None
