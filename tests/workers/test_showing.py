"""What the workers leave for the study page: NIfTI that another reader puts in the same place."""

import json
import os
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from rules.anatomy import Role
from rules.codec import from_plain
from rules.volumes import Plane, StudyVolumes, folder_of
from tests.workers.heads import AXIAL, SAGITTAL, head, left_lesion
from workers.checks.result import CheckResult
from workers.showing import Room, as_stored, planes_of, write_volumes

_PLENTY = Room(1 << 30)


def _written(root: Path, study: str = "1.2.3", job: str = "ab" * 32) -> tuple[Path, StudyVolumes]:
    folder = root / folder_of(study)
    return folder, from_plain(StudyVolumes, json.loads((folder / f"{job}.json").read_text()))


@pytest.mark.parametrize("axes", [AXIAL, SAGITTAL])
def test_a_lesion_on_the_left_lies_on_the_left_for_another_reader(tmp_path, axes):
    volume = head(axes=axes)
    found = {"flair_hyperintensity": left_lesion(volume), "cord": CheckResult(())}
    assert write_volumes([volume], found, tmp_path, ("1.2.3", "ab" * 32), _PLENTY) == 1
    folder, told = _written(tmp_path)
    (one,) = told.volumes
    assert (one.role, one.checks) == (Role.FLAIR, ("flair_hyperintensity",))
    image, mask = nib.load(folder / one.file), nib.load(folder / one.found)
    values, marked = np.asarray(image.dataobj), np.asarray(mask.dataobj) == 1
    assert np.array_equal(values.transpose(2, 1, 0), volume.array), "every value as it was"
    assert np.allclose(image.affine, mask.affine)
    assert (image.affine @ [*np.argwhere(marked).mean(axis=0), 1])[0] < -2, "left is negative in RAS"
    assert values[marked].min() > values[values > 0].mean(), "over the voxels that it was found in"


def test_results_on_the_same_images_share_their_files(tmp_path):
    volume = head()
    for job, checks in (("a" * 64, {}), ("b" * 64, {"flair": left_lesion(volume)})):
        write_volumes([volume], checks, tmp_path, ("1.2.3", job), _PLENTY)
    folder, first = _written(tmp_path, job="a" * 64)
    _, second = _written(tmp_path, job="b" * 64)
    assert first.volumes[0] == replace(second.volumes[0], found="", checks=())
    assert len(list(folder.glob("*.nii.gz"))) == 2, "one image, one mask"


def test_thick_slices_are_shown_in_their_own_plane_only():
    assert planes_of(head(edges_mm=(1.0, 1.0, 5.0))) == (Plane.AXIAL,)
    assert planes_of(head()) == (Plane.AXIAL, Plane.CORONAL, Plane.SAGITTAL)
    assert planes_of(head(axes=SAGITTAL)) == (Plane.SAGITTAL, Plane.AXIAL, Plane.CORONAL)


@pytest.mark.parametrize(
    ("values", "kind"),
    [([-5, 9], "int16"), ([0, 60_000], "uint16"), ([0, 0.25], "float32"), ([-1, 60_000], "float32")],
)
def test_values_are_stored_exactly(values, kind):
    stored = as_stored(np.array(values, dtype=np.float32))
    assert (stored.dtype, stored.tolist()) == (np.dtype(kind), values)


def test_the_studies_shown_longest_ago_make_room(tmp_path):
    for number, study in enumerate(("1.1", "1.2", "1.3")):
        write_volumes([head()], {}, tmp_path, (study, "c" * 64), _PLENTY)
        os.utime(tmp_path / folder_of(study), (number, number))
    size = sum(file.stat().st_size for file in (tmp_path / folder_of("1.1")).iterdir())
    write_volumes([head()], {}, tmp_path, ("1.4", "c" * 64), Room(int(2.5 * size)))
    left = [study for study in ("1.1", "1.2", "1.3", "1.4") if (tmp_path / folder_of(study)).exists()]
    assert left == ["1.3", "1.4"]


def test_a_disk_that_is_nearly_full_is_left_alone(tmp_path):
    assert write_volumes([head()], {}, tmp_path, ("1.2.3", "c" * 64), Room(1 << 30, 1 << 60)) == 0
    assert list(tmp_path.rglob("*.nii.gz")) == []
