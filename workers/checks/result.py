"""What a check hands on: its findings, the lesions it saw, and the mask it saw them in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Role
from rules.findings import Finding, Lesion


@dataclass(frozen=True, slots=True, eq=False)
class CheckResult:
    """Findings of one check.

    mask : (k, j, i) bool on the grid of the scan of `role`, or None where nothing could be measured
    """

    findings: tuple[Finding, ...]
    mask: NDArray[np.bool_] | None = None
    role: Role | None = None
    lesions: tuple[Lesion, ...] = ()
    """Largest first."""
    part: NDArray[np.bool_] | None = None
    """As `mask`, where only some regions could be measured: to be shown and outlined, never compared with another series or study."""

    @property
    def seen(self) -> NDArray[np.bool_] | None:
        """Where it found something, of all or some regions."""
        return self.part if self.mask is None else self.mask
