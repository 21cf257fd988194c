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
from workers.imaging.registration import MIN_INFORMATION
from workers.imaging.scan import Scan
from workers.imaging.volume import Volume

FAINT = 0.01
"""Share of the tissue's signal that air is taken to have at least: scanners blank it."""
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


def quality_of(scan: Scan) -> SeriesQuality:
    """The quality of one series."""
    volume, anatomy = scan.volume, scan.anatomy
    covered = anatomy.covered[Region.BRAIN]
    signal = _tissue(volume, anatomy)
    # The air of computed maps is no air.
    is_measured = signal is not None and volume.role not in (Role.ADC, Role.PHASE)
    noise, ghosts = _air(volume, anatomy, signal) if is_measured and signal else (None, None)
    ratio = signal / noise if signal is not None and noise else None
    problems, is_usable = _problems(volume, covered, ratio, ghosts)
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
    volume: Volume, covered: float, ratio: float | None, ghosts: float | None
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
    if ghosts is not None and ghosts > cut_of(Measure.QUALITY_GHOSTS):
        clause = f"motion ghosts (air {ghosts:.1f} times as bright along one axis)"
        (fatal if ghosts > cut_of(Measure.QUALITY_SEVERE_GHOSTS) else minor).append(clause)
    if volume.is_after_contrast and volume.role is Role.FLAIR:
        minor.append("taken after contrast agent")
    if volume.spacing_mm[2] > cut_of(Measure.QUALITY_THICK):
        minor.append(f"slices {volume.spacing_mm[2]:.1f} mm apart")
    return fatal + minor, not fatal


def _tissue(volume: Volume, anatomy: Anatomy) -> float | None:
    """Median signal of white matter in the units of the pixels."""
    inside = anatomy.white > 0.9
    return float(np.median(volume.array[inside])) if inside.any() else None


def _air(volume: Volume, anatomy: Anatomy, signal: float) -> tuple[float | None, float | None]:
    """Noise of the air (standard deviation of either channel), and how much brighter the air is along one image axis.

    Ghosts repeat the head along the phase direction, so beside the head in one direction only; noise is the same all round.
    """
    beside = _beside(volume, anatomy)
    levels = [float(np.mean(volume.array[one])) for one in beside if np.count_nonzero(one) >= FEW_AIR]
    air = beside[0] | beside[1]
    values = volume.array[air]
    values = values[values > 0]
    if values.size < max(FEW_AIR, 0.5 * np.count_nonzero(air)):
        return None, None
    # The darker half: ghosts, flow and the couch are bright.
    noise = float(np.quantile(values, 0.25)) / 0.7585
    ghosts = max(levels) / max(min(levels), FAINT * signal) if len(levels) == 2 else None
    return noise, ghosts


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
