"""Rows to train on: a head with lesions put in, its contrast changed, its candidate voxels sampled."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.checks.voxel_features import candidates
from workers.imaging.anatomy import Anatomy
from workers.models.training.heads import TrainingHead
from workers.models.training.lesions import LoadPlan, add_lesions, random_plan, rough_field

FloatArray = NDArray[np.float32]

VARIANTS = 4
"""Times that each synthetic head is used; the first time as it is."""
A_KIND = 2500
"""Rows of each kind (lesion, bright and not lesion, neither) from one variant."""
BRIGHT_Z = 3.0
LESION_SHARE, UNSURE_SHARE = 0.5, 0.35
"""A voxel is lesion from half of it on; a little less is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """values : (n, features); is_lesion : (n,); weight : (n,) so that every scan weighs the same."""

    values: FloatArray
    is_lesion: NDArray[np.bool_]
    weight: FloatArray


def rows_of(head: TrainingHead, seed: int, variant: int) -> Rows | None:
    """Rows of one variant of a head; None where no white matter was found."""
    rng = np.random.default_rng([seed, variant])
    plan = random_plan(rng) if variant else LoadPlan(0, 0, (1.0, 1.0))
    anatomy, spacing_mm = head.scan.anatomy, head.scan.volume.spacing_mm
    signal, share = add_lesions(anatomy, spacing_mm, plan, rng)
    anatomy = replace(anatomy, corrected=signal)
    asked = candidates(perturbed(anatomy, spacing_mm, rng) if variant else anatomy, spacing_mm)
    if asked is None:
        return None
    at = tuple(asked.index)
    lesion = np.maximum(head.lesion, share)[asked.box][at]
    unsure = head.unsure[asked.box][at] & (share[asked.box][at] < LESION_SHARE)
    unsure |= (lesion > UNSURE_SHARE) & (lesion < LESION_SHARE)
    return _sampled(asked.values[~unsure], lesion[~unsure] >= LESION_SHARE, rng)


def _sampled(values: FloatArray, is_lesion: NDArray[np.bool_], rng: np.random.Generator) -> Rows:
    bright = values[:, 2] > BRIGHT_Z
    weight = np.zeros(len(values), dtype=np.float32)
    chosen = []
    for kind in (is_lesion, ~is_lesion & bright, ~is_lesion & ~bright):
        there = np.flatnonzero(kind)
        taken = rng.choice(there, min(A_KIND, len(there)), replace=False)
        weight[taken] = len(there) / max(len(taken), 1)
        chosen.append(taken)
    index = np.concatenate(chosen)
    return Rows(values[index], is_lesion[index], weight[index] / weight[index].sum())


def perturbed(anatomy: Anatomy, spacing_mm: tuple[float, float, float], rng: np.random.Generator) -> Anatomy:
    """The same brain as other scanners would show it: field residue, contrast, noise and blur."""
    signal: NDArray[np.floating[Any]] = anatomy.corrected
    if rng.random() < 0.5:
        signal = signal * np.exp(rng.uniform(0, 0.05) * _slow(signal.shape, spacing_mm, rng))
    if rng.random() < 0.5:
        tissue = np.clip((signal - 0.6) / 0.3, 0, 1)
        signal = signal * (1 + rng.uniform(-0.12, 0.12) * anatomy.grey.astype(np.float32) * tissue)
    if rng.random() < 0.6:
        signal = np.maximum(signal, 0.02) ** rng.uniform(0.75, 1.3)
    if rng.random() < 0.4:
        signal = np.abs(signal + rng.normal(0, rng.uniform(0, 0.06), signal.shape))
    if rng.random() < 0.25:
        blur = rng.uniform(0.3, 0.8)
        signal = ndimage.gaussian_filter(signal, [0, blur / spacing_mm[1], blur / spacing_mm[0]])
    return replace(anatomy, corrected=signal.astype(np.float32))


def _slow(
    shape: tuple[int, ...], spacing_mm: tuple[float, float, float], rng: np.random.Generator
) -> FloatArray:
    """A field of unit variance that changes over some 35 mm, made on every fourth voxel."""
    step = 4
    coarse = tuple(-(-n // step) + 1 for n in shape)
    field = rough_field(coarse, 35.0 / (step * np.asarray(spacing_mm[::-1])), rng)
    cut = tuple(slice(0, n) for n in shape)
    wide: FloatArray = ndimage.zoom(field, step, order=1)[cut]
    return wide
