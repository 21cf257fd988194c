"""How the patient lay in one series relative to another: a rigid motion in patient coordinates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Maps patient mm of the series that the anatomy was found in to patient mm of another series, both LPS.

    matrix : (3, 3) rotation; shift : (3,) mm; place there = matrix @ place + shift
    """

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]
    information: float | None = None
    """Mutual information of the two series in the brain, in nats; None where it was not measured."""

    @property
    def homogeneous(self) -> NDArray[np.float64]:
        """The same as a (4, 4) matrix."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.matrix, self.shift
        return matrix

    def after(self, first: "Motion") -> "Motion":
        """Both motions, the first one first; as sure as the less sure of the two."""
        known = [one.information for one in (self, first) if one.information is not None]
        return Motion(
            self.matrix @ first.matrix, self.matrix @ first.shift + self.shift, min(known, default=None)
        )

    @property
    def angle_deg(self) -> float:
        """How far the head turned."""
        return float(np.degrees(np.arccos(np.clip((np.trace(self.matrix) - 1) / 2, -1, 1))))


def at_rest() -> Motion:
    """No motion: the series share their patient coordinates."""
    return Motion(np.eye(3), np.zeros(3))
