from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Measured, NotAssessed, Quantity, Why
from rules.measures import Measure
from rules.policy import load
from tests.workers.imaging.heads import flat_anatomy
from workers.checks import diffusion
from workers.checks.check import Inputs, Lack
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.imaging.cuts import measuring_by
from workers.imaging.motion import at_rest
from workers.imaging.scan import Scan

WHITE, GREY, FLUID = 740.0, 880.0, 3000.0
VOXEL_ML = 0.016
"""The phantom has voxels of 2 x 2 x 4 mm."""


def thick_slices():
    """Every other slice of the plain brain."""
    volume, anatomy = flat_anatomy(noise=0.0)
    fields = ("brain", "corrected", "parts", "is_left", "grey", "white", "depth_mm")
    thick = {name: getattr(anatomy, name)[::2] for name in fields}
    affine = volume.affine @ np.diag([1.0, 1.0, 2.0, 1.0])
    uids = volume.sop_instance_uids[::2]
    return (
        replace(volume, array=volume.array[::2], affine=affine, sop_instance_uids=uids),
        replace(anatomy, template_mm=anatomy.template_mm[:, ::2], **thick),
    )


PLAIN_VOLUME, PLAIN_BRAIN = thick_slices()


def ball(at_mm, radius_mm):
    """(k, j, i) share of each voxel within a ball around a place in MNI mm, soft at its edge, inside the brain."""
    x, y, z = PLAIN_BRAIN.template_mm.astype(np.float32)
    away = np.sqrt((x - at_mm[0]) ** 2 + (y - at_mm[1]) ** 2 + (z - at_mm[2]) ** 2)
    return np.where(PLAIN_BRAIN.brain, np.clip((radius_mm - away) / 2 + 0.5, 0, 1), 0)


def inputs_of(*lesions, noise=0.03, flair=None, found=None, adc_noise=30.0) -> Inputs:
    """A brain with lesions (share, DWI gain, ADC) on DWI and ADC; flair : gain of the FLAIR, which is left out if None."""
    rng = np.random.default_rng(3)
    anatomy = PLAIN_BRAIN
    grey, white = anatomy.grey.astype(np.float32), anatomy.white.astype(np.float32)
    fluid = np.clip(1 - grey - white, 0, 1)
    signal, adc = white + 1.16 * grey + 0.35 * fluid, WHITE * white + GREY * grey + FLUID * fluid
    for share, gain, own in lesions:
        signal, adc = signal * (1 + (gain - 1) * share), adc * (1 - share) + own * share
    signal = signal + rng.normal(0, noise, signal.shape)
    adc = np.where(anatomy.brain, adc + rng.normal(0, adc_noise, adc.shape), 0)
    scans = {Role.DWI: scan(signal, Role.DWI, "1.2.5"), Role.ADC: scan(adc, Role.ADC, "1.2.6")}
    if flair is not None:
        scans[Role.FLAIR] = scan((white + 1.1 * grey + 0.2 * fluid) * flair, Role.FLAIR, "1.2.7")
    return Inputs(scans, found=found or {})


def scan(array, role, uid) -> Scan:
    array = array.astype(np.float32)
    volume = replace(PLAIN_VOLUME, array=array, role=role, series_instance_uid=uid, b_value=1000.0)
    return Scan(volume, replace(PLAIN_BRAIN, corrected=np.where(PLAIN_BRAIN.brain, array, 0)), at_rest())


def values(result):
    return {(f.quantity, f.region, f.side): f.value for f in result.findings if isinstance(f, Measured)}


def volume(found, region, side=Side.WHOLE):
    return found[Quantity.RESTRICTED_VOLUME, region, side]


def ml(share):
    return float((share >= 0.5).sum()) * VOXEL_ML


@pytest.fixture(scope="module")
def healthy():
    return diffusion.measure(inputs_of())


SPLENIAL, FRONTAL_RIGHT = (0, -38, 15), (30, 25, 28)
CEREBELLAR = ((22, -62, -34), (-24, -60, -36))


