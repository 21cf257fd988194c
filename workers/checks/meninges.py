"""Leptomeningeal enhancement: pia that lights up along the sulci, and not dura, sinuses or single vessels (sign M7).

Veins and arteries also lie in the sulci, but each fills a small part of them; inflamed or seeded pia coats whole
stretches. So what counts is the share of the sulcal shell that enhances within about a centimetre.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from rules.measures import Measure
from workers.checks.areas import Area, areas, joined, near, run_height
from workers.checks.cropping import box_around
from workers.checks.subtraction import Pair, blood_level
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of
from workers.imaging.scan import Scan

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Spacing = tuple[float, float, float]

STEP = 0.05
"""How far the ratio may be off: twice the error of the match and some of the shading. [P]"""
SHELL_MM = 2.0
"""Distance from sulcal fluid that still belongs to the shell: pia and its partial volume with cortex."""
EDGE_MM = 1.5
"""The outermost rim is mixed with dura, which enhances in everybody."""
VENTRICLE_MM = 5.0
"""Distance from ventricular fluid within which choroid plexus and ependymal veins lie."""
VENTRICLE_REACH_MM = 12.0
"""How far the patient's own ventricles may reach beyond the fitted ones."""
BLOOD_ERROR = 0.5
"""How far pia may brighten less or more than blood, as a share: it decides how much of a voxel is pia. [P]"""
HIGHEST = 0.99
"""Quantile of what voxels of the meninges gain that stands for the highest. [P]"""
VERTEX_MM = 45.0
"""Height in the template above which bridging veins enter the sagittal sinus beside the falx: false stretches 5-8 mm from the midline at
53-76 mm, 0.12 and 0.57 mL, in two simulated studies with a FLAIR after contrast agent. [P]"""
NEAR_MM = 6.0
"""Standard deviation of the Gaussian over which the share is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Meninges:
    """What of the sulcal shell enhances, (k, j, i), and the areas that it consists of.

    mask : enhancing voxels; areas : connected stretches, of which `mask` is a part
    share : how much of each of these voxels enhances; the pia is thinner than a voxel
    filled : those of which most does
    """

    mask: BoolArray
    areas: tuple[Area, ...]
    share: FloatArray
    filled: BoolArray
    margin: float
    """Half width of 95 % of the volume, over the volume."""

    def enhancing(self, area: Area) -> Area:
        """The enhancing voxels of an area."""
        return area.only(self.mask[area.voxels])

    def shown(self, area: Area) -> Area:
        """Those of which most enhances, or all where no voxel is so full."""
        full = area.only(self.filled[area.voxels])
        return full if full.size else self.enhancing(area)

    def height_mm(self, area: Area, scan: Scan) -> float:
        """Height of the tallest run of adjoining slices in which an area enhances."""
        return self.enhancing(area).height_mm(scan.volume)


@dataclass(frozen=True, slots=True, eq=False)
class Spaces:
    """Where healthy things enhance or dark fluid lies, (k, j, i).

    shell : sulcal fluid and what lies within SHELL_MM of it, without the outermost rim and the ventricles
    """

    fluid: BoolArray
    ventricles: BoolArray
    vessels: BoolArray
    shell: BoolArray


def find_spaces(pair: Pair, scan: Scan) -> Spaces:
    """The fluid spaces of this patient, and the places of large vessels."""
    anatomy, spacing = scan.anatomy, scan.volume.spacing_mm
    fluid = _fluid(pair, anatomy)
    inner = ventricles(anatomy, fluid, spacing)
    away = near(inner, VENTRICLE_MM, spacing)
    shell = anatomy.brain & pair.valid & ~away & (anatomy.depth_mm >= EDGE_MM)
    return Spaces(
        fluid, inner, vessel_places(anatomy, spacing), shell & near(fluid & ~away, SHELL_MM, spacing)
    )


def find_meningeal(pair: Pair, scan: Scan, spaces: Spaces) -> Meninges:
    """Enhancing stretches of the sulcal shell."""
    shell = spaces.shell & ~spaces.vessels
    ratio = cut_of(Measure.MENINGES_RATIO)
    up, down = pair.brighter(ratio, shell), pair.darker(ratio, shell)
    dense = _share(up, down, shell, scan.volume.spacing_mm) >= cut_of(Measure.MENINGES_LEAST_SHARE)
    found = areas(_bridged(up & dense, shell))
    kept = [area for area in found if _is_tall(area, up, scan) and _enters_sulci(area, up, scan)]
    close = joined(kept, shell.shape)
    mask = up & close
    strict, loose = (int(np.count_nonzero(pair.brighter(cut, close))) for cut in (ratio + STEP, ratio - STEP))
    by_cut = (loose - strict) / 2 / max(int(np.count_nonzero(mask)), 1)
    margin = float(np.hypot(by_cut, BLOOD_ERROR))
    return Meninges(mask, tuple(kept), *_shares(pair, scan, mask), margin)


def _shares(pair: Pair, scan: Scan, mask: BoolArray) -> tuple[FloatArray, BoolArray]:
    """How much of each enhancing voxel does, held against blood; and where it is most, of the stretches' own highest if that is less."""
    share = np.zeros(mask.shape, dtype=np.float32)
    if not mask.any():
        return share, mask
    gained = (pair.after - pair.before)[mask]
    blood = blood_level(pair, scan)
    share[mask] = np.clip(gained / blood, 0.0, 1.0)
    highest = min(blood, float(np.quantile(gained, HIGHEST)))
    filled = np.zeros_like(mask)
    filled[mask] = gained >= highest / 2
    return share, filled


