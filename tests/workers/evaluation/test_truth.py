"""The simulator's truth as the evaluation takes it."""

import pytest
import yaml

from rules.findings import Quantity
from workers.evaluation.synthetic import names
from workers.evaluation.truth import read_simulated
from workers.simulation.suite import Half

_PLAIN = {
    "case": "pres",
    "vendor": "ge",
    "body": "head",
    "brain_mask": "brain.nii.gz",
    "conditions": {"snr": 0.8, "thickness_mm": 5.0, "movement": 1.5},
    "expected_rules": ["R03"],
    "tolerated_rules": ["R10"],
    "missing_roles": [],
    "microbleed_count": 4,
    "masks": {"lesion": {"file": "lesion.nii.gz", "role": "FLAIR", "volume_ml": 12.5}},
}


@pytest.fixture
def read(tmp_path):
    def read(**changes):
        (tmp_path / "truth.yaml").write_text(yaml.safe_dump({**_PLAIN, **changes}))
        return read_simulated(tmp_path)

    return read


def test_a_mask_has_a_file_and_what_is_known_to_be_empty_has_none(read, tmp_path):
    masks = {mask.kind: mask.path for mask in read().masks}
    assert masks == {"flair": str(tmp_path / "lesion.nii.gz"), "restricted": "", "enhancing": ""}
    assert read().brain == str(tmp_path / "brain.nii.gz")


def test_a_mask_on_another_series_is_no_flair_mask(read):
    masks = {"lesion": {**_PLAIN["masks"]["lesion"], "role": "T2"}}
    assert "flair" not in {mask.kind for mask in read(masks=masks).masks}


def test_the_count_of_microbleeds_is_true_of_the_whole_brain(read):
    (value,) = read().values
    assert (value.quantity, value.value) == (Quantity.MICROBLEED_COUNT, 4.0)


def test_nothing_is_true_of_the_brain_of_a_knee(read):
    truth = read(body="limb", expected_rules=[], tolerated_rules=[])
    assert (truth.values, truth.masks, truth.brain, truth.is_unremarkable) == ((), (), "", True)


def test_a_tolerated_rule_is_a_remark(read):
    assert not read(expected_rules=[]).is_unremarkable
    assert read(expected_rules=[], tolerated_rules=[]).is_unremarkable


def test_the_halves_share_no_study():
    tuning, reporting = (names(half) for half in Half)
    assert len(tuning) + len(reporting) >= 400
    assert not {*tuning} & {*reporting}
    assert len({*tuning}) == len(tuning)


def test_an_offset_may_not_reach_the_reporting_half():
    assert names(Half.TUNING, 500)[0].endswith("+seed500")
    with pytest.raises(ValueError, match="reporting half"):
        names(Half.TUNING, 9000)
