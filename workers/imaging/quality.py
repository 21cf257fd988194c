"""What a series is worth for measuring (sign M8): judged before any check looks at it.

Only what truly cannot be measured is refused; everything else is told as a problem and stays usable.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Role
from rules.measures import Measure
from rules.messages import SeriesQuality
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of
from workers.imaging.ghosts import ghost_shares
from workers.imaging.registration import MIN_INFORMATION
from workers.imaging.scan import Scan
from workers.imaging.volume import Volume

AIR_FROM_MM = 25.0
"""Distance from the brain beyond which neither scalp nor skull reaches."""
FEW_AIR = 2_000
"""Voxels of air below which it says nothing: stripped or tightly cut images."""

ECHO_PLANAR = (Role.DWI, Role.B0)
DARK = 0.4
"""Signal over the median of tissue below which a place of tissue is dark. [P]"""
RIM_MM = (2.0, 15.0)
"""Depths at which tissue is looked for: the outermost rim is mixed with fluid and skull, the middle of the brain hardly bends."""

BoolArray = NDArray[np.bool_]


def quality_of(scan: Scan, left_out: BoolArray | None = None) -> SeriesQuality:
    """The quality of one series.

    left_out : (k,) slices that ghosts of motion keep from being measured, see ghosts.spoiled
    """
    volume, anatomy = scan.volume, scan.anatomy
    covered = anatomy.covered[Region.BRAIN]
    signal = _tissue(volume, anatomy)
    # The air of computed maps is no air.
    is_measured = signal is not None and volume.role not in (Role.ADC, Role.PHASE)
    noise = _noise(volume, anatomy) if is_measured else None
    shares = ghost_shares(volume, anatomy) if is_measured else None
    ghosts = None if shares is None else float(np.median(shares[shares > 0])) if shares.any() else 0.0
    ratio = signal / noise if signal is not None and noise else None
    problems, is_usable = _problems(volume, covered, ratio, _of_ghosts(anatomy, ghosts, left_out))
    dark = _dark_tissue(volume, anatomy) if volume.role in ECHO_PLANAR else None
    if dark is not None and dark > cut_of(Measure.QUALITY_DARK_SHARE):
        problems.append(
            f"echo-planar distortion or signal loss ({100 * dark:.0f} % of the outer tissue is dark)"
        )
    match = scan.motion.information
    if match is not None and match < MIN_INFORMATION:
        problems.append(f"alignment with the reference series is uncertain (match {match:.2f})")
    return SeriesQuality(
        signal_to_noise=ratio,
        ghosting=ghosts,
        dark_tissue=dark,
        sharpness=_edge_width(volume, anatomy),
        brain_covered=covered,
        slice_spacing_mm=volume.spacing_mm[2],
        alignment=scan.motion.information,
        problems=tuple(problems),
        is_usable=is_usable,
    )


def _problems(
    volume: Volume, covered: float, ratio: float | None, of_ghosts: tuple[str, bool]
) -> tuple[list[str], bool]:
    """What is wrong, worst first, and whether the series can be measured all the same."""
    fatal: list[str] = []
    minor: list[str] = []
    if covered < cut_of(Measure.QUALITY_WANTED_COVER):
        clause = f"only {100 * covered:.0f} % of the brain lies within the slices"
        (fatal if covered < cut_of(Measure.QUALITY_LEAST_COVER) else minor).append(clause)
    if ratio is not None and ratio < cut_of(Measure.QUALITY_WANTED_SIGNAL):
        clause = f"signal only {ratio:.1f} times the noise"
        (fatal if ratio < cut_of(Measure.QUALITY_LEAST_SIGNAL) else minor).append(clause)
    clause, is_fatal = of_ghosts
    if clause:
        (fatal if is_fatal else minor).append(clause)
    if volume.is_after_contrast and volume.role is Role.FLAIR:
        minor.append("taken after contrast agent")
    if volume.spacing_mm[2] > cut_of(Measure.QUALITY_THICK):
        minor.append(f"slices {volume.spacing_mm[2]:.1f} mm apart")
    return fatal + minor, not fatal


def _of_ghosts(anatomy: Anatomy, share: float | None, left_out: BoolArray | None) -> tuple[str, bool]:
    """What is said of ghosts, empty for nothing, and whether they forbid to measure."""
    areas = anatomy.brain.sum(axis=(1, 2))
    if left_out is not None and areas[left_out].any():
        where = f"motion ghosts in {np.count_nonzero(areas[left_out])} of {np.count_nonzero(areas)} slices"
        if areas[left_out].sum() > cut_of(Measure.QUALITY_MOST_SPOILED) * areas.sum():
            return where, True
        return f"{where}, which are left out", False
    if share is not None and share > cut_of(Measure.QUALITY_GHOSTS):
        return f"motion ghosts ({100 * share:.0f} % of the brain's signal)", False
    return "", False


def _tissue(volume: Volume, anatomy: Anatomy) -> float | None:
    """Median signal of white matter in the units of the pixels."""
    inside = anatomy.white > 0.9
    return float(np.median(volume.array[inside])) if inside.any() else None


def _noise(volume: Volume, anatomy: Anatomy) -> float | None:
    """Noise of the air, the standard deviation of either channel."""
    along_j, along_i = _beside(volume, anatomy)
    values = volume.array[along_j | along_i]
    positive = values[values > 0]
    if positive.size < max(FEW_AIR, 0.5 * values.size):
        return None
    # The darker half: ghosts, flow and the couch are bright.
    return float(np.quantile(positive, 0.25)) / 0.7585


def _beside(volume: Volume, anatomy: Anatomy) -> tuple[BoolArray, BoolArray]:
    """Air beside the brain along the columns (j) and along the rows (i), in the slices that show it."""
    di, dj, _ = volume.spacing_mm
    rows_near = _grown(np.asarray(anatomy.brain.any(axis=2)), AIR_FROM_MM / dj)
    columns_near = _grown(np.asarray(anatomy.brain.any(axis=1)), AIR_FROM_MM / di)
    shown = np.asarray(anatomy.brain.any(axis=(1, 2)))[:, None, None]
    along_j = shown & columns_near[:, None, :] & ~rows_near[:, :, None]
    along_i = shown & rows_near[:, :, None] & ~columns_near[:, None, :]
    return along_j, along_i


def _grown(inside: BoolArray, voxels: float) -> BoolArray:
    """Grown along the last axis alone."""
    near: BoolArray = ndimage.maximum_filter1d(inside.astype(np.uint8), 2 * int(voxels) + 1, axis=-1) > 0
    return near


def _dark_tissue(volume: Volume, anatomy: Anatomy) -> float | None:
    """Share of the tissue near the surface that shows no signal."""
    depth, tissue = anatomy.depth_mm, anatomy.grey + anatomy.white > 0.9
    rim = tissue & (depth >= RIM_MM[0]) & (depth <= RIM_MM[1])
    values = volume.array[rim]
    return float((values < DARK * np.median(values)).mean()) if values.size >= FEW_AIR else None


def _edge_width(volume: Volume, anatomy: Anatomy) -> float | None:
    """Width in mm over which the signal changes at the sharpest edges of the brain, in the plane of the slices."""
    inner = anatomy.depth_mm > 3.0
    if np.count_nonzero(inner) < FEW_AIR:
        return None
    box = ndimage.find_objects(inner.astype(np.uint8))[0]
    signal, kept = volume.array[box].astype(np.float32), inner[box]
    di, dj, _ = volume.spacing_mm
    slope = np.hypot(np.gradient(signal, dj, axis=1), np.gradient(signal, di, axis=2))
    spread = float(np.subtract(*np.percentile(signal[kept], (95, 5))))
    steepest = float(np.percentile(slope[kept], 99.0))
    return spread / steepest if steepest > 0 else None
