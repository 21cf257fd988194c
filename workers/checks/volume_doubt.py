"""How far a volume of FLAIR hyperintensity may be off: what its model half believes, the edge of its areas, and their size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.measures import Measure
from workers.checks.hyperintensity import Hyperintensity
from workers.imaging.cuts import cut_of

BoolArray = NDArray[np.bool_]

LIKELY, SURE = 0.4, 0.2
"""Share of the model's threshold from which a voxel that was not called may be lesion all the same (0.3 of 0.75); share of the way from
the threshold to 1 below which one that was called may be none (0.8). [P]"""
EDGE, LEAST_ML = 0.7, 0.5
"""Half width of a volume's 95 % interval, beside the volume of such voxels, the more of the two kinds: over that of a layer of voxels on the
surface, and at least. It held 97.5 % of 275 true region volumes from 0.5 mL on of 16 simulated studies of the tuning half, by which it
was chosen, and 96.2 % of 287 of 17 after the edges of lesions had changed; surface and volume alone, a little wider, 94.8 %. [P]"""
FAINT_SHARE = 0.5
"""Share that may be none of what only the mean over some millimetres found, so that the model says nothing of it: as much as all of it
held no more of 224 true volumes of 21 simulated studies and 155 of 12 copies of real scans (98 and 90 %), and was wider than the
volume in half of the latter. [P]"""
EDGE_BY_CUTS, SHARE_BY_CUTS = 1.5, 0.5
"""Over the layer on the surface, and over the volume, where there is no model that could say how sure it is. [P]"""


@dataclass(frozen=True, slots=True, eq=False)
class VolumeDoubt:
    """What the volume of a mask may lack, and what of it may be too much: flat indices of voxels.

    faint : what was found although the model did not see it
    surface : voxels on both sides of the mask's surface; each belongs half to it
    """

    missed: NDArray[np.intp]
    mistaken: NDArray[np.intp]
    faint: NDArray[np.intp]
    surface: NDArray[np.intp]
    has_model: bool

    def half_width(self, inside: BoolArray, found: int, voxel_ml: float) -> float:
        """Of the 95 % interval of the volume in a region, in mL.

        inside : the region, flat; found : how many voxels of the mask lie in it
        """
        missed, mistaken, faint, surface = (
            int(np.count_nonzero(inside[one]))
            for one in (self.missed, self.mistaken, self.faint, self.surface)
        )
        edge, share = (EDGE, 0.0) if self.has_model else (EDGE_BY_CUTS, SHARE_BY_CUTS)
        parts = (max(missed, mistaken + FAINT_SHARE * faint), edge * surface / 2, share * found)
        return float(np.linalg.norm(parts)) * voxel_ml + LEAST_ML


def volume_doubt(found: Hyperintensity, unknown: BoolArray | None = None) -> VolumeDoubt:
    """What the volume of what was found may be off by.

    unknown : (k, j, i) where nothing can be said, so that all that was not called there may be lesion
    """
    mask, model = found.mask, found.model
    plane = ndimage.generate_binary_structure(2, 1)[None]
    surface = ndimage.binary_dilation(mask, plane) & ~ndimage.binary_erosion(mask, plane)
    missed = mistaken = faint = np.zeros_like(mask)
    if model:
        missed = ~mask & (model.values >= LIKELY * model.threshold)
        faint = mask & (model.values < cut_of(Measure.FLAIR_MODEL_GROW_SHARE) * model.threshold)
        mistaken = mask & ~faint & (model.values < model.threshold + SURE * (1 - model.threshold))
    if unknown is not None:
        missed = missed | (unknown & ~mask)
    missed_at, mistaken_at, faint_at, surface_at = map(np.flatnonzero, (missed, mistaken, faint, surface))
    return VolumeDoubt(missed_at, mistaken_at, faint_at, surface_at, model is not None)
