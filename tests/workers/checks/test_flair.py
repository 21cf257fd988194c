from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Measured, NotAssessed, Quantity, Why
from tests.workers.imaging.heads import flat_anatomy, scans_of
from workers.checks import flair
from workers.checks.check import Inputs
from workers.models.card import Engine, ModelRefused
from workers.models.store import shipped


def values(result):
    return {(f.quantity, f.region, f.side): f.value for f in result.findings if isinstance(f, Measured)}


def bump(regions, gain, radius_mm=13.0):
    """Gain in a ball around the middle of each region, smooth at its edge."""
    _, anatomy = flat_anatomy()
    grid = np.indices(anatomy.parts.shape)
    field = np.ones(anatomy.parts.shape, dtype=np.float32)
    for region, side in regions:
        inside = anatomy.region(region, side) & (anatomy.depth_mm > 5)
        points = np.argwhere(inside)
        centre = points[np.argmin(((points - points.mean(axis=0)) ** 2).sum(axis=1))]
        away = 2 * np.sqrt(((grid - centre[:, None, None, None]) ** 2).sum(axis=0))
        field = np.maximum(field, 1 + (gain - 1) * np.clip((radius_mm - away) / 4, 0, 1))
    return ndimage.gaussian_filter(field, 0.5)


PRES = [(Region.PARIETAL, Side.LEFT), (Region.PARIETAL, Side.RIGHT), (Region.OCCIPITAL, Side.LEFT), (Region.OCCIPITAL, Side.RIGHT)]  # fmt: skip


@cache
def posterior(gain):
    """What is found of a PRES-type pattern."""
    return flair.measure(scans_of(*flat_anatomy(bump(PRES, gain))))


@pytest.fixture(scope="module")
def healthy():
    return flair.measure(scans_of(*flat_anatomy()))


def test_healthy_brain_shows_next_to_nothing(healthy):
    found = values(healthy)
    assert found[Quantity.FLAIR_VOLUME, Region.BRAIN, Side.WHOLE] < 0.5
    assert found[Quantity.FLAIR_VOLUME, Region.PARIETO_OCCIPITAL, Side.LEFT] < 0.2


def test_every_region_and_side_is_measured_in_the_unit_of_the_rules(healthy):
    for finding in healthy.findings:
        assert finding.unit is UNITS[finding.quantity]
    sides = {(f.region, f.side) for f in healthy.findings if f.quantity is Quantity.FLAIR_VOLUME}
    assert {
        (Region.THALAMUS, Side.LEFT),
        (Region.THALAMUS, Side.RIGHT),
        (Region.THALAMUS, Side.WHOLE),
    } <= sides
    assert (Region.PONS, Side.MIDLINE) in sides
    assert (Region.BRAIN, Side.WHOLE) in sides


@pytest.mark.parametrize("gain", [1.35, 1.6])
def test_posterior_hyperintensity_is_found_on_both_sides(gain):
    found = values(posterior(gain))
    for side in (Side.LEFT, Side.RIGHT):
        assert found[Quantity.FLAIR_VOLUME, Region.PARIETO_OCCIPITAL, side] > 3
        assert found[Quantity.FLAIR_RATIO, Region.PARIETO_OCCIPITAL, side] > 1.15
    assert abs(found[Quantity.FLAIR_LATERALITY, Region.PARIETO_OCCIPITAL, Side.WHOLE]) < 0.3
    assert found[Quantity.FLAIR_CORTICAL_SHARE, Region.BRAIN, Side.WHOLE] > 70


def test_stronger_signal_never_shrinks_the_lesion():
    volumes = [
        values(posterior(gain))[Quantity.FLAIR_VOLUME, Region.BRAIN, Side.WHOLE] for gain in (1.2, 1.35, 1.6)
    ]
    assert volumes == sorted(volumes)


def test_a_lesion_of_one_side_is_lateral():
    one_sided = bump([(Region.PARIETAL, Side.LEFT)], 1.6)
    found = values(flair.measure(scans_of(*flat_anatomy(one_sided))))
    assert found[Quantity.FLAIR_LATERALITY, Region.PARIETO_OCCIPITAL, Side.WHOLE] > 0.9
    assert found[Quantity.FLAIR_VOLUME, Region.PARIETO_OCCIPITAL, Side.RIGHT] < 0.2