def test_a_healthy_brain_shows_no_restriction(healthy):
    found = values(healthy)
    assert volume(found, Region.BRAIN) == 0
    assert found[Quantity.RESTRICTED_FOCI, Region.BRAIN, Side.WHOLE] == 0
    assert found[Quantity.SHINE_THROUGH_VOLUME, Region.BRAIN, Side.WHOLE] == 0
    assert found[Quantity.ADC_MEDIAN, Region.BRAIN, Side.WHOLE] == pytest.approx(WHITE, abs=15)
    assert healthy.lesions == ()
    assert not healthy.mask.any()


def test_every_region_and_side_is_measured_in_the_unit_of_the_rules(healthy):
    for finding in healthy.findings:
        if isinstance(finding, Measured):
            assert finding.unit is UNITS[finding.quantity]
    found = values(healthy)
    assert {
        (Quantity.RESTRICTED_VOLUME, Region.OCCIPITAL, side) for side in (Side.LEFT, Side.RIGHT, Side.WHOLE)
    } <= set(found)
    assert (Quantity.RESTRICTED_VOLUME, Region.SPLENIUM, Side.MIDLINE) in found
    assert not any(region is Region.VENTRICLES for _, region, _ in found)


@pytest.mark.parametrize("radius_mm", [4.0, 7.0, 14.0])
@pytest.mark.parametrize("adc", [350.0, 480.0])
def test_the_volume_and_adc_of_a_restricted_area_are_told(radius_mm, adc):
    share = ball(FRONTAL_RIGHT, radius_mm)
    result = diffusion.measure(inputs_of((share, 1.8, adc)))
    found = values(result)
    assert volume(found, Region.BRAIN) == pytest.approx(ml(share), rel=0.2)
    assert volume(found, Region.FRONTAL, Side.LEFT) == 0
    assert found[Quantity.RESTRICTED_ADC, Region.BRAIN, Side.WHOLE] == pytest.approx(adc, abs=90)
    assert found[Quantity.RESTRICTED_LARGEST, Region.BRAIN, Side.WHOLE] == pytest.approx(ml(share), rel=0.2)
    (lesion,) = result.lesions
    assert lesion.side is Side.RIGHT
    assert lesion.longest_mm == pytest.approx(2 * radius_mm, abs=4)
    assert lesion.centre_mm == pytest.approx((-30, -25, 28), abs=3)


def test_the_truth_lies_within_the_uncertainty():
    share = ball(FRONTAL_RIGHT, 10)
    result = diffusion.measure(inputs_of((share, 1.8, 420)))
    (told,) = (
        f for f in result.findings if f.quantity is Quantity.RESTRICTED_VOLUME and f.region is Region.BRAIN
    )
    assert 0 < told.uncertainty < 0.5 * told.value
    assert abs(told.value - ml(share)) <= told.uncertainty


@pytest.mark.parametrize("radius_mm", [3.5, 5.0])
def test_the_truth_of_small_blurred_areas_lies_within_the_uncertainty(radius_mm):
    """Blur and slices are as large as they are: nobody knows where such an area ends."""
    shares = [ball(place, radius_mm) for place in CEREBELLAR]
    blurred = [ndimage.gaussian_filter(share, (0.5, 0.9, 0.9)) for share in shares]
    result = diffusion.measure(inputs_of(*((share, 3.0, 350) for share in blurred)))
    (told,) = (
        f for f in result.findings if f.quantity is Quantity.RESTRICTED_VOLUME and f.region is Region.BRAIN
    )
    assert told.uncertainty >= 0.5 * told.value
    assert abs(told.value - sum(map(ml, shares))) <= told.uncertainty


def test_areas_of_both_sides_are_counted_and_not_lateral():
    left, right = ball((-40, -70, 20), 8), ball((40, -70, 20), 8)
    found = values(diffusion.measure(inputs_of((left, 1.8, 430), (right, 1.8, 430))))
    assert found[Quantity.RESTRICTED_FOCI, Region.BRAIN, Side.WHOLE] == 2
    assert abs(found[Quantity.RESTRICTED_LATERALITY, Region.BRAIN, Side.WHOLE]) < 0.15
    assert volume(found, Region.PARIETO_OCCIPITAL, Side.LEFT) > 0.5
    assert volume(found, Region.PARIETO_OCCIPITAL, Side.RIGHT) > 0.5


