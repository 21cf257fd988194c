"""What the FLAIR check found, for the checks of other series."""

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Role
from workers.checks.check import Inputs
from workers.imaging.scan import Scan, carried

FLAIR_CHECK = "flair_hyperintensity"


def bright_on_flair(inputs: Inputs, scan: Scan) -> NDArray[np.bool_] | None:
    """The FLAIR hyperintensity on the grid of a scan, (k, j, i); None where FLAIR was not measured everywhere."""
    flair, found = inputs.scans.get(Role.FLAIR), inputs.found.get(FLAIR_CHECK)
    if flair is None or found is None or found.mask is None:
        return None
    return carried(found.mask, flair, scan) >= 0.5