def test_a_few_bright_voxels_have_no_side():
    tiny = bump([(Region.PARIETAL, Side.LEFT)], 1.8, radius_mm=5.0)
    found = values(flair.measure(scans_of(*flat_anatomy(tiny))))
    assert 0 < found[Quantity.FLAIR_VOLUME, Region.PARIETO_OCCIPITAL, Side.WHOLE] < 0.5
    assert (Quantity.FLAIR_LATERALITY, Region.PARIETO_OCCIPITAL, Side.WHOLE) not in found


def test_a_faint_but_large_oedema_is_found():
    faint = flair.measure(scans_of(*flat_anatomy(bump(PRES, 1.18, radius_mm=18.0), noise=0.08)))
    for side in (Side.LEFT, Side.RIGHT):
        assert values(faint)[Quantity.FLAIR_VOLUME, Region.PARIETO_OCCIPITAL, side] > 3


@pytest.mark.parametrize("region", [Region.THALAMUS, Region.PONS])
def test_a_lesion_that_fills_a_deep_region_does_not_become_its_normal(region):
    _, anatomy = flat_anatomy()
    field = 1 + 0.25 * ndimage.gaussian_filter(anatomy.region(region).astype(np.float32), 1.0)
    found = values(flair.measure(scans_of(*flat_anatomy(field))))
    side = Side.WHOLE if region is Region.THALAMUS else Side.MIDLINE
    assert found[Quantity.FLAIR_FRACTION, region, side] > 40


def test_a_hindbrain_lit_by_the_receive_field_is_no_lesion():
    _, anatomy = flat_anatomy()
    hind = anatomy.region(Region.BRAINSTEM) | anatomy.region(Region.CEREBELLUM)
    field = 1 + 0.06 * ndimage.gaussian_filter(hind.astype(np.float32), 2.0)
    found = values(flair.measure(scans_of(*flat_anatomy(field))))
    for region in (Region.PONS, Region.MIDBRAIN):
        assert found[Quantity.FLAIR_VOLUME, region, Side.MIDLINE] < 0.5


@pytest.mark.parametrize("region", [Region.INSULA, Region.CINGULATE])
def test_a_faint_lesion_of_a_thin_limbic_sheet_is_found(region):
    _, anatomy = flat_anatomy()
    field = 1 + 0.2 * ndimage.gaussian_filter(anatomy.region(region).astype(np.float32), 1.0)
    found = values(flair.measure(scans_of(*flat_anatomy(field))))
    for side in (Side.LEFT, Side.RIGHT):
        assert found[Quantity.FLAIR_VOLUME, region, side] > 1


def test_a_confluent_lesion_of_both_hemispheres_does_not_become_normal():
    _, anatomy = flat_anatomy()
    wide = anatomy.region(Region.PARIETO_OCCIPITAL) | (anatomy.region(Region.FRONTAL) & (anatomy.parts > 0))
    wide &= np.arange(anatomy.parts.shape[0])[:, None, None] > 45
    field = 1 + 0.5 * ndimage.gaussian_filter(wide.astype(np.float32), 1.0)
    found = values(flair.measure(scans_of(*flat_anatomy(field))))
    assert found[Quantity.FLAIR_FRACTION, Region.PARIETO_OCCIPITAL, Side.WHOLE] > 40


def test_nothing_bright_has_no_ratio_rather_than_an_invented_one(healthy):
    found = values(healthy)
    silent = [place for (q, *place), value in found.items() if q is Quantity.FLAIR_VOLUME and value == 0]
    assert silent
    assert all((Quantity.FLAIR_RATIO, *place) not in found for place in silent)


def test_key_slices_are_those_with_most_of_it():
    volume, anatomy = flat_anatomy(bump([(Region.PARIETAL, Side.LEFT)], 1.6))
    result = flair.measure(scans_of(volume, anatomy))
    finding = next(f for f in result.findings if f.region is Region.PARIETAL and f.side is Side.LEFT)
    areas = (result.mask & anatomy.region(Region.PARIETAL, Side.LEFT)).sum(axis=(1, 2))
    assert finding.evidence.sop_instance_uids[0] == volume.sop_instance_uids[int(np.argmax(areas))]
    assert len(finding.evidence.sop_instance_uids) == 3
    assert finding.evidence.check == "flair_hyperintensity 15 flair_network 1"


