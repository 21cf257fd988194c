"""Lesion probability of each voxel by the trained models, and the areas that follow from it."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.measures import Measure
from workers.checks.planes import CHANNELS, channels_of, view_of
from workers.checks.voxel_features import FEATURES, candidates
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of
from workers.imaging.scan import Scan
from workers.models.card import Card, ModelRefused
from workers.models.slices import slice_probabilities
from workers.models.voxels import probabilities

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

SMOOTHING_MM = 0.8
"""Gaussian under which the probability is seen: a speckle is no lesion. [P]"""
EDGE_REACH_MM = 6.0
"""Half width of the surroundings whose highest values an edge is measured by. [P]"""
CLOSING_MM = 1.5
"""Radius in plane of the gaps that the texture of a read scan tears into the outline of a lesion. [P]"""
DARK = 0.9
"""Ratio below which a gap is fluid or a cavity and stays one. [P]"""


def network_probability(scan: Scan, card: Card) -> FloatArray | None:
    """Probability that a voxel is FLAIR lesion by the network, (k, j, i); None where no white matter can be told.

    Raises ModelRefused if the network was made for other channels.
    """
    if card.features != CHANNELS:
        raise ModelRefused(f"{card.label}: made for other channels")
    view = view_of(scan.anatomy.brain, scan.volume.affine)
    channels = channels_of(scan.anatomy, view)
    if channels is None:
        return None
    inside = channels[:, CHANNELS.index("depth")] > 0
    found = view.back(slice_probabilities(card, channels, inside))
    return np.where(scan.anatomy.brain, found, 0).astype(np.float32)


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


def calmed(probability: FloatArray, spacing_mm: tuple[float, float, float]) -> FloatArray:
    """Probability as it is judged: without its speckle."""
    calm: FloatArray = ndimage.gaussian_filter(
        probability, [SMOOTHING_MM / mm if mm < 2 * SMOOTHING_MM else 0.0 for mm in spacing_mm[::-1]]
    )
    return calm


def hysteresis(
    calm: FloatArray, threshold: float, ratio: FloatArray, spacing_mm: tuple[float, float, float]
) -> BoolArray:
    """Connected areas of a calmed probability that hold a seed at the threshold and reach the least volume, grown to their edge."""
    likely = calm >= cut_of(Measure.FLAIR_MODEL_GROW_SHARE) * threshold
    grown = likely & (ratio >= cut_of(Measure.FLAIR_MODEL_GROW_RATIO))
    seeds = grown & (calm >= threshold) & (ratio >= cut_of(Measure.FLAIR_MODEL_SEED_RATIO))
    areas = connected(grown, seeds, spacing_mm)
    return _closed(areas & _within_edge(areas, calm, spacing_mm), ratio, spacing_mm)


def _within_edge(
    areas: BoolArray, probability: FloatArray, spacing_mm: tuple[float, float, float]
) -> BoolArray:
    """Where the probability reaches its share of the highest within reach: the blurred rim of a bright lesion does not."""
    within: BoolArray = np.ones_like(areas)
    box = ndimage.find_objects(areas.astype(np.uint8))
    if not box:
        return within
    size = [2 * round(EDGE_REACH_MM / mm) + 1 for mm in spacing_mm[::-1]]
    likely = np.where(areas[box[0]], probability[box[0]], 0)
    within[box[0]] = likely >= cut_of(Measure.FLAIR_MODEL_EDGE_SHARE) * ndimage.maximum_filter(likely, size)
    return within


def _closed(areas: BoolArray, ratio: FloatArray, spacing_mm: tuple[float, float, float]) -> BoolArray:
    """The areas, slice by slice, with narrow gaps and holes filled where they are not dark."""
    reach = max(1, round(CLOSING_MM / spacing_mm[0]))
    beside, across = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    disc = (beside**2 + across**2 <= reach**2)[None]
    rim = ((0, 0), (reach, reach), (reach, reach))
    whole = ndimage.binary_closing(np.pad(areas, rim), disc)[:, reach:-reach, reach:-reach]
    plane = ndimage.generate_binary_structure(2, 1)[None]
    whole = ndimage.binary_fill_holes(whole, plane)
    closed: BoolArray = areas | (whole & (ratio > DARK))
    return closed


def connected(grown: BoolArray, seeds: BoolArray, spacing_mm: tuple[float, float, float]) -> BoolArray:
    """Clusters that hold a seed and reach the least volume."""
    clusters, count = ndimage.label(grown)
    sizes = np.bincount(clusters.reshape(-1), minlength=count + 1) * float(np.prod(spacing_mm))
    keep = sizes >= cut_of(Measure.FLAIR_LEAST_CLUSTER)
    keep &= np.bincount(clusters[seeds], minlength=count + 1) > 0
    keep[0] = False
    kept: BoolArray = keep[clusters]
    return kept
