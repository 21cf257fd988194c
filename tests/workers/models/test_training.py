import numpy as np
import pytest

from rules.anatomy import Role
from tests.workers.imaging.heads import flat_anatomy, scans_of
from workers.checks.voxel_features import FEATURES
from workers.models.card import read_card
from workers.models.training.fit import fit, write
from workers.models.training.heads import MAX_SEED, TrainingHead, synthetic_head
from workers.models.training.lesions import LoadPlan, add_lesions
from workers.models.training.rows import rows_of
from workers.models.voxels import probabilities


@pytest.fixture(scope="module")
def head():
    volume, anatomy = flat_anatomy()
    scan = scans_of(volume, anatomy).scans[Role.FLAIR]
    nothing = np.zeros(anatomy.brain.shape)
    return TrainingHead(scan, nothing.astype(np.float32), nothing > 0)


def test_lesions_put_in_are_brighter_than_what_was_there(head):
    anatomy = head.scan.anatomy
    plan = LoadPlan(12, 1, (1.5, 1.8))
    signal, share = add_lesions(anatomy, head.scan.volume.spacing_mm, plan, np.random.default_rng(1))
    inside = share >= 0.5
    assert inside.sum() > 50
    assert (signal[inside] > anatomy.corrected[inside]).all()
    assert np.array_equal(signal[share == 0], anatomy.corrected[share == 0])


def test_seeds_kept_for_reporting_are_refused():
    with pytest.raises(ValueError, match="kept for reporting"):
        synthetic_head(MAX_SEED)


def test_a_small_training_gives_the_same_model_twice_and_its_export_agrees(head, tmp_path):
    rows = [one for variant in (1, 3) if (one := rows_of(head, 5, variant))]
    assert any(one.is_lesion.any() for one in rows)
    first, second = (fit(rows, trees=6) for _ in range(2))
    values = np.concatenate([one.values for one in rows])
    write(first, tmp_path)
    card = read_card(tmp_path / "card.yaml")
    assert card.features == FEATURES
    assert np.allclose(probabilities(card, values), first.predict_proba(values)[:, 1], atol=1e-6)
    assert np.array_equal(first.predict_proba(values), second.predict_proba(values))


def test_every_scan_weighs_the_same(head):
    totals = [one.weight.sum() for variant in (1, 2) if (one := rows_of(head, 5, variant))]
    assert totals == pytest.approx([1.0] * len(totals), rel=1e-4)
