"""The simulator's truth as the evaluation takes it."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from rules.anatomy import Region, Side
from rules.findings import Quantity
from tests.workers.evaluation.made_up import TRUTH_FILE, write_truth
from workers.evaluation.simulated_truth import read_simulated
from workers.evaluation.synthetic import names
from workers.evaluation.truth import TrueValue, Truth
from workers.simulation.suite import Half


@pytest.fixture
def read(tmp_path):
    def read(**changes):
        write_truth(tmp_path, **changes)
        return read_simulated(tmp_path)

    return read


def test_a_mask_has_a_file_and_what_is_known_to_be_empty_has_none(read, tmp_path):
    masks = {mask.kind: mask.path for mask in read().masks}
    assert masks == {"flair": str(tmp_path / "lesion.nii.gz"), "restricted": "", "enhancing": ""}
    assert read().brain == str(tmp_path / "brain.nii.gz")


def test_a_mask_on_another_series_is_no_flair_mask(read):
    masks = {"lesion": {**TRUTH_FILE["masks"]["lesion"], "role": "T2"}}
    assert "flair" not in {mask.kind for mask in read(masks=masks).masks}


def _true(truth):
    """What is true of the whole brain, by quantity."""
    return {one.quantity: one.value for one in truth.values if one.region is Region.BRAIN}


def test_counts_and_lengths_are_true_of_the_whole_brain(read):
    true = _true(read())
    assert true[Quantity.MICROBLEED_COUNT] == 4.0
    assert true[Quantity.MIDLINE_SHIFT] == 6.5  # the check tells no side
    assert true[Quantity.TONSIL_DESCENT] == 3.0


def test_what_the_series_cannot_show_has_no_truth(read):
    assert set(_true(read(missing_roles=["SWI", "T1C"]))) == {Quantity.MIDLINE_SHIFT, Quantity.TONSIL_DESCENT}


@pytest.mark.parametrize(
    ("kinds", "meninges", "brain"),
    [
        (["vasogenic"], 0.0, 0.0),
        (["enhancing_pia"], 7.0, 0.0),
        (["vasogenic", "enhancing", "enhancing_oedema"], 0.0, 7.0),
        (["enhancing", "enhancing_pia"], None, None),
    ],
)
def test_enhancement_is_of_brain_or_of_meninges(read, kinds, meninges, brain):
    masks = {"enhancing": {"file": "enhancing.nii.gz", "role": "T1C", "volume_ml": 7.0}}
    shown = masks if any(kind.startswith("enhancing") for kind in kinds) else {}
    true = _true(read(masks=shown, lesions=[{"kind": kind} for kind in kinds]))
    assert true.get(Quantity.SULCAL_ENHANCEMENT_VOLUME) == meninges
    assert true.get(Quantity.ENHANCING_VOLUME) == brain


def test_a_haematoma_has_its_volume_and_the_length_of_its_longest_part(read, tmp_path):
    blood = np.zeros((30, 30, 10), dtype=np.uint8)
    blood[2:22, 5, 5] = 1  # 20 voxels of 0.5 mm
    blood[25:27, 5, 5] = 1
    nib.save(nib.Nifti1Image(blood, np.diag([-0.5, -0.5, 3.0, 1.0])), tmp_path / "blood.nii.gz")
    true = _true(read(masks={"blood": {"file": "blood.nii.gz", "role": "SWI", "volume_ml": 0.0165}}))
    assert true[Quantity.HAEMORRHAGE_VOLUME] == 0.0165
    assert true[Quantity.HAEMORRHAGE_DIAMETER] == pytest.approx(10.0)
    none = _true(read())
    assert (none[Quantity.HAEMORRHAGE_VOLUME], none[Quantity.HAEMORRHAGE_DIAMETER]) == (0.0, 0.0)


def test_old_blood_within_a_lesion_leaves_the_haemorrhage_unknown(read):
    old = [{"kind": "haemosiderin"}] * 2
    assert Quantity.HAEMORRHAGE_VOLUME not in _true(read(lesions=old, microbleed_count=0))
    assert Quantity.HAEMORRHAGE_VOLUME in _true(read(lesions=old, microbleed_count=2))


def test_fluid_is_told_as_its_change_against_the_baseline(read, tmp_path):
    before = tmp_path / "before"
    write_truth(before, supraventricular_csf_ml=50.0)
    change = TrueValue(Quantity.CSF_CHANGE, Region.SULCI, Side.WHOLE, -60.0)
    assert change not in read().values
    assert change in read_simulated(tmp_path, before).values


def test_a_renewed_truth_keeps_what_only_the_old_one_knows():
    bleeds, shift = (
        TrueValue(quantity, Region.BRAIN, Side.WHOLE, 1.0)
        for quantity in (Quantity.MICROBLEED_COUNT, Quantity.MIDLINE_SHIFT)
    )
    volume = TrueValue(Quantity.FLAIR_VOLUME, Region.PONS, Side.MIDLINE, 2.0)
    old = Truth(
        ("R03",), values=(replace(bleeds, value=9.0), volume), strata=(("case", "pres"), ("by", "us"))
    )
    found = old.renewed(Truth(("R07",), values=(bleeds, shift), strata=(("case", "bleeds"),)))
    assert found == Truth(("R07",), values=(bleeds, shift, volume), strata=(("case", "bleeds"), ("by", "us")))


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
