"""Manifests of folder suites."""

import pytest

from workers.evaluation.insertion import RECIPES
from workers.evaluation.manifest import ManifestError, read_manifest


@pytest.fixture
def home(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "lesion.nii.gz").write_bytes(b"")
    return tmp_path


def _written(home, name: str, text: str):
    path = home / name
    path.write_text(text)
    return path


def test_yaml_and_csv_say_the_same(home):
    text = "- {folder: one, present: [R03, R10], flair_mask: lesion.nii.gz, group: PRES}\n- folder: two\n"
    table = "folder,present,flair_mask,group\none,R03 R10,lesion.nii.gz,PRES\ntwo,,,\n"
    from_yaml = read_manifest(_written(home, "a.yaml", text))
    assert from_yaml == read_manifest(_written(home, "a.csv", table))
    first, second = from_yaml
    assert first.name == "one"
    assert first.folder == str(home / "one")
    assert first.truth.present == ("R03", "R10")
    assert first.truth.masks[0].path == str(home / "lesion.nii.gz")
    assert first.truth.strata == (("case", "PRES"),)
    assert second.truth.is_unremarkable
    assert second.truth.masks == ()


def test_lesions_are_inserted_into_negatives_only(home):
    path = _written(home, "a.yaml", "- {folder: one, present: [R03]}\n- folder: two\n")
    names = [study.name for study in read_manifest(path, with_inserted=True)]
    assert names == ["one", "two", *(f"two+{recipe}" for recipe in RECIPES)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {folder: one, patern: R03}", "row 1: unknown patern"),
        ("- folder: three", "row 1: folder does not exist"),
        ("- folder: one\n- {folder: two, flair_mask: none.nii}", "row 2: flair_mask does not exist"),
        ("- present: [R03]", "row 1: no folder"),
        ("- folder: one\n- folder: one", "given twice: one"),
        ("- {folder: one, name: ../one}", "row 1: a name has letters"),
        ("folder: one", "expected a list"),
        ("- [", "not YAML"),
    ],
)
def test_a_mistake_is_named_with_its_row(home, text, words):
    with pytest.raises(ManifestError, match=words):
        read_manifest(_written(home, "a.yaml", text))
