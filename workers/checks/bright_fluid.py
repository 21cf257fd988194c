"""Fluid that a FLAIR does not null: high inspired oxygen, contrast agent, blood, or an inversion that failed (sign M8).

The sulci are then as bright as a lesion, over both hemispheres, and so is all cortex that shares its voxels with them. Disease
fills sulci with tissue at most, and leaves the fissures of the other side and of the front as they were.
"""

import numpy as np

from rules.anatomy import Region
from workers.imaging.anatomy import Anatomy

FLUID = 0.8
"""Expected share of fluid of the voxels that are looked at."""
DEPTH_MM = 2.0
BEHIND_MM = 0.0
"""The front half alone, MNI mm: in the back half swollen cortex of PRES fills the sulci."""
AS_BRIGHT = 1.3
"""Median signal over white matter: 0.1-0.4 where fluid is nulled, at most 1.2 where swollen cortex has taken its place, 2.0 under
oxygen (seven simulated FLAIR). [P]"""
FEW = 100
"""Voxels on a side below which they say nothing."""

APART = frozenset({
    Region.THALAMUS, Region.CAUDATE, Region.PUTAMEN, Region.PALLIDUM, Region.CAPSULE, Region.GENU, Region.CALLOSAL_BODY,
    Region.SPLENIUM, Region.PERIVENTRICULAR, Region.CENTRUM_SEMIOVALE, Region.PERIAQUEDUCTAL, Region.FOURTH_VENTRICLE_RIM,
})  # fmt: skip
"""Regions that touch neither sulci nor cisterns, and can be measured all the same: the ventricles stay dark."""
WORDS = "the fluid of the sulci is bright (oxygen, contrast agent or blood), so lesions are not told from it"


def has_bright_fluid(anatomy: Anatomy) -> bool:
    """Whether the outer fluid in the front of the brain is bright on both sides."""
    expected = 1.0 - anatomy.grey.astype(np.float32) - anatomy.white.astype(np.float32)
    outer = anatomy.brain & (expected > FLUID) & (anatomy.depth_mm > DEPTH_MM)
    outer &= ~anatomy.region(Region.VENTRICLES) & (anatomy.template_mm[1] > BEHIND_MM)
    sides = [anatomy.corrected[outer & side] for side in (anatomy.is_left, ~anatomy.is_left)]
    return all(one.size >= FEW and float(np.median(one)) >= AS_BRIGHT for one in sides)
