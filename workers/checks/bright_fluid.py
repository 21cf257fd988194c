"""Fluid that a FLAIR does not null: high inspired oxygen, contrast agent, blood, or an inversion that failed (sign M8).

The sulci are then as bright as a lesion, over both hemispheres, and so is all cortex that shares its voxels with them. Disease
fills sulci with tissue at most, and leaves the fissures of the other side and of the front as they were.
"""

import numpy as np

from rules.anatomy import Region
from rules.measures import Measure
from workers.errors import CannotAssess
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of
from workers.imaging.fluid import fluid_of
from workers.imaging.scan import Scan, carried
from workers.imaging.tissue import level

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
SURELY_FLUID = 0.7
"""Fluid share by the T2 of the voxels that are looked at in the FLAIR."""
WHOLE, SURELY_WHITE = 0.9, 0.9
LEAST_ML = 1.0
"""Fluid on a side below which it says nothing: severe swelling leaves 0.3 mL. [P]"""

RIM_MM = 10.0
"""Depth to which the brain's rim is looked at for fluid that is bright around it."""
BRIGHT_RIM = 1.4
"""Signal over white matter of such fluid: cortex has 1.2, drowned in oedema or beside contrast agent too (p95, five simulated FLAIR). [P]"""
RIM_SHARE = 0.1
"""Share of the rim, in front and on either side, that is as bright where the brain was drawn out over its fluid: 0.19-0.30 in two simulated
FLAIR under oxygen, 0.02 in two whose fluid is no brighter than grey matter, 0.00 elsewhere. [P]"""

APART = frozenset({
    Region.THALAMUS, Region.CAUDATE, Region.PUTAMEN, Region.PALLIDUM, Region.CAPSULE, Region.GENU, Region.CALLOSAL_BODY,
    Region.SPLENIUM, Region.PERIVENTRICULAR, Region.CENTRUM_SEMIOVALE, Region.PERIAQUEDUCTAL, Region.FOURTH_VENTRICLE_RIM,
})  # fmt: skip
"""Regions that touch neither sulci nor cisterns, and are measured all the same. Under oxygen the ventricles mostly stay dark; in three
simulated studies they were as bright as the sulci (1.0-2.2), and nothing false was found beside them."""
WORDS = "the fluid of the sulci is bright (oxygen, contrast agent or blood), so lesions are not told from it"


def has_bright_fluid(flair: Scan, t2: Scan | None) -> bool:
    """Whether the outer fluid is bright on both sides: where the T2 shows it, else where the template expects it."""
    told = _bright_by_t2(flair, t2) if t2 else None
    return _bright_by_place(flair.anatomy) if told is None else told


def has_bright_rim(anatomy: Anatomy) -> bool:
    """Whether the outermost of what was found as the brain of a FLAIR is its fluid, brighter than any tissue."""
    rim = anatomy.brain & (anatomy.depth_mm < RIM_MM) & (anatomy.template_mm[1] > BEHIND_MM)
    sides = [anatomy.corrected[rim & side] for side in (anatomy.is_left, ~anatomy.is_left)]
    return all(one.size >= FEW and float(np.mean(one > BRIGHT_RIM)) >= RIM_SHARE for one in sides)


def _bright_by_t2(flair: Scan, t2: Scan) -> bool | None:
    """None where the T2 shows too little fluid, or cannot tell it."""
    anatomy = flair.anatomy
    white = level(anatomy.corrected[anatomy.brain & (anatomy.white > SURELY_WHITE)])
    try:
        fluid = fluid_of(t2).share >= SURELY_FLUID
    except CannotAssess:
        return None
    # Covered by whole voxels of the FLAIR's brain: at its rim fluid is mixed with what is dark.
    outer = (
        fluid
        & t2.anatomy.brain
        & (t2.anatomy.depth_mm > DEPTH_MM)
        & (carried(anatomy.brain, flair, t2) > WHOLE)
    )
    outer &= ~t2.anatomy.region(Region.VENTRICLES)
    signal = carried(anatomy.corrected, flair, t2)
    sides = [signal[outer & side] for side in (t2.anatomy.is_left, ~t2.anatomy.is_left)]
    if white is None or min(one.size for one in sides) * t2.volume.voxel_ml < LEAST_ML:
        return None
    return all(float(np.median(one)) >= cut_of(Measure.FLAIR_BRIGHT_FLUID) * white.mode for one in sides)


def _bright_by_place(anatomy: Anatomy) -> bool:
    expected = 1.0 - anatomy.grey.astype(np.float32) - anatomy.white.astype(np.float32)
    outer = anatomy.brain & (expected > FLUID) & (anatomy.depth_mm > DEPTH_MM)
    outer &= ~anatomy.region(Region.VENTRICLES) & (anatomy.template_mm[1] > BEHIND_MM)
    sides = [anatomy.corrected[outer & side] for side in (anatomy.is_left, ~anatomy.is_left)]
    return all(one.size >= FEW and float(np.median(one)) >= AS_BRIGHT for one in sides)