def test_a_region_outside_the_slices_is_not_assessed():
    volume, anatomy = flat_anatomy()
    cut = replace(anatomy, covered={**anatomy.covered, Region.MEDULLA: 0.4})
    found = [f for f in flair.measure(scans_of(volume, cut)).findings if f.region is Region.MEDULLA]
    assert found
    assert all(isinstance(f, NotAssessed) and f.why is Why.COVERAGE for f in found)


def test_not_assessed_names_what_would_have_been_measured(healthy):
    silent = flair.silence(Why.SERIES_MISSING, "no FLAIR series")
    named = {(f.quantity, f.region, f.side) for f in silent}
    sure = {Quantity.FLAIR_VOLUME, Quantity.FLAIR_FRACTION}
    measured = {(f.quantity, f.region, f.side) for f in healthy.findings if f.quantity in sure}
    assert measured <= named


@cache
def two_balls():
    return flair.measure(scans_of(*flat_anatomy(bump([(Region.CENTRUM_SEMIOVALE, Side.LEFT), (Region.THALAMUS, Side.RIGHT)], 1.7, radius_mm=8.0))))  # fmt: skip


def test_each_area_becomes_a_lesion_with_its_place_and_size():
    result = two_balls()
    lesions = [one for one in result.lesions if one.volume_ml > 0.5]
    assert {(one.region, one.side) for one in lesions} == {
        (Region.CENTRUM_SEMIOVALE, Side.LEFT),
        (Region.THALAMUS, Side.RIGHT),
    }
    for lesion in lesions:
        assert 10 < lesion.longest_mm < 26
        assert dict(lesion.values)[Quantity.FLAIR_RATIO] > 1.2
    assert [one.volume_ml for one in result.lesions] == sorted(
        (one.volume_ml for one in result.lesions), reverse=True
    )
    left, right = (next(one for one in lesions if one.side is side) for side in (Side.LEFT, Side.RIGHT))
    assert left.centre_mm[0] > right.centre_mm[0]


def test_foci_are_counted_where_their_centre_lies():
    found = values(two_balls())
    assert found[Quantity.FLAIR_FOCI, Region.THALAMUS, Side.RIGHT] == 1
    assert found[Quantity.FLAIR_FOCI, Region.THALAMUS, Side.LEFT] == 0
    assert found[Quantity.FLAIR_FOCI, Region.BRAIN, Side.WHOLE] >= 2


def every_fourth_slice(volume, anatomy):
    """The same brain in slices 8 mm apart."""
    cut = {
        name: getattr(anatomy, name)[::4]
        for name in ("brain", "corrected", "parts", "is_left", "grey", "white", "depth_mm")
    }
    affine = volume.affine.copy()
    affine[:3, 2] *= 4
    thick = replace(
        volume, array=volume.array[::4], affine=affine, sop_instance_uids=volume.sop_instance_uids[::4]
    )
    return thick, replace(anatomy, template_mm=anatomy.template_mm[:, ::4], **cut)


def test_foci_between_slices_that_lie_far_apart_are_an_open_question():
    found = flair.measure(scans_of(*every_fourth_slice(*flat_anatomy()))).findings
    foci = [one for one in found if one.quantity is Quantity.FLAIR_FOCI]
    assert foci
    assert all(isinstance(one, NotAssessed) and one.why is Why.QUALITY for one in foci)
    assert all("8.0 mm apart" in one.detail for one in foci)
    assert any(isinstance(one, Measured) and one.quantity is Quantity.FLAIR_VOLUME for one in found)


