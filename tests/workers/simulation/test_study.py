import nibabel as nib
import numpy as np
import pytest
import yaml
from pydicom import dcmread

from rules.anatomy import Role
from workers.simulation.cases import case_named
from workers.simulation.study import SimulatedStudy, StudyOptions, simulate_study


def _series(study: SimulatedStudy, role: Role):
    return [dcmread(path) for path in next(s for s in study.series if s.role is role).files]


def _pixels(study: SimulatedStudy, role: Role):
    return np.stack([ds.pixel_array for ds in _series(study, role)]).astype(float)


def test_slices_are_even_parallel_and_oblique(pres_study):
    images = _series(pres_study, Role.FLAIR)
    row, column = np.array(images[0].ImageOrientationPatient, dtype=float).reshape(2, 3)
    normal = np.cross(row, column)
    steps = np.diff([np.array(ds.ImagePositionPatient, dtype=float) for ds in images], axis=0)
    assert abs(row @ column) < 1e-8
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-8)
    assert steps @ normal == pytest.approx(float(images[0].SpacingBetweenSlices), abs=1e-3)
    assert np.linalg.norm(steps, axis=1) == pytest.approx(float(images[0].SpacingBetweenSlices), abs=1e-3)
    assert 0.001 < 1 - abs(normal[2]) < 0.2
    assert len({tuple(ds.ImageOrientationPatient) for ds in images}) == 1


def test_true_volume_is_that_of_the_mask(pres_study):
    truth = yaml.safe_load(pres_study.truth_file.read_text())
    image = nib.load(pres_study.truth_file.parent / truth["lesion_mask"])
    voxel_ml = abs(np.linalg.det(image.affine[:3, :3])) / 1000
    volume = float(np.asarray(image.dataobj).sum()) * voxel_ml
    assert truth["lesion_volume_ml"] == pytest.approx(volume, rel=1e-3)
    assert volume > 10
    by_region = sum(part["volume_ml"] for part in truth["lesion_volume_by_region_ml"])
    assert by_region == pytest.approx(volume, rel=0.02)


def test_mask_lies_in_the_grid_of_the_flair(pres_study):
    images = _series(pres_study, Role.FLAIR)
    image = nib.load(pres_study.truth_file.parent / "lesion.nii.gz")
    first = np.diag([-1, -1, 1, 1]) @ image.affine @ [0, 0, 0, 1]
    last = np.diag([-1, -1, 1, 1]) @ image.affine @ [0, 0, len(images) - 1, 1]
    assert image.shape == (images[0].Columns, images[0].Rows, len(images))
    assert first[:3] == pytest.approx(np.array(images[0].ImagePositionPatient, dtype=float), abs=1e-3)
    assert last[:3] == pytest.approx(np.array(images[-1].ImagePositionPatient, dtype=float), abs=1e-3)


def test_lesions_are_bright_on_flair_on_both_sides(pres_study):
    flair, mask = _pixels(pres_study, Role.FLAIR), pres_study.truth.mask > 0
    brain = flair[8:22][flair[8:22] > 0.5 * np.percentile(flair, 95)]
    assert flair[mask].mean() > 1.12 * np.median(brain)
    volumes = {(part.region, part.side): part.volume_ml for part in pres_study.truth.regions}
    assert volumes["occipital", "left"] > 1
    assert volumes["occipital", "right"] > 1


def test_adc_follows_from_b0_and_trace(pres_study):
    b0, trace, adc = (_pixels(pres_study, role) for role in (Role.B0, Role.DWI, Role.ADC))
    strong = (b0 > 300) & (trace > 100)
    expected = 1e6 * np.log(b0[strong] / trace[strong]) / 1000
    assert adc[strong] == pytest.approx(np.clip(expected, 0, None), abs=1)
    middle = adc[len(adc) // 2][strong[len(adc) // 2]]
    assert 650 < np.median(middle) < 1000


def test_same_seed_writes_the_same_files(pres_study, tmp_path):
    options = StudyOptions(roles=frozenset({Role.FLAIR}))
    again = simulate_study(case_named("pres"), seed=5, out=tmp_path / "study", options=options)
    first = next(s for s in pres_study.series if s.role is Role.FLAIR)
    assert [p.read_bytes() for p in again.files] == [p.read_bytes() for p in first.files]
    assert again.truth_file.read_bytes() == pres_study.truth_file.read_bytes()


def test_truth_lies_beside_the_study_not_in_it(pres_study):
    assert {path.suffix for path in pres_study.folder.rglob("*") if path.is_file()} == {".dcm"}
    assert pres_study.truth_file.parent == pres_study.folder.with_name("study-truth")
