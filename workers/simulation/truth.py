"""What is known about a simulated study, written beside it and never into it."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import yaml
from numpy.typing import NDArray

from workers.simulation.acquisition import sample
from workers.simulation.brain import BOX
from workers.simulation.geometry import Stack
from workers.simulation.series import Session
from workers.simulation.space import SHAPE

_HALF = 0.5
"""A voxel is lesion where at least half of a full-strength lesion is averaged into it."""


@dataclass(frozen=True, slots=True)
class RegionVolume:
    """Lesion volume in one region and side, as planned by the case."""

    region: str
    side: str
    volume_ml: float


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The lesion in the grid of the FLAIR (or of the T2 where there is none)."""

    mask: NDArray[np.uint8]
    """(k, rows, columns), 1 is lesion."""
    volume_ml: float
    regions: tuple[RegionVolume, ...]
    stack: Stack
    series_instance_uid: str
    """The series in whose grid the mask is."""


def find_truth(session: Session, stack: Stack, series_instance_uid: str) -> Truth:
    """Sample the lesions onto a stack, over the same slice profile as the images."""
    burden, number = (np.zeros(SHAPE, dtype=np.float32) for _ in range(2))
    burden[BOX], number[BOX] = session.subject.burden, session.subject.lesion_number
    warp = session.subject.warp
    empty = not session.subject.lesions
    shape = (stack.slices, stack.rows, stack.columns)
    share = np.zeros(shape, dtype=np.float32) if empty else sample(burden, stack, warp)
    mask = (share >= _HALF).astype(np.uint8)
    numbers = np.zeros(shape) if empty else sample(number, stack, warp, order=0)
    voxel_ml = stack.pixel_mm**2 * stack.spacing_mm / 1000.0
    regions = _by_region(session, mask, numbers, voxel_ml)
    return Truth(mask, float(mask.sum()) * voxel_ml, regions, stack, series_instance_uid)


def _by_region(
    session: Session, mask: NDArray[np.uint8], numbers: NDArray[np.floating], voxel_ml: float
) -> tuple[RegionVolume, ...]:
    totals: dict[tuple[str, str], float] = defaultdict(float)
    counts = np.bincount(numbers[mask > 0].astype(int), minlength=len(session.subject.lesions) + 1)
    for lesion, count in zip(session.subject.lesions, counts[1:], strict=True):
        totals[lesion.region.value, lesion.side.value] += float(count) * voxel_ml
    return tuple(RegionVolume(region, side, round(ml, 3)) for (region, side), ml in sorted(totals.items()))


def write_truth(truth: Truth, session: Session, vendor: str, folder: Path) -> Path:
    """Write truth.yaml and lesion.nii.gz (RAS mm) into a folder; returns the YAML's path."""
    folder.mkdir(parents=True, exist_ok=True)
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ truth.stack.affine()
    nib.save(nib.Nifti1Image(truth.mask.transpose(2, 1, 0), ras), folder / "lesion.nii.gz")
    path = folder / "truth.yaml"
    path.write_text(yaml.safe_dump(_plain(truth, session, vendor), sort_keys=False), encoding="utf-8")
    return path


def _plain(truth: Truth, session: Session, vendor: str) -> dict[str, object]:
    case = session.case
    return {
        "case": case.name,
        "sentence": case.sentence,
        "seed": session.seed,
        "vendor": vendor,
        "age": session.subject.age,
        "expected_patterns": list(case.patterns),
        "expected_imaging_priority": case.priority.value if case.priority else None,
        "body": case.body.value,
        "missing_roles": sorted(role.value for role in case.without),
        "lesion_count": len(session.subject.lesions),
        "lesion_volume_ml": round(truth.volume_ml, 3),
        "lesion_volume_by_region_ml": [
            {"region": r.region, "side": r.side, "volume_ml": r.volume_ml} for r in truth.regions
        ],
        "lesion_mask": "lesion.nii.gz",
        "mask_series_instance_uid": truth.series_instance_uid,
        "mask_affine_lps": [[round(float(v), 6) for v in row] for row in truth.stack.affine()],
        "lesions": [
            {
                "region": lesion.region.value,
                "side": lesion.side.value,
                "kind": lesion.kind.name.lower(),
                "strength": round(lesion.strength, 3),
                "centre_template_mm": [round(v, 1) for v in lesion.shape.centre],
                "radii_mm": [round(v, 1) for v in lesion.shape.radii],
            }
            for lesion in session.subject.lesions
        ],
    }