def _fluid(pair: Pair, anatomy: Anatomy) -> BoolArray:
    """Voxels darker before contrast than halfway between ventricle and grey matter: the patient's own sulci."""
    grey = pair.even[(anatomy.grey > 0.8) & pair.valid]
    inner = ndimage.binary_erosion(anatomy.region(Region.VENTRICLES), np.ones((1, 3, 3), dtype=bool))
    water = pair.even[inner & pair.valid]
    # The fitted ventricle holds some of the tissue around it, hence a low quantile.
    dark = float(np.quantile(water, 0.3)) if water.size else 0.5 * float(np.median(grey))
    found: BoolArray = anatomy.brain & pair.valid & (pair.even < (dark + float(np.median(grey))) / 2)
    return found


def ventricles(anatomy: Anatomy, fluid: BoolArray, spacing: Spacing) -> BoolArray:
    """The fitted ventricles, and the patient's own where they reach farther."""
    fitted = anatomy.region(Region.VENTRICLES)
    within_slice = np.zeros((3, 3, 3), dtype=bool)
    within_slice[1] = ndimage.generate_binary_structure(2, 1)
    steps = max(round(VENTRICLE_REACH_MM / min(spacing[:2])), 1)
    deep = fluid & (anatomy.depth_mm > 8)
    grown: BoolArray = ndimage.binary_dilation(fitted & fluid, within_slice, iterations=steps, mask=deep)
    return fitted | grown


def vessel_places(anatomy: Anatomy, spacing: Spacing) -> BoolArray:
    """Where large vessels and dura enhance in everybody, by their place in the template (MNI mm)."""
    x, y, z = (axis.astype(np.float32) for axis in anatomy.template_mm)
    beside = np.abs(x)
    falx = (beside < np.where(z > VERTEX_MM, 8, 5)) & ((z > 15) | (y < -60) | (y > 20))
    great_vein = (beside < 14) & (y > -80) & (y < -15) & (z > -12) & (z < 25)
    basal = (beside < 32) & (y > -40) & (y < 30) & (z < 0)
    sylvian = (beside > 26) & (beside < 52) & (y > -35) & (y < 28) & (z > -14) & (z < 18)
    transverse = (z > -45) & (z < 0) & (y < -30) & ((y < -75) | (beside > 38)) & (anatomy.depth_mm < 7)
    above = anatomy.region(Region.OCCIPITAL) | anatomy.region(Region.TEMPORAL)
    tentorium = near(anatomy.region(Region.CEREBELLUM), 5, spacing) & near(above, 5, spacing)
    found: BoolArray = anatomy.brain & (falx | great_vein | basal | sylvian | transverse | tentorium)
    return found


def _share(up: BoolArray, down: BoolArray, shell: BoolArray, spacing: Spacing) -> FloatArray:
    """Net share of the shell nearby that became brighter: noise and misregistration cancel."""
    share = np.zeros(shell.shape, dtype=np.float32)
    box = box_around(shell, 0.0, spacing)
    if box is not None:
        sigma = [NEAR_MM / mm for mm in spacing[::-1]]
        net = up[box].astype(np.float32) - down[box].astype(np.float32)
        sums = ndimage.gaussian_filter(net, sigma, mode="constant")
        weights = ndimage.gaussian_filter(shell[box].astype(np.float32), sigma, mode="constant")
        np.divide(sums, weights, out=share[box], where=weights > 1e-3)
    return share


def _bridged(enhancing: BoolArray, shell: BoolArray) -> BoolArray:
    """Close gaps of two voxels within the shell, for a sulcus is not lit evenly."""
    plane = np.ones((1, 3, 3), dtype=bool)
    return enhancing | (ndimage.binary_dilation(enhancing, plane, iterations=2) & shell)


def _is_tall(area: Area, enhancing: BoolArray, scan: Scan) -> bool:
    """Whether the enhancing voxels of an area reach the least volume and run over enough adjoining slices."""
    counts = np.bincount(area.voxels[0][enhancing[area.voxels]])
    slices = run_height(counts > 0)
    height = slices * scan.volume.spacing_mm[2]
    large = int(counts.sum()) * scan.volume.voxel_ml >= cut_of(Measure.MENINGES_LEAST)
    tall = slices >= cut_of(Measure.MENINGES_SLICES) or height >= cut_of(Measure.MENINGES_HEIGHT)
    # Never a single slice, however thick (knowledge base M7).
    return large and slices > 1 and tall


def _enters_sulci(area: Area, enhancing: BoolArray, scan: Scan) -> bool:
    """Whether enough of an area lies deep; dura keeps to the skull, and the brain's outline may reach it."""
    lit = scan.anatomy.depth_mm[area.voxels][enhancing[area.voxels]]
    deep = float((lit >= cut_of(Measure.MENINGES_DEEP)).mean()) if lit.size else 0.0
    return deep >= cut_of(Measure.MENINGES_DEEP_SHARE)
