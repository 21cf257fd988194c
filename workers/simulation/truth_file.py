"""Truth on disk, in a folder beside the study and never in it: truth.yaml and one NIfTI mask for each kind of lesion."""

from dataclasses import asdict
from pathlib import Path

import nibabel as nib
import numpy as np
import yaml
from numpy.typing import NDArray

from workers.simulation.geometry import Stack
from workers.simulation.series import Session
from workers.simulation.truth import LesionMask, RegionVolume, Truth

_BRAIN = "brain.nii.gz"


def write_truth(truth: Truth, session: Session, vendor: str, folder: Path) -> Path:
    """Write truth.yaml and the masks (RAS mm) into a folder; returns the YAML's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in (truth.lesion, *truth.others):
        _save(part.mask, part.stack, folder / f"{part.name}.nii.gz")
    _save(truth.brain, truth.stack, folder / _BRAIN)
    path = folder / "truth.yaml"
    plain = {**_study(truth, session, vendor), **_lesions(truth, session)}
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return path


def _save(mask: NDArray[np.uint8], stack: Stack, path: Path) -> None:
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ stack.affine()
    nib.save(nib.Nifti1Image(mask.transpose(2, 1, 0), ras), path)


def _study(truth: Truth, session: Session, vendor: str) -> dict[str, object]:
    case = session.case
    return {
        "case": case.name,
        "sentence": case.sentence,
        "seed": session.seed,
        "visit": session.visit,
        "vendor": vendor,
        "conditions": asdict(session.conditions),
        "age": session.subject.age,
        "expected_patterns": list(case.patterns),
        "expected_rules": list(truth.expected_rules),
        "tolerated_rules": list(truth.tolerated_rules),
        "absent_rules": list(truth.absent_rules),
        "expected_imaging_priority": case.priority.value if case.priority else None,
        "body": case.body.value,
        "brain_mask": _BRAIN,
        "missing_roles": sorted(role.value for role in case.without),
        "supraventricular_csf_ml": round(truth.supraventricular_csf_ml, 1),
        "midline_shift_mm": round(truth.midline_shift_mm, 1),
        "tonsils_below_foramen_mm": round(truth.tonsils_mm, 1),
        "microbleed_count": len(truth.microbleeds),
        "microbleeds": [
            {
                "region": bleed.region,
                "side": bleed.side,
                "place_lps_mm": list(bleed.place_lps_mm),
                "diameter_mm": bleed.diameter_mm,
            }
            for bleed in truth.microbleeds
        ],
    }


def _lesions(truth: Truth, session: Session) -> dict[str, object]:
    return {
        "lesion_count": len(session.subject.lesions),
        "lesion_volume_ml": round(truth.volume_ml, 3),
        "lesion_volume_by_region_ml": _regions(truth.regions),
        "lesion_mask": "lesion.nii.gz",
        "mask_series_instance_uid": truth.series_instance_uid,
        "mask_affine_lps": _affine(truth.stack),
        "masks": {part.name: _mask(part, truth) for part in (truth.lesion, *truth.others)},
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


def _mask(part: LesionMask, truth: Truth) -> dict[str, object]:
    return {
        "file": f"{part.name}.nii.gz",
        "role": part.role.value,
        "series_instance_uid": truth.series_instance_uids[part.series_number],
        "volume_ml": round(part.volume_ml, 3),
        "volume_by_region_ml": _regions(part.regions),
    }


def _regions(regions: tuple[RegionVolume, ...]) -> list[dict[str, object]]:
    return [{"region": r.region, "side": r.side, "volume_ml": r.volume_ml} for r in regions]


def _affine(stack: Stack) -> list[list[float]]:
    return [[round(float(v), 6) for v in row] for row in stack.affine()]
