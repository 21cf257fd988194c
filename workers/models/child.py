"""A plug-in model in a process of its own, with a limit on its memory.

    python -m workers.models.child WEIGHTS SHA256 CHANNEL GIGABYTES FOLDER

Reads FOLDER/volume.npy (1, 1, k, j, i) float32, writes FOLDER/answer.npy (k, j, i) float32: the channel, or with "all" for CHANNEL
the number of the channel that is largest.
"""

import hashlib
import resource
import sys
from enum import IntEnum
from pathlib import Path

import numpy as np

ALL = "all"
"""In place of a channel: which one is largest."""


class Exit(IntEnum):
    """Why a run gave nothing; any other fault ends in Python's own exit code."""

    CHANGED = 3
    REFUSED = 4

    @property
    def words(self) -> str:
        """For people, after the model's name."""
        return _WORDS[self]


_WORDS = {
    Exit.CHANGED: "has other weights than its card says",
    Exit.REFUSED: "does not turn one volume into channels of the same shape",
}


def main(arguments: list[str]) -> int:
    """Run once; the exit code tells how it went."""
    weights, sha256, channel, gigabytes, folder = arguments
    limit = int(gigabytes) * 1024**3
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    import onnxruntime  # noqa: PLC0415 - under the limit

    model = Path(weights).read_bytes()
    if hashlib.sha256(model).hexdigest() != sha256:
        return Exit.CHANGED
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    takes = session.get_inputs()
    if len(takes) != 1 or len(takes[0].shape) != 5:
        return Exit.REFUSED
    answer = session.run(None, {takes[0].name: np.load(Path(folder) / "volume.npy")})[0]
    least = 2 if channel == ALL else int(channel) + 1
    if answer.ndim != 5 or answer.shape[1] < least:
        return Exit.REFUSED
    chosen = answer[0].argmax(axis=0) if channel == ALL else answer[0, int(channel)]
    np.save(Path(folder) / "answer.npy", chosen.astype(np.float32))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
