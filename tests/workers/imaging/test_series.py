import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from rules.anatomy import Role
from rules.findings import Why
from tests.workers.imaging.phantoms import FLAIR, SAGITTAL, Phantom, header, received, store, with_attributes
from workers.errors import CannotAssess
from workers.imaging.series import choose, read_study

T2 = {"ScanningSequence": "SE", "EchoTime": 100, "RepetitionTime": 5000}


def study(root, *phantoms: Phantom):
    return read_study([file for phantom in phantoms for file in store(phantom.slices(), root)], root)[0]


def chosen(root, *phantoms: Phantom, role=Role.FLAIR) -> str:
    """UID of the chosen series, the same in either order."""
    series = study(root, *phantoms)
    forwards, backwards = choose(series, role), choose(series[::-1], role)
    assert forwards is backwards
    return forwards.series_instance_uid


def test_instances_become_series_with_roles_and_evidence(tmp_path):
    flair, t2 = study(tmp_path, Phantom(uid="1.2.3.2", attributes=T2), Phantom(uid="1.2.3.1"))
    assert (flair.role, flair.evidence) == (
        Role.FLAIR,
        "inversion recovery, TI 2500 ms, TE 120 ms, TR 9000 ms",
    )
    assert (t2.role, t2.evidence) == (Role.T2, "spin echo, TE 100 ms, TR 5000 ms")


def test_headers_come_in_the_order_of_instance_numbers_with_their_files(tmp_path):
    slices = Phantom().slices()
    (series,), _ = read_study(store(slices[::-1], tmp_path), tmp_path)
    assert [ds.InstanceNumber for ds in series.headers] == list(range(1, 11))
    assert [path.name for path in series.files] == [f"1.2.3.1-{n:03d}.dcm" for n in range(9, -1, -1)]
    assert all(path.is_absolute() for path in series.files)


def test_headers_hold_no_pixels(tmp_path):
    (series,) = study(tmp_path, Phantom())
    assert not any("PixelData" in ds for ds in series.headers)


def test_headers_without_instance_numbers_are_sorted_by_identifier(tmp_path):
    slices = Phantom().slices()
    for ds in slices:
        del ds.InstanceNumber
    (series,), _ = read_study(store(slices, tmp_path), tmp_path)
    uids = [ds.SOPInstanceUID for ds in series.headers]
    assert uids == sorted(uids)


def test_copies_of_an_instance_count_once(tmp_path):
    files = store(Phantom().slices(), tmp_path)
    copies = store(Phantom().slices()[:3], tmp_path, naming=lambda n: f"copy{n}")
    (series,), _ = read_study([*copies, *files], tmp_path)
    (other,), _ = read_study([*files, *copies], tmp_path)
    assert len(series.files) == 10
    assert series.files == other.files


def test_different_bytes_under_one_identifier_both_stay(tmp_path):
    twin = with_attributes(Phantom().slice(3), {"ImageComments": "another"})
    (series,), _ = read_study(store([*Phantom().slices(), twin], tmp_path), tmp_path)
    assert len(series.files) == 11


def test_a_file_that_is_no_dicom_is_unreadable_and_the_rest_is_read(tmp_path):
    files = store(Phantom().slices(), tmp_path)
    (tmp_path / files[2].path).write_text("a letter")
    (tmp_path / files[3].path).unlink()
    (tmp_path / files[4].path).write_bytes(b"")
    (series,), unreadable = read_study(files, tmp_path)
    assert len(series.files) == 7
    assert [item.detail for item in unreadable] == [
        "not a DICOM file",
        "the file is gone",
        "not a DICOM file",
    ]
    assert [item.path.name for item in unreadable] == [files[n].path for n in (2, 3, 4)]