def test_several_foci_are_told_however_far_the_slices_lie_apart():
    _, anatomy = flat_anatomy()
    places = np.argwhere(anatomy.region(Region.CENTRUM_SEMIOVALE, Side.LEFT) & (anatomy.depth_mm > 6))
    k = 4 * round(float(np.median(places[:, 0])) / 4)
    plane = places[places[:, 0] == k]
    field = np.ones(anatomy.brain.shape, dtype=np.float32)
    for _, j, i in plane[np.argsort(plane[:, 1])][[0, len(plane) // 3, 2 * len(plane) // 3, -1]]:
        field[k, j - 1 : j + 2, i - 1 : i + 2] = 1.8
    found = values(flair.measure(scans_of(*every_fourth_slice(*flat_anatomy(field)))))
    assert found[Quantity.FLAIR_FOCI, Region.BRAIN, Side.WHOLE] >= 3


def test_of_the_callosal_body_dots_are_counted(monkeypatch):
    """Hearts would see none: nothing is bright there."""
    monkeypatch.setattr(flair, "count_dots", lambda *_: 5)
    found = values(flair.measure(scans_of(*every_fourth_slice(*flat_anatomy()))))
    assert found[Quantity.FLAIR_FOCI, Region.CALLOSAL_BODY, Side.MIDLINE] == 5


def test_faint_dots_that_the_t2_shows_too_are_counted(monkeypatch):
    def three(scan, _t2, found, _model):
        dots = np.zeros_like(found.mask)
        places = np.argwhere(scan.anatomy.region(Region.CALLOSAL_BODY))
        for n in (0, len(places) // 2, -1):
            dots[tuple(places[n])] = True
        return dots

    asked = []
    monkeypatch.setattr(flair, "witnessed", three)
    monkeypatch.setattr(flair, "foci_may_hide", lambda *_, has_witness: bool(asked.append(has_witness)))
    alone = scans_of(*every_fourth_slice(*flat_anatomy()))
    scan = alone.scans[Role.FLAIR]
    beside = Inputs({**alone.scans, Role.T2: replace(scan, volume=replace(scan.volume, role=Role.T2))})
    place = (Quantity.FLAIR_FOCI, Region.CALLOSAL_BODY, Side.MIDLINE)
    assert values(flair.measure(alone))[place] == 0
    assert not any(asked)
    assert (Quantity.FLAIR_CALLOSAL_SHARE, *place[1:]) not in values(flair.measure(alone)), (
        "no share of nothing"
    )
    found = values(flair.measure(beside))
    assert found[place] == 3
    assert found[Quantity.FLAIR_CALLOSAL_SHARE, *place[1:]] == 100
    assert sum(asked) == 1, "the T2 is asked about the callosal body alone"
    assert found[Quantity.FLAIR_VOLUME, Region.CALLOSAL_BODY, Side.MIDLINE] == 0, "too faint for a volume"


def test_volumes_say_how_sure_they_are():
    brain = next(
        f for f in two_balls().findings if f.quantity is Quantity.FLAIR_VOLUME and f.region is Region.BRAIN
    )
    assert 0.4 < brain.uncertainty / brain.value < 1.0


def refusing(engines):
    """The product's own models, some of them with weights that are missing."""

    def given(engine):
        if engine in engines:
            raise ModelRefused(f"{engine} 1: the weights model.onnx are missing")
        return shipped(engine)

    return given


def test_without_its_models_the_check_says_that_it_went_by_cuts(monkeypatch):
    monkeypatch.setattr(flair, "shipped", refusing({Engine.PLANES, Engine.VOXELS}))
    result = flair.measure(scans_of(*flat_anatomy(bump(PRES, 1.6))))
    assert values(result)[Quantity.FLAIR_VOLUME, Region.PARIETO_OCCIPITAL, Side.WHOLE] > 6
    assert all("by cuts, for planes 1: the weights" in f.evidence.check for f in result.findings)
    assert all("voxels 1: the weights" in f.evidence.check for f in result.findings)


def test_without_its_network_the_check_says_that_it_went_by_the_voxel_model(monkeypatch):
    monkeypatch.setattr(flair, "shipped", refusing({Engine.PLANES}))
    result = flair.measure(scans_of(*flat_anatomy(bump(PRES, 1.6))))
    assert values(result)[Quantity.FLAIR_VOLUME, Region.PARIETO_OCCIPITAL, Side.WHOLE] > 6
    said = "flair_hyperintensity 15 flair_lesion 1, for planes 1: the weights model.onnx are missing"
    assert {f.evidence.check for f in result.findings} == {said}
