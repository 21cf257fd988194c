"""The truth that the simulator wrote beside a study (workers/simulation/truth_file.py), as the evaluation takes it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import yaml
from nibabel.affines import voxel_sizes
from scipy import ndimage

from rules.anatomy import Region, Role, Side
from rules.findings import Quantity
from workers.checks.areas import longest_mm
from workers.evaluation.truth import MASK_CHECKS, TrueMask, TrueValue, Truth

_MASKS = {"flair": "lesion", "restricted": "restricted", "enhancing": "enhancing"}
"""Kind to the simulator's name of it."""
_OLD_BLOOD = "haemosiderin"
_MENINGES = "enhancing_pia"
_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)


def read_simulated(folder: Path, before: Path | None = None) -> Truth:
    """What is true of a study.

    folder, before : where the truths of the study and of its baseline lie; raises FileNotFoundError without the study's
    """
    plain = _read(folder)
    # No brain, no truth about one: masks and volumes of a limb would say that nothing was found where nothing was sought.
    is_head = plain["body"] == "head"
    return Truth(
        present=tuple(plain["expected_rules"]),
        tolerated=tuple(plain["tolerated_rules"]),
        values=(*_values(plain, folder), *_changes(plain, before)) if is_head else (),
        masks=tuple(_masks(plain, folder)) if is_head else (),
        brain=str((folder / plain["brain_mask"]).resolve()) if is_head else "",
        strata=_strata(plain),
    )


def _read(folder: Path) -> dict[str, Any]:
    plain: dict[str, Any] = yaml.safe_load((folder / "truth.yaml").read_text(encoding="utf-8"))
    return plain


def _masks(plain: Mapping[str, Any], folder: Path) -> Iterator[TrueMask]:
    """What is known to be empty has no file; a FLAIR mask that lies on a T2, because there is no FLAIR, is none."""
    for kind, name in _MASKS.items():
        mask = plain["masks"].get(name)
        if mask is None or not mask["volume_ml"]:
            yield TrueMask(kind, "")
        elif mask["role"] == MASK_CHECKS[kind][1].value:
            yield TrueMask(kind, str((folder / mask["file"]).resolve()))


def _values(plain: Mapping[str, Any], folder: Path) -> Iterator[TrueValue]:
    """What is true of the whole brain and needs no region; nothing of what the study's series cannot show."""
    # The check tells the size of the shift, not its side.
    yield _of_brain(Quantity.MIDLINE_SHIFT, abs(plain["midline_shift_mm"]))
    yield _of_brain(Quantity.TONSIL_DESCENT, plain["tonsils_below_foramen_mm"])
    missing = {*plain["missing_roles"]}
    if Role.SWI not in missing:
        yield _of_brain(Quantity.MICROBLEED_COUNT, plain["microbleed_count"])
        yield from _blood(plain, folder)
    if not missing & {Role.T1, Role.T1C}:
        yield from _enhancement(plain)


def _blood(plain: Mapping[str, Any], folder: Path) -> Iterator[TrueValue]:
    """Haematomas; nothing where a lesion holds old blood, which is dark too and has no mask."""
    if _kinds(plain).count(_OLD_BLOOD) > plain["microbleed_count"]:
        return
    mask = plain["masks"].get("blood")
    yield _of_brain(Quantity.HAEMORRHAGE_VOLUME, mask["volume_ml"] if mask else 0.0)
    yield _of_brain(Quantity.HAEMORRHAGE_DIAMETER, _longest_mm(folder / mask["file"]) if mask else 0.0)


def _longest_mm(path: Path) -> float:
    """Diameter of the mask's longest connected area, as the check defines it."""
    image = nib.load(path)
    x, y, z = (float(step) for step in voxel_sizes(image.affine))
    numbers, count = ndimage.label(np.asarray(image.dataobj).transpose(2, 1, 0), _NEIGHBOURS)
    areas = (np.nonzero(numbers == number) for number in range(1, count + 1))
    return max((longest_mm((k, j, i), (x, y, z)) for k, j, i in areas), default=0.0)


def _enhancement(plain: Mapping[str, Any]) -> Iterator[TrueValue]:
    """Of brain and of meninges; a mask that holds both says nothing of either."""
    kinds = {kind for kind in _kinds(plain) if kind.startswith("enhancing")}
    if _MENINGES in kinds and len(kinds) > 1:
        return
    mask = plain["masks"].get("enhancing")
    volume_ml = mask["volume_ml"] if mask else 0.0
    meninges = volume_ml if _MENINGES in kinds else 0.0
    yield _of_brain(Quantity.SULCAL_ENHANCEMENT_VOLUME, meninges)
    yield _of_brain(Quantity.ENHANCING_VOLUME, volume_ml - meninges)


def _kinds(plain: Mapping[str, Any]) -> list[str]:
    return [lesion["kind"] for lesion in plain["lesions"]]


def _changes(plain: Mapping[str, Any], before: Path | None) -> Iterator[TrueValue]:
    """Change of the sulcal fluid in percent.

    Not the volume itself: the simulator counts all fluid above the ventricles, the check that of the sulci between the
    gyri, about half of it. The share that is lost is the same.
    """
    if before is None:
        return
    now, past = plain["supraventricular_csf_ml"], _read(before)["supraventricular_csf_ml"]
    yield TrueValue(Quantity.CSF_CHANGE, Region.SULCI, Side.WHOLE, 100.0 * (now - past) / past)


def _of_brain(quantity: Quantity, value: float) -> TrueValue:
    return TrueValue(quantity, Region.BRAIN, Side.WHOLE, float(value))


def _strata(plain: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    conditions = plain["conditions"]
    return (
        ("case", str(plain["case"])),
        ("vendor", str(plain["vendor"])),
        ("signal to noise set to", f"{conditions['snr']:g} of usual"),
        (
            "slice thickness set to",
            f"{conditions['thickness_mm']} mm" if conditions["thickness_mm"] else "usual",
        ),
        ("movement between series", f"up to {conditions['movement']:g} mm"),
    )