def test_an_area_of_one_side_is_lateral():
    found = values(diffusion.measure(inputs_of((ball((-40, -70, 20), 8), 1.8, 430))))
    assert found[Quantity.RESTRICTED_LATERALITY, Region.BRAIN, Side.WHOLE] == pytest.approx(1.0)


def test_an_area_that_only_reaches_across_the_midline_is_of_one_side():
    found = values(diffusion.measure(inputs_of((ball((9, -84, 8), 10.5), 1.8, 430))))
    assert volume(found, Region.OCCIPITAL, Side.RIGHT) > 1
    assert volume(found, Region.OCCIPITAL, Side.LEFT) == 0


def test_an_area_astride_the_midline_of_the_splenium_is_all_splenium():
    share = ball(SPLENIAL, 6)
    found = values(diffusion.measure(inputs_of((share, 1.8, 450))))
    assert volume(found, Region.SPLENIUM, Side.MIDLINE) == pytest.approx(volume(found, Region.BRAIN))
    assert volume(found, Region.SPLENIUM, Side.MIDLINE) > 0.5
    assert volume(found, Region.CINGULATE) == 0


def test_an_area_beside_the_midline_is_not_splenial():
    found = values(diffusion.measure(inputs_of((ball((13, -41, 17), 4), 1.8, 450))))
    assert volume(found, Region.BRAIN) > 0.1
    assert volume(found, Region.SPLENIUM, Side.MIDLINE) == 0


def test_punctate_areas_of_both_cerebellar_hemispheres_are_counted():
    foci = [(ball(at, 3.6), 1.9, 430.0) for at in CEREBELLAR]
    found = values(diffusion.measure(inputs_of(*foci)))
    assert found[Quantity.RESTRICTED_FOCI, Region.CEREBELLUM, Side.WHOLE] == 2
    assert volume(found, Region.CEREBELLUM, Side.LEFT) > 0.1
    assert volume(found, Region.CEREBELLUM, Side.RIGHT) > 0.1


def test_the_smallest_areas_are_left_out_but_for_the_splenium():
    tiny = values(diffusion.measure(inputs_of((ball(FRONTAL_RIGHT, 2.4), 1.9, 420))))
    splenial = values(diffusion.measure(inputs_of((ball(SPLENIAL, 2.6), 1.9, 420))))
    assert volume(tiny, Region.BRAIN) == 0
    assert 0.04 < volume(splenial, Region.SPLENIUM, Side.MIDLINE) < 0.12


def test_a_bright_area_without_low_adc_is_shine_through():
    share = ball(FRONTAL_RIGHT, 8)
    found = values(diffusion.measure(inputs_of((share, 1.5, 1100))))
    assert volume(found, Region.BRAIN) == 0
    assert found[Quantity.SHINE_THROUGH_VOLUME, Region.BRAIN, Side.WHOLE] == pytest.approx(ml(share), rel=0.4)


def test_shine_through_of_the_splenium_is_told_apart():
    found = values(diffusion.measure(inputs_of((ball(SPLENIAL, 6), 1.5, 900))))
    assert volume(found, Region.SPLENIUM, Side.MIDLINE) == 0
    assert found[Quantity.SHINE_THROUGH_VOLUME, Region.SPLENIUM, Side.MIDLINE] > 0.3


def test_a_low_adc_that_is_not_bright_is_no_restriction():
    found = values(diffusion.measure(inputs_of((ball(FRONTAL_RIGHT, 8), 1.0, 450))))
    assert volume(found, Region.BRAIN) == 0


def test_the_other_side_tells_where_the_cut_of_the_tissue_does_not():
    """650 is no low ADC of white matter, unless that of the other side is 840."""
    here, there = ball((28, 10, 32), 8), ball((-28, 10, 32), 10)
    low_here = inputs_of((here, 1.6, 650), (there, 1.0, 840), adc_noise=5.0)
    same = inputs_of((here, 1.6, 650), adc_noise=5.0)
    assert volume(values(diffusion.measure(low_here)), Region.BRAIN) > 2 * volume(
        values(diffusion.measure(same)), Region.BRAIN
    )


