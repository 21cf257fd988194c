"""Lesion probability of each voxel by the trained model, and the areas that follow from it."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.checks.voxel_features import FEATURES, candidates
from workers.imaging.anatomy import Anatomy
from workers.models.card import Card, ModelRefused
from workers.models.voxels import probabilities

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

GROW_SHARE = 0.57
"""Probability to which an area grows, over that of its seed: 0.4 of 0.7. [P]"""
GROW_RATIO, SEED_RATIO = 1.08, 1.15
"""Signal over that of undiseased tissue that an area has to have besides, throughout and somewhere: just visible is
1.07, clearly visible 1.18 (knowledge base M1). On real scans of patients left out of training 33 areas that were no
lesion became 15. [P]"""
SMOOTHING_MM = 0.8
"""Gaussian under which the probability is seen: a speckle is no lesion. [P]"""
MIN_CLUSTER_MM3 = 27.0
"""A cube of 3 mm (knowledge base M1)."""


def lesion_probability(
    anatomy: Anatomy, spacing_mm: tuple[float, float, float], card: Card
) -> FloatArray | None:
    """Probability that a voxel is FLAIR lesion, (k, j, i); None where no white matter can be told.

    Raises ModelRefused if the model was made for other features.
    """
    if card.features != FEATURES:
        raise ModelRefused(f"{card.label}: made for other features")
    asked = candidates(anatomy, spacing_mm)
    if asked is None:
        return None
    whole = np.zeros(anatomy.brain.shape, dtype=np.float32)
    whole[asked.box][tuple(asked.index)] = probabilities(card, asked.values)
    return whole


def hysteresis(
    probability: FloatArray, threshold: float, ratio: FloatArray, spacing_mm: tuple[float, float, float]
) -> BoolArray:
    """Connected areas that hold a seed at the threshold and reach the least volume, grown to their edge."""
    calm = ndimage.gaussian_filter(
        probability, [SMOOTHING_MM / mm if mm < 2 * SMOOTHING_MM else 0.0 for mm in spacing_mm[::-1]]
    )
    grown = (calm >= GROW_SHARE * threshold) & (ratio >= GROW_RATIO)
    return connected(grown, grown & (calm >= threshold) & (ratio >= SEED_RATIO), spacing_mm)


def connected(grown: BoolArray, seeds: BoolArray, spacing_mm: tuple[float, float, float]) -> BoolArray:
    """Clusters that hold a seed and reach the least volume."""
    clusters, count = ndimage.label(grown)
    sizes = np.bincount(clusters.reshape(-1), minlength=count + 1) * float(np.prod(spacing_mm))
    keep = sizes >= MIN_CLUSTER_MM3
    keep &= np.bincount(clusters[seeds], minlength=count + 1) > 0
    keep[0] = False
    kept: BoolArray = keep[clusters]
    return kept
