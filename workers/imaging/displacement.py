"""How far the midline is pushed aside and how low the cerebellar tonsils stand, in mm."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.scan import Scan

MIDLINE_MM = 2.0
"""Distance from the template's midline within which a voxel belongs to it."""
SEPTUM = ((-12.0, 22.0), (4.0, 22.0))
"""Septum pellucidum and upper third ventricle: MNI y and z, mm."""
OUTER_MM, OUTER_Z = 15.0, -20.0
"""Depth and least height (MNI) of the layer that the skull holds in place."""
LEAST_VOXELS = 30
"""Voxels of the septum below which its place would be noise. [P]"""
FIT_VOXELS = 20_000

FORAMEN_Z = -64.0
"""Height of the foramen magnum (basion to opisthion) in the template, MNI mm."""
TONSILS = ((-65.0, -52.0), 12.0)
CORD_SLOPE = 0.3
"""How far the cord and the space behind it move backwards for each mm below the foramen."""
"""Where tonsils descend: MNI y behind the medulla, and the distance from the midline, mm."""
REACH_MM = 10.0
"""How far below the foramen a scan has to reach to say how low the tonsils stand (knowledge base 1b, R12). [P]"""
LEAST_AREA_MM2 = 30.0
"""Tissue in a section that is still tonsil, not nerve root or vessel. [P]"""
STEP_MM = 1.0

FloatArray = NDArray[np.float64]


def midline_shift(scan: Scan) -> tuple[float, float]:
    """Distance of the septum from the brain's plane of symmetry, and its uncertainty (95 %), both in mm.

    The plane is where an affine fit of the brain's outer layer puts the template's midline: the skull holds that layer in
    place. Raises CannotAssess if the septum is not in the scan.
    """
    anatomy = scan.anatomy
    x, y, z = (axis.astype(np.float32) for axis in anatomy.template_mm)
    septum = anatomy.brain & (np.abs(x) <= MIDLINE_MM) & _within(y, SEPTUM[0]) & _within(z, SEPTUM[1])
    outer = anatomy.brain & (anatomy.depth_mm < OUTER_MM) & (z > OUTER_Z)
    if np.count_nonzero(septum) < LEAST_VOXELS or np.count_nonzero(outer) < 100 * LEAST_VOXELS:
        raise CannotAssess(Why.COVERAGE, "septum or convexity are not within the slices")
    to_patient = _fit(scan, outer)
    to_mni = np.linalg.inv(np.vstack([to_patient, [0, 0, 0, 1]]))
    # Across the plane, in patient mm: the row of x, scaled to unit length.
    across = to_mni[0] / np.linalg.norm(to_mni[0, :3])
    away = _places(scan, septum) @ across[:3] + across[3] - x[septum] / np.linalg.norm(to_mni[0, :3])
    margin = float(np.hypot(1.96 * np.std(away), min(scan.volume.spacing_mm)))
    return abs(float(np.mean(away))), margin


def tonsil_descent(scan: Scan, tissue: NDArray[np.bool_]) -> float:
    """How far cerebellar tissue reaches below the foramen magnum behind the medulla, in mm; 0 if it does not.

    tissue : (k, j, i) voxels whose signal is that of brain
    Raises CannotAssess if the scan does not reach far enough below the foramen.
    """
    to_patient = _fit_of_hindbrain(scan)
    heights = np.arange(FORAMEN_Z, FORAMEN_Z - 2 * REACH_MM, -STEP_MM)
    (back, front), aside = TONSILS
    across = np.meshgrid(np.arange(-aside, aside + 1), np.arange(back, front + 1), indexing="ij")
    flat = np.stack([one.reshape(-1) for one in across])
    behind = np.array([[0.0], [CORD_SLOPE]])
    places = np.stack(
        [np.vstack([flat - behind * (FORAMEN_Z - z), np.full((1, flat.shape[1]), z)]) for z in heights]
    )
    patient = to_patient[:, :3] @ places + to_patient[:, 3:]
    inverse = np.linalg.inv(scan.volume.affine)
    voxel = (inverse[:3, :3] @ patient + inverse[:3, 3:]).transpose(1, 0, 2)[::-1]
    _require_reach(scan, voxel)
    found = ndimage.map_coordinates(tissue.astype(np.float32), voxel, order=1) > 0.5
    area = found.sum(axis=1) * STEP_MM**2
    gone = np.flatnonzero(area < LEAST_AREA_MM2)
    lowest = int(gone[0]) if gone.size else len(heights)
    # Template mm along z, in the patient's own size.
    return lowest * STEP_MM * float(np.linalg.norm(to_patient[:, 2]))


def _require_reach(scan: Scan, voxel: FloatArray) -> None:
    """Raise if the level REACH_MM below the foramen is outside the scan."""
    needed = voxel[:, : round(REACH_MM / STEP_MM)]
    limits = np.array(scan.volume.array.shape)[:, None, None] - 0.5
    if ((needed < -0.5) | (needed > limits)).mean() > 0.05:
        raise CannotAssess(Why.COVERAGE, "the slices do not reach 10 mm below the foramen magnum")


def _fit_of_hindbrain(scan: Scan) -> FloatArray:
    """The affine of brainstem and cerebellum, which leads on below the brain."""
    where = scan.anatomy.region(Region.BRAINSTEM) | scan.anatomy.region(Region.CEREBELLUM)
    if np.count_nonzero(where) < 100 * LEAST_VOXELS:
        raise CannotAssess(Why.COVERAGE, "brainstem and cerebellum are not within the slices")
    return _fit(scan, where)


def _fit(scan: Scan, where: NDArray[np.bool_]) -> FloatArray:
    """(3, 4) affine from MNI mm to patient mm, by least squares over some voxels of the brain."""
    step = max(int(np.count_nonzero(where)) // FIT_VOXELS, 1)
    chosen = np.zeros(where.size, dtype=bool)
    chosen[np.flatnonzero(where)[::step]] = True
    some = chosen.reshape(where.shape)
    mni = np.stack([axis[some] for axis in scan.anatomy.template_mm], axis=1).astype(np.float64)
    design = np.column_stack([mni, np.ones(len(mni))])
    return np.asarray(np.linalg.lstsq(design, _places(scan, some), rcond=None)[0].T)


def _places(scan: Scan, where: NDArray[np.bool_]) -> FloatArray:
    """Patient mm, LPS, of some voxels, (n, 3)."""
    affine = scan.volume.affine
    return np.asarray(np.stack(np.nonzero(where)[::-1], axis=1) @ affine[:3, :3].T + affine[:3, 3])


def _within(values: NDArray[np.float32], ends: tuple[float, float]) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (values >= ends[0]) & (values <= ends[1])
    return inside