def test_a_header_without_identity_is_unreadable(tmp_path):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    ds.Modality = "MR"
    ds.save_as(tmp_path / "odd.dcm", enforce_file_format=True)
    file = received(tmp_path / "odd.dcm", tmp_path, header("1.2.3.1", "1.2", 1))
    series, unreadable = read_study([file], tmp_path)
    assert series == ()
    assert unreadable[0].detail == "a header without a SOP class or instance"


@pytest.mark.filterwarnings("ignore")  # the phantom is written wrong on purpose
def test_odd_values_of_a_patient_do_not_reach_the_log(tmp_path, caplog, recwarn):
    slices = Phantom().slices()
    for ds in slices:
        ds.add_new("SeriesDescription", "LO", "PHI^SENTINEL " * 9)
        ds.add_new("InstanceNumber", "IS", "1")
        ds["InstanceNumber"]._value = "PHI^SENTINEL"
        ds.add_new("SOPClassUID", "UI", "1.2.840.10008.5.1.4.1.1.4")
    files = store(slices, tmp_path)
    caplog.clear()
    recwarn.clear()
    read_study(files, tmp_path)
    assert caplog.text == ""
    assert not list(recwarn)


def test_an_empty_study_has_no_series(tmp_path):
    assert read_study([], tmp_path) == ((), ())


def test_a_missing_role_cannot_be_chosen(tmp_path):
    series = study(tmp_path, Phantom(attributes=T2))
    with pytest.raises(CannotAssess) as refusal:
        choose(series, Role.FLAIR)
    assert (refusal.value.why, refusal.value.detail) == (Why.SERIES_MISSING, "no FLAIR series")


WHOLE = Phantom(shape=(10, 8, 6), step_mm=15.0)


def test_a_flair_before_contrast_is_better_than_a_finer_one_after(tmp_path):
    after = Phantom(
        uid="1.2.3.2", shape=(20, 8, 6), step_mm=7.5, attributes={**FLAIR, "ContrastBolusAgent": "GADOTERATE"}
    )
    assert chosen(tmp_path, after, WHOLE) == "1.2.3.1"


def test_a_whole_brain_after_contrast_is_better_than_a_part_before(tmp_path):
    part = Phantom(uid="1.2.3.2", step_mm=5.0)
    after = WHOLE.but(attributes={**FLAIR, "ContrastBolusAgent": "GADOTERATE"})
    assert chosen(tmp_path, part, after) == "1.2.3.1"


def test_more_of_the_brain_is_better_than_finer_slices(tmp_path):
    assert chosen(tmp_path, Phantom(uid="1.2.3.2", shape=(20, 8, 6), step_mm=5.5), WHOLE) == "1.2.3.1"


def test_of_whole_brains_the_finer_is_better(tmp_path):
    fine = Phantom(SAGITTAL, (1.0, 1.0), 10.0, uid="1.2.3.0", shape=(15, 8, 6))
    assert chosen(tmp_path, WHOLE, fine) == "1.2.3.0"


def test_an_original_is_better_than_a_derived_one(tmp_path):
    derived = WHOLE.but(
        uid="1.2.3.2", spacing=(1.0, 1.0), attributes={**FLAIR, "ImageType": ["DERIVED", "SECONDARY"]}
    )
    assert chosen(tmp_path, derived, WHOLE) == "1.2.3.1"


def test_a_whole_stack_is_better_than_one_with_a_gap(tmp_path):
    broken = Phantom(uid="1.2.3.2", shape=(20, 8, 6), step_mm=7.5).slices()
    del broken[7]
    files = [*store(broken, tmp_path), *store(WHOLE.slices(), tmp_path)]
    series, _ = read_study(files, tmp_path)
    assert choose(series, Role.FLAIR).series_instance_uid == "1.2.3.1"


def test_of_equals_the_repeat_is_chosen(tmp_path):
    repeat = WHOLE.but(uid="1.2.3.0", attributes={**FLAIR, "SeriesNumber": 9})
    assert chosen(tmp_path, WHOLE, repeat) == "1.2.3.0"
