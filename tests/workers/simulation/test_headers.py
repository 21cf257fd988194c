import re
import subprocess
from datetime import date
from io import BytesIO

import numpy as np
import pytest
from pydicom.uid import UID

from rules.anatomy import Role
from tests.peers import need
from workers.imaging.roles import role_of
from workers.simulation.cases import cases
from workers.simulation.files import StackEncoder
from workers.simulation.geometry import rotation, stack_around
from workers.simulation.headers import SimulatedPatient, Slice, StudyHeader, image_dataset
from workers.simulation.vendors import SCANNERS, Vendor

TELLTALES = (
    "simul", "synth", "phantom", "fake", "cartriage", "lesion", "truth", "icbm", "mni", "oedema", "edema", "vasogenic",
    "encephal", "bleed", "haemor", "hemor", "infarct", "restrict", "tumour", "patholog", "template", "test",
)  # fmt: skip
"""Words that no scanner would write and that would tell the analysis what it looks at."""

WEIGHTINGS = [
    pytest.param(vendor, plan, weighting, id=f"{vendor.value}-{plan.number}-{weighting.role.value}")
    for vendor in Vendor
    for plan in SCANNERS[vendor].series
    for weighting in plan.weightings
]


def _dataset(vendor, plan, weighting):
    patient = SimulatedPatient("PAT001", "HOSPITAL", "DOE^JANE", "F")
    scanner = SCANNERS[vendor]
    study = StudyHeader("2.25.1", "2.25.2", "A0000001", date(2026, 3, 1), 600, 51, patient, scanner)
    tilt = rotation(-8, 1, 2)
    stack = stack_around(np.zeros(3), (tilt[:, 0], tilt[:, 1]), plan.size)
    pixels = np.arange(stack.rows * stack.columns, dtype=np.uint16).reshape(stack.rows, -1) % 900
    return image_dataset(study, plan, Slice(1, weighting, stack, 0, pixels, (450, 900)))


@pytest.mark.parametrize(("vendor", "plan", "weighting"), WEIGHTINGS)
def test_images_of_every_series_are_valid_dicom(vendor, plan, weighting, tmp_path):
    program = need("dciodvfy")
    path = tmp_path / "image.dcm"
    _dataset(vendor, plan, weighting).save_as(path, enforce_file_format=True)
    told = subprocess.run([program, str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert "MRImage" in told.stderr
    assert not [line for line in told.stderr.splitlines() if line.startswith("Error")]


@pytest.mark.parametrize(("vendor", "plan", "weighting"), WEIGHTINGS)
def test_headers_tell_neither_case_nor_that_it_is_simulated(vendor, plan, weighting):
    ds = _dataset(vendor, plan, weighting)
    del ds.PixelData
    text = str(ds).lower()
    assert not [word for word in TELLTALES if word in text]
    assert not [case.name for case in cases() if re.search(rf"\b{case.name}\b", text)]


@pytest.mark.parametrize("vendor", Vendor)
def test_every_vendor_has_the_whole_protocol_once(vendor):
    roles = [weighting.role for plan in SCANNERS[vendor].series for weighting in plan.weightings]
    wanted = {Role.LOCALIZER, Role.FLAIR, Role.T1, Role.T1C, Role.T2, Role.B0, Role.DWI, Role.ADC, Role.SWI}
    assert sorted(roles) == sorted(wanted)


@pytest.mark.parametrize(("vendor", "plan", "weighting"), WEIGHTINGS)
def test_the_reader_finds_the_role_in_the_headers(vendor, plan, weighting):
    assert role_of([_dataset(vendor, plan, weighting)])[0] is weighting.role


@pytest.mark.parametrize("vendor", Vendor)
def test_series_numbers_differ(vendor):
    numbers = [plan.number for plan in SCANNERS[vendor].series]
    assert len(set(numbers)) == len(numbers)


def test_age_and_birth_date_agree():
    plan = SCANNERS[Vendor.GE].series[1]
    ds = _dataset(Vendor.GE, plan, plan.weightings[0])
    assert ds.PatientAge == "051Y"
    assert (date(2026, 3, 1) - date.fromisoformat(ds.PatientBirthDate)).days // 365.25 == 51
    assert UID(ds.SOPInstanceUID).is_valid


@pytest.mark.parametrize("vendor", Vendor)
def test_images_of_a_stack_are_written_as_pydicom_writes_each(vendor):
    plan = SCANNERS[vendor].series[-1]
    ds = _dataset(vendor, plan, plan.weightings[0])
    encoder = StackEncoder(ds)
    for number in (2, 30):
        ds.InstanceNumber, ds.SOPInstanceUID, ds.SliceLocation = number, f"2.25.{number}", f"{number}.5"
        ds.ImagePositionPatient, ds.LargestImagePixelValue = [f"{number}", "-1.25", "7"], number
        ds.PixelData = np.full((ds.Rows, ds.Columns), number, dtype="<u2").tobytes()
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        whole = BytesIO()
        ds.save_as(whole, enforce_file_format=True)
        assert encoder.encode() == whole.getvalue()
