"""The same study gives the same numbers: to the last bit whatever the threads, and within tolerances however it is stored.

All series of a study go through all checks: FLAIR, T2, T1 before and after contrast, DWI, b0, ADC, SWI and its phase.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from rules.anatomy import Role
from tests.workers.imaging.phantoms import decimals, received
from workers.imaging.series import Series, read_study

pytestmark = pytest.mark.slow

_SCALE = 1.7


def _found(out: Path, threads: int, *folders: Path, cache: str = "") -> list[dict]:
    """Findings and lesions of studies, found in a process with so many threads."""
    command = [
        sys.executable,
        "-m",
        "tests.workers.analysing",
        str(threads),
        str(out),
        cache,
        *map(str, folders),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=500, cwd=Path(__file__).parents[2])
    return json.loads(out.read_text())


def _stored_otherwise(study: Path, out: Path) -> Path:
    """FLAIR and T2 with the other one first, slices counted the other way, rows running to the patient's right, brighter."""
    instances = [
        received(path, study, dcmread(path, stop_before_pixels=True)) for path in study.rglob("*.dcm")
    ]
    series = [one for one in read_study(instances, study)[0] if one.role in (Role.FLAIR, Role.T2)]
    out.mkdir()
    for place, one in enumerate(reversed(series)):
        _store_otherwise(one, f"1.2.3.{place}", out)
    return out


def _store_otherwise(series: Series, uid: str, out: Path) -> None:
    for number, path in enumerate(reversed(series.files), start=1):
        ds = dcmread(path)
        row, column = np.split(np.array(ds.ImageOrientationPatient, dtype=float), 2)
        last = row * float(ds.PixelSpacing[1]) * (ds.Columns - 1)
        ds.ImagePositionPatient = decimals(np.array(ds.ImagePositionPatient, dtype=float) + last)
        ds.ImageOrientationPatient = decimals([*-row, *column])
        pixels = ds.pixel_array[:, ::-1]
        if series.role is Role.FLAIR:
            ds.RescaleSlope, ds.RescaleIntercept = _SCALE, 0
        else:
            pixels = np.rint(_SCALE * pixels)
            ds.BitsStored, ds.HighBit = 16, 15
        ds.PixelData = np.ascontiguousarray(pixels.astype("<u2")).tobytes()
        ds.SeriesInstanceUID, ds.SOPInstanceUID, ds.InstanceNumber = uid, f"{uid}.{number}", number
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.save_as(out / f"{uid}-{number:03d}.dcm")


def _values(found: dict, *quantities: str) -> dict[tuple[str, str, str], float]:
    return {
        (one["quantity"], one["region"], one["side"]): one["value"]
        for one in found["findings"]
        if one["type"] == "Measured" and one["quantity"] in quantities
    }


def test_one_thread_and_two_find_the_same_to_the_last_bit(simulate, cache_folder, tmp_path):
    """Two threads, or as many as this machine has where another test of this run came first and left its stages in the cache."""
    (one,) = _found(tmp_path / "one.json", 1, simulate("pres"))
    (two,) = _found(tmp_path / "two.json", 2, simulate("pres"), cache=str(cache_folder))
    checks = {finding["evidence"]["check"].split()[0] for finding in one["findings"] if finding.get("value")}
    assert {"flair_hyperintensity", "oedema", "contrast_enhancement", "restricted_diffusion"} <= checks
    assert one == two


def test_a_study_stored_otherwise_has_the_same_findings(simulate, cache_folder, tmp_path):
    otherwise = _stored_otherwise(simulate("pres"), tmp_path / "study")
    found = _found(tmp_path / "found.json", 1, simulate("pres"), otherwise, cache=str(cache_folder))
    lesions = [_values(one, "flair_volume", "flair_foci", "flair_z") for one in found]
    assert len(lesions[0]) > 100
    assert lesions[1] == pytest.approx(lesions[0], rel=0.01, abs=0.02)
    # The T2 is aligned at places that the order of voxels chooses; its volumes claim no better than 10 % themselves.
    fluid = [_values(one, "csf_volume", "midline_shift") for one in found]
    assert fluid[1] == pytest.approx(fluid[0], rel=0.1, abs=0.3)
