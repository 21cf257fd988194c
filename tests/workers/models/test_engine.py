from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from rules.anatomy import Region, Role, Side
from rules.findings import Measured, Quantity, Why
from tests.workers.imaging.heads import flat_anatomy, scans_of
from tests.workers.models.models import above, endless, flat, greedy, installed_model
from workers.checks.check import Inputs
from workers.checks.flair import CHECK, check_with
from workers.errors import CannotAssess
from workers.imaging.scan import Scan
from workers.models.card import Card, read_card
from workers.models.engine import probability_on, within_labels, within_mask


@cache
def ball() -> tuple[Inputs, np.ndarray]:
    """A brain with one bright ball on the left, and where that is."""
    _, anatomy = flat_anatomy()
    places = np.argwhere(anatomy.region(Region.CENTRUM_SEMIOVALE, Side.LEFT))
    centre = places[len(places) // 2]
    inside = (
        2 * np.sqrt(sum((n - c) ** 2 for n, c in zip(np.indices(anatomy.brain.shape), centre, strict=True)))
        < 8
    )
    return scans_of(*flat_anatomy(1 + 0.8 * ndimage.gaussian_filter(inside.astype(np.float32), 0.4))), inside


def flair_scan() -> Scan:
    return ball()[0].scans[Role.FLAIR]


def model(folder, proto, **changes) -> Card:
    return read_card(installed_model(folder, proto, **changes))


@pytest.mark.parametrize("orientation", ["LPS", "RAS"])
@pytest.mark.parametrize("spacing_mm", [[2, 2, 2], [1.5, 2, 2.5]])
def test_the_answer_lies_where_the_lesion_lies(tmp_path, orientation, spacing_mm):
    wanted = {
        "role": "FLAIR",
        "spacing_mm": spacing_mm,
        "orientation": orientation,
        "normalisation": "white_matter",
    }
    found = probability_on(model(tmp_path / "bright", above(1.45), input=wanted), flair_scan()) >= 0.5
    _, inside = ball()
    assert 2 * (found & inside).sum() / (found.sum() + inside.sum()) > 0.85


def test_a_model_of_fixed_size_sees_the_brain_in_the_middle(tmp_path):
    wanted = {"role": "FLAIR", "spacing_mm": [2, 2, 2], "orientation": "LPS", "normalisation": "unit_range",
              "size": [112, 128, 112]}  # fmt: skip
    found = probability_on(model(tmp_path / "bright", above(0.85), input=wanted), flair_scan())
    assert found[ball()[1]].mean() > 0.8


def test_a_lesion_engine_takes_the_place_of_the_products_model(tmp_path):
    installed_model(tmp_path / "bright", above(1.45))
    check = check_with(tmp_path)
    result = check.measure(ball()[0])
    assert "bright 7" in check.version
    assert check.version != CHECK.version
    volume = next(
        f for f in result.findings if f.quantity is Quantity.FLAIR_VOLUME and f.region is Region.BRAIN
    )
    assert isinstance(volume, Measured)
    assert volume.evidence.check.endswith("bright 7")
    assert volume.value == pytest.approx(ball()[1].sum() * 8 / 1000, rel=0.25)


def test_a_mask_engine_bounds_the_brain(tmp_path):
    card = model(tmp_path / "tissue", above(0.8), engine="mask")
    scan = flair_scan()
    masked = within_mask(card, scan)
    assert 0.5 < masked.anatomy.brain.sum() / scan.anatomy.brain.sum() < 1
    assert not (masked.anatomy.brain & ~scan.anatomy.brain).any()
    assert (masked.anatomy.depth_mm[masked.anatomy.brain] > 0).all()


def test_an_empty_mask_cannot_be_assessed(tmp_path):
    with pytest.raises(CannotAssess) as refused:
        within_mask(model(tmp_path / "nothing", above(9.0), engine="mask"), flair_scan())
    assert refused.value.why is Why.ANATOMY


BRIGHT_IS = {"engine": "label", "output": {"classes": ["background", "thalamus"]}}


def test_a_label_engine_moves_a_region(tmp_path):
    scan, (_, inside) = flair_scan(), ball()
    before = scan.anatomy
    after = within_labels(model(tmp_path / "regions", above(1.45), **BRIGHT_IS), scan).anatomy
    thalamus = after.region(Region.THALAMUS)
    assert 2 * (thalamus & inside).sum() / (thalamus.sum() + inside.sum()) > 0.85
    assert np.array_equal(after.parts > 0, before.parts > 0)
    gone = before.region(Region.THALAMUS) & ~thalamus
    assert gone.any()
    assert after.region(Region.BRAIN)[gone].mean() > 0.8  # the rest borders on fluid
    untouched = ~before.region(Region.THALAMUS) & ~thalamus
    assert np.array_equal(after.parts[untouched], before.parts[untouched])


def test_findings_follow_the_regions_of_a_label_engine(tmp_path):
    installed_model(tmp_path / "regions", above(1.45), **BRIGHT_IS)
    installed_model(tmp_path / "bright", above(1.45))
    result = check_with(tmp_path).measure(ball()[0])
    volumes = {(f.region, f.side): f for f in result.findings if f.quantity is Quantity.FLAIR_VOLUME}
    of_thalamus = volumes[Region.THALAMUS, Side.LEFT]
    assert isinstance(of_thalamus, Measured)
    assert of_thalamus.value == pytest.approx(ball()[1].sum() * 8 / 1000, rel=0.25)
    assert "regions 7" in of_thalamus.evidence.check


def test_a_label_engine_that_misses_its_region_cannot_be_assessed(tmp_path):
    with pytest.raises(CannotAssess, match="found no thalamus") as refused:
        within_labels(model(tmp_path / "blind", above(9.0), **BRIGHT_IS), flair_scan())
    assert refused.value.why is Why.ANATOMY


@pytest.mark.parametrize(
    ("proto", "limit_s", "why"),
    [(endless, 3.0, Why.TIMEOUT), (greedy, 60.0, Why.CRASH), (flat, 60.0, Why.CRASH)],
)
def test_a_model_that_fails_is_stopped_and_named(tmp_path, proto, limit_s, why):
    with pytest.raises(CannotAssess) as refused:
        probability_on(model(tmp_path / "broken", proto()), flair_scan(), limit_s)
    assert refused.value.why is why
    assert "broken 7" in refused.value.detail


def test_weights_that_change_after_start_are_refused(tmp_path):
    card = model(tmp_path / "bright", above(1.45))
    with pytest.raises(CannotAssess, match="other weights"):
        probability_on(replace(card, sha256="0" * 64), flair_scan())


def test_the_same_scan_gives_the_same_answer(tmp_path):
    card = model(tmp_path / "bright", above(1.45))
    assert np.array_equal(probability_on(card, flair_scan()), probability_on(card, flair_scan()))
