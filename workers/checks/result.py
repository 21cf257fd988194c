"""What a check hands on: its findings, and the mask it saw them in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.findings import Finding


@dataclass(frozen=True, slots=True, eq=False)
class CheckResult:
    """Findings of one check.

    mask : (k, j, i) bool on the grid of the check's volume, or None where nothing could be measured
    """

    findings: tuple[Finding, ...]
    mask: NDArray[np.bool_] | None = None
