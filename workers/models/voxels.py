"""The product's own model, run in process: one row of features for each voxel in, one probability out."""

from functools import lru_cache

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from workers.models.card import Card, ModelRefused

ROWS = 65_536
"""Rows a call: bounds the memory, and keeps the result independent of how many voxels there are."""


def probabilities(card: Card, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of each row, (n,). Raises ModelRefused if the model does not take such rows."""
    session = _session(card)
    found = np.empty(len(rows), dtype=np.float32)
    name, output = session.get_inputs()[0].name, session.get_outputs()[-1].name
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        found[start : start + ROWS] = session.run([output], {name: part})[0][:, card.channel]
    return found


@lru_cache(maxsize=2)
def _session(card: Card) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        card.weights.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    columns = session.get_inputs()[0].shape[-1]
    if columns != len(card.features):
        raise ModelRefused(f"{card.label}: takes {columns} columns, its card names {len(card.features)}")
    return session