def test_a_brighter_area_is_never_smaller():
    share = ball(FRONTAL_RIGHT, 8)
    volumes = [
        volume(values(diffusion.measure(inputs_of((share, gain, 450)))), Region.BRAIN)
        for gain in (1.3, 1.6, 2.2)
    ]
    assert volumes[0] > 0
    assert volumes[0] <= 1.1 * volumes[1] <= 1.2 * volumes[2]


TEMPORAL_BASE = ((50, -30, -24), (-50, -30, -24))


def scattered(at_mm, radius_mm):
    """Piled-up signal: bright, its ADC low in half of the voxels and high in the others."""
    share = ball(at_mm, radius_mm)
    low = ndimage.gaussian_filter(np.random.default_rng(5).normal(size=share.shape), 1.0) > 0
    return (share, 1.9, np.where(low, 450.0, 1300.0))


def test_scattered_brightness_at_both_temporal_bases_is_artefact():
    marks = [scattered(at, 8) for at in TEMPORAL_BASE]
    found = values(diffusion.measure(inputs_of(*marks, flair=1.0)))
    assert volume(found, Region.BRAIN) == 0
    left, right = (
        found[Quantity.EPI_ARTEFACT_VOLUME, Region.TEMPORAL, side] for side in (Side.LEFT, Side.RIGHT)
    )
    assert min(left, right) > 0.1
    assert left + right <= found[Quantity.EPI_ARTEFACT_VOLUME, Region.BRAIN, Side.WHOLE]


def test_the_same_brightness_with_a_counterpart_on_flair_is_none():
    marks = [scattered(at, 8) for at in TEMPORAL_BASE]
    gain = 1 + 0.5 * sum(ball(at, 10) for at in TEMPORAL_BASE)
    assert volume(values(diffusion.measure(inputs_of(*marks, flair=gain))), Region.BRAIN) > 0.5


def test_restriction_of_one_temporal_base_stays_without_a_counterpart():
    found = values(diffusion.measure(inputs_of((ball(TEMPORAL_BASE[0], 8), 1.9, 430), flair=1.0)))
    assert volume(found, Region.TEMPORAL, Side.RIGHT) > 0.5
    assert found[Quantity.EPI_ARTEFACT_VOLUME, Region.BRAIN, Side.WHOLE] == 0


def test_symmetric_restriction_away_from_air_stays_without_a_counterpart():
    lesions = [(ball((x, -20, 50), 7), 1.9, 430.0) for x in (-38, 38)]
    assert volume(values(diffusion.measure(inputs_of(*lesions, flair=1.0))), Region.BRAIN) > 1.0


def test_the_adc_of_flair_lesions_is_told():
    share = ball(FRONTAL_RIGHT, 9)
    lesion = CheckResult((), share >= 0.5, Role.FLAIR)
    inputs = inputs_of((share, 1.0, 1250), flair=1 + share, found={diffusion.FLAIR_CHECK: lesion})
    found = values(diffusion.measure(inputs))
    assert found[Quantity.LESION_ADC, Region.BRAIN, Side.WHOLE] == pytest.approx(1250, rel=0.1)
    assert (Quantity.LESION_ADC, Region.OCCIPITAL, Side.WHOLE) not in found


def test_what_is_restricted_is_said_by_the_policy_in_force():
    lesion = (ball(FRONTAL_RIGHT, 8), 1.8, 500.0)
    held = load().measurements
    lower = {
        one: replace(cut, value=400.0) if one.name.startswith("RESTRICTION_ADC") else cut
        for one, cut in held.items()
    }
    lower[Measure.RESTRICTION_MIRROR_RATIO] = replace(held[Measure.RESTRICTION_MIRROR_RATIO], value=0.4)
    assert volume(values(diffusion.measure(inputs_of(lesion))), Region.BRAIN) > 0.5
    with measuring_by(lower):
        assert volume(values(diffusion.measure(inputs_of(lesion))), Region.BRAIN) == 0


def refusal(inputs) -> CannotAssess:
    with pytest.raises(CannotAssess) as refused:
        diffusion.measure(inputs)
    return refused.value


