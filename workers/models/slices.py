"""The product's own network, run in process: the channels of each slice in, a probability for each of its pixels out."""

from functools import lru_cache

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from workers.models.card import Card, ModelRefused

MARGIN = 4
"""Pixels that the network sees around what it is asked about in a slice."""
MULTIPLE = 8
"""It halves a slice three times."""

FloatArray = NDArray[np.float32]
Span = tuple[int, int]


def slice_probabilities(card: Card, planes: FloatArray, inside: NDArray[np.bool_]) -> FloatArray:
    """Probability of each pixel, (slices, rows, columns); 0 where it is not inside.

    planes : (slices, channels, rows, columns); inside : (slices, rows, columns)
    Slice by slice, so that memory is bounded and a slice's answer does not depend on how many there are; each as it is and mirrored,
    as the network learned them, for a mean of two answers errs less.
    Raises ModelRefused if the model does not take such slices.
    """
    session = _session(card)
    name = session.get_inputs()[0].name
    found = np.zeros(inside.shape, dtype=np.float32)
    for number in np.flatnonzero(inside.any(axis=(1, 2))):
        (top, bottom), (left, right) = (_span(inside[number].any(axis=axis)) for axis in (1, 0))
        part = planes[number : number + 1, :, top:bottom, left:right]
        spare = [-length % MULTIPLE for length in part.shape[2:]]
        whole = np.pad(part, ((0, 0), (0, 0), (0, spare[0]), (0, spare[1])))
        mean = _both_ways(session, name, whole)[card.channel]
        found[number, top:bottom, left:right] = mean[: bottom - top, : right - left]
    return np.where(inside, found, 0).astype(np.float32)


def _both_ways(session: onnxruntime.InferenceSession, name: str, plane: FloatArray) -> FloatArray:
    """Mean probability (classes, rows, columns) of a slice (1, channels, rows, columns) as it is and mirrored."""
    one, other = (session.run(None, {name: np.ascontiguousarray(p)})[0][0] for p in (plane, plane[..., ::-1]))
    return np.asarray((_probability(one) + _probability(other)[..., ::-1]) / 2, dtype=np.float32)


def _probability(logits: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)


def _span(there: NDArray[np.bool_]) -> Span:
    """First and last but one of what is there, with a margin."""
    places = np.flatnonzero(there)
    return max(int(places[0]) - MARGIN, 0), min(int(places[-1]) + MARGIN + 1, len(there))


@lru_cache(maxsize=2)
def _session(card: Card) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        card.weights.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    channels = session.get_inputs()[0].shape[1]
    if channels != len(card.features):
        raise ModelRefused(f"{card.label}: takes {channels} channels, its card names {len(card.features)}")
    return session