def test_diffuse_change_of_the_white_matter_shows_in_its_median_adc(healthy):
    everywhere = np.where(PLAIN_BRAIN.region(Region.CENTRUM_SEMIOVALE), 1.0, 0.0)
    swollen = values(diffusion.measure(inputs_of((everywhere, 1.0, 1050.0))))
    plain = values(healthy)
    for side in (Side.LEFT, Side.RIGHT):
        place = (Quantity.ADC_MEDIAN, Region.CENTRUM_SEMIOVALE, side)
        assert plain[place] == pytest.approx(WHITE, abs=25)
        assert swollen[place] == pytest.approx(1050, abs=40)


def test_without_a_map_nothing_is_assessed_and_the_reason_is_the_maps():
    inputs = inputs_of()
    lack = Lack(Why.SERIES_MISSING, "no ADC map, and no images without weighting to compute one")
    reason = refusal(Inputs({Role.DWI: inputs.scans[Role.DWI]}, {Role.ADC: lack}))
    assert (reason.why, reason.detail) == (lack.why, lack.detail)


def test_without_weighted_images_the_map_still_tells_its_part():
    inputs = inputs_of()
    result = diffusion.measure(Inputs({Role.ADC: inputs.scans[Role.ADC]}))
    assert (Quantity.ADC_MEDIAN, Region.BRAIN, Side.WHOLE) in values(result)
    unknown = [f for f in result.findings if isinstance(f, NotAssessed)]
    assert {f.detail for f in unknown if f.quantity is Quantity.RESTRICTED_VOLUME} == {"no DWI series"}
    assert result.mask is None


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_a_map_that_no_brain_has_is_refused(gain):
    inputs = inputs_of()
    odd = scan(gain * inputs.scans[Role.ADC].volume.array, Role.ADC, "1.2.6")
    reason = refusal(replace(inputs, scans={**inputs.scans, Role.ADC: odd}))
    assert reason.why is Why.QUALITY
    assert "which no brain has" in reason.detail


def test_a_map_on_another_grid_is_brought_to_the_weighted_images():
    """The map holds every slice, the weighted images every other one."""
    share = ball(FRONTAL_RIGHT, 8)
    inputs = inputs_of((share, 1.8, 430))
    volume_, anatomy = flat_anatomy(noise=0.0)
    fine = np.repeat(inputs.scans[Role.ADC].volume.array, 2, axis=0)[: len(volume_.array)]
    adc = Scan(replace(volume_, array=fine, role=Role.ADC), anatomy, at_rest())
    found = values(diffusion.measure(replace(inputs, scans={**inputs.scans, Role.ADC: adc})))
    assert volume(found, Region.BRAIN) == pytest.approx(ml(share), rel=0.25)


def test_a_region_outside_the_slices_is_not_assessed():
    inputs = inputs_of()
    dwi = inputs.scans[Role.DWI]
    cut = replace(dwi, anatomy=replace(dwi.anatomy, covered={**dwi.anatomy.covered, Region.PONS: 0.4}))
    result = diffusion.measure(replace(inputs, scans={**inputs.scans, Role.DWI: cut}))
    (unknown,) = (
        f for f in result.findings if f.region is Region.PONS and f.quantity is Quantity.RESTRICTED_VOLUME
    )
    assert (unknown.why, unknown.detail) == (Why.COVERAGE, "only 40 % of the region lies within the slices")


def test_silence_names_all_that_can_be_said():
    share = ball(FRONTAL_RIGHT, 9)
    lesion = CheckResult((), share >= 0.5, Role.FLAIR)
    loud = diffusion.measure(
        inputs_of((share, 1.9, 430), flair=1 + share, found={diffusion.FLAIR_CHECK: lesion})
    )
    silent = {(f.quantity, f.region, f.side) for f in diffusion.silence(Why.CRASH, "a test")}
    assert {(f.quantity, f.region, f.side) for f in loud.findings} <= silent


def test_the_same_images_give_the_same_findings_twice():
    lesions = [(ball(FRONTAL_RIGHT, 7), 1.8, 430.0)]
    one, other = (diffusion.measure(inputs_of(*lesions)) for _ in range(2))
    assert one.findings == other.findings
    assert one.lesions == other.lesions
