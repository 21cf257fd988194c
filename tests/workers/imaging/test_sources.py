import numpy as np
import pytest

from rules.anatomy import Role
from rules.findings import Why
from tests.workers.imaging.phantoms import AXIAL, Phantom, fill_pixels, store
from workers.errors import CannotAssess
from workers.imaging.series import read_study
from workers.imaging.sources import volume_of

SHAPE = (12, 32, 32)
TRACE = ["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"]
PLAIN = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]
MAP = ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]
S0 = np.broadcast_to(np.linspace(1500, 2500, 32), SHAPE)
"""Signal without weighting: brighter on one side."""


def true_adc() -> np.ndarray:
    """(k, j, i) in 1e-6 mm2/s: white, grey and fluid, each a little noisy."""
    rng = np.random.default_rng(0)
    adc = rng.normal(740, 40, SHAPE)
    adc[:, :8] = rng.normal(880, 40, adc[:, :8].shape)
    adc[:, 20:22, 14:18] = 3000
    return adc


def images(uid, array, kinds, b=None, *, number=0, **attributes):
    """One image a slice, of the weighting b."""
    said = {
        "ScanningSequence": ["EP", "SE"],
        "EchoTime": 89,
        "RepetitionTime": 6000,
        "ImageType": kinds,
        **attributes,
    }
    if b is not None:
        said["DiffusionBValue"] = float(b)
    phantom = Phantom(AXIAL, (2.0, 2.0), 5.0, shape=array.shape, uid=uid, attributes=said)
    slices = phantom.slices()
    for k, ds in enumerate(slices):
        fill_pixels(ds, np.rint(array[k]).astype(np.uint16))
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{uid}.{number + k + 1}"
    return slices


def plain(uid="1.2.3.1", gain=1.0, **attributes):
    return images(uid, gain * S0, PLAIN, 0, **attributes)


def weighted(uid="1.2.3.2", b=1000, **attributes):
    return images(uid, S0 * np.exp(-b * true_adc() * 1e-6), TRACE, b, number=100, **attributes)


def adc_map(unit=1.0, slope=1.0, **attributes):
    stored = true_adc() * unit / slope
    return images("1.2.3.3", stored, MAP, RescaleSlope=slope, RescaleIntercept=0, **attributes)


def sourced(root, datasets, role):
    series, unreadable = read_study(store(datasets, root), root)
    assert unreadable == ()
    return volume_of(series, role)


def refusal(root, datasets, role) -> CannotAssess:
    with pytest.raises(CannotAssess) as refused:
        sourced(root, datasets, role)
    return refused.value


def worst(volume) -> float:
    """Largest difference from the truth where there is tissue."""
    adc = true_adc()
    return float(np.abs(volume.array - adc)[adc < 2000].max())


def test_the_scanners_own_map_is_preferred(tmp_path):
    volume, uids = sourced(tmp_path, [*plain(), *weighted(), *adc_map()], Role.ADC)
    assert uids == ("1.2.3.3",)
    assert worst(volume) <= 0.51


@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e-6, 1e-12], ids=["1e-6 mm2/s", "1e-3 mm2/s", "mm2/s", "m2/s"])
def test_a_map_comes_in_one_unit_whatever_the_scanners(unit, tmp_path):
    volume, _ = sourced(tmp_path, adc_map(unit, slope=unit), Role.ADC)
    assert worst(volume) <= 0.51


@pytest.mark.parametrize("gain", [5.0, 10.0])
def test_a_map_in_no_known_unit_is_refused(gain, tmp_path):
    reason = refusal(tmp_path, images("1.2.3.3", gain * true_adc(), MAP), Role.ADC)
    assert (reason.why, reason.detail) == (Why.QUALITY, "the ADC map is in no known unit")


def test_a_map_rounded_to_nothing_is_refused(tmp_path):
    reason = refusal(tmp_path, adc_map(0.01, slope=1.0), Role.ADC)
    assert reason.detail == "the ADC map has too few different values"


def test_a_map_in_no_known_unit_gives_way_to_a_computed_one(tmp_path):
    odd = images("1.2.3.3", 5 * true_adc(), MAP)
    volume, uids = sourced(tmp_path, [*plain(), *weighted(), *odd], Role.ADC)
    assert uids == ("1.2.3.2", "1.2.3.1")
    assert worst(volume) < 3


@pytest.mark.parametrize("b", [800, 1000])
def test_a_missing_map_is_computed_from_two_series(b, tmp_path):
    volume, uids = sourced(tmp_path, [*plain(), *weighted(b=b)], Role.ADC)
    assert volume.role is Role.ADC
    assert uids == ("1.2.3.2", "1.2.3.1")
    assert worst(volume) < 3


def test_a_missing_map_is_computed_from_one_mixed_series(tmp_path):
    datasets = [*plain(uid="1.2.3.2"), *weighted(), *plain(gain=3.0)]
    volume, uids = sourced(tmp_path, datasets, Role.ADC)
    assert uids == ("1.2.3.2",)
    assert worst(volume) < 3


def test_the_unweighted_images_come_out_of_a_mixed_series(tmp_path):
    volume, uids = sourced(tmp_path, [*plain(uid="1.2.3.2"), *weighted()], Role.B0)
    assert (volume.role, volume.b_value, uids) == (Role.B0, 0.0, ("1.2.3.2",))
    assert np.abs(volume.array - S0).max() <= 0.51


def test_unweighted_images_of_their_own_series_are_preferred(tmp_path):
    datasets = [*plain(uid="1.2.3.2"), *weighted(), *plain(gain=1.5)]
    assert sourced(tmp_path, datasets, Role.B0)[1] == ("1.2.3.1",)


def test_of_several_weightings_the_usual_one_is_read(tmp_path):
    datasets = [*weighted(b=2000, uid="1.2.3.8"), *weighted(b=1000), *weighted(b=600, uid="1.2.3.9")]
    volume, uids = sourced(tmp_path, datasets, Role.DWI)
    assert (volume.b_value, uids) == (1000.0, ("1.2.3.2",))


def test_a_weighting_known_by_the_sequence_name_is_told(tmp_path):
    named = images("1.2.3.2", S0 * np.exp(-true_adc() * 1e-3), TRACE, SequenceName="*ep_b1000t")
    assert sourced(tmp_path, named, Role.DWI)[0].b_value == 1000.0


def test_no_map_and_no_unweighted_images_is_said(tmp_path):
    reason = refusal(tmp_path, weighted(), Role.ADC)
    assert (reason.why, reason.detail) == (
        Why.SERIES_MISSING,
        "no ADC map, and no images without weighting to compute one",
    )


def test_images_of_another_grid_give_no_map(tmp_path):
    moved = plain()
    for ds in moved:
        ds.ImagePositionPatient = [str(float(x) + 3) for x in ds.ImagePositionPatient]
    reason = refusal(tmp_path, [*moved, *weighted()], Role.ADC)
    assert (reason.why, reason.detail) == (
        Why.GEOMETRY,
        "no ADC map, and the images with and without weighting do not match",
    )


def test_images_of_another_scale_give_no_map(tmp_path):
    reason = refusal(tmp_path, [*plain(gain=4.0), *weighted()], Role.ADC)
    assert reason.detail == "no ADC map, and the images with and without weighting have different scales"


def test_a_weighting_that_is_not_told_gives_no_map(tmp_path):
    untold = images("1.2.3.2", S0 * np.exp(-true_adc() * 1e-3), TRACE)
    reason = refusal(tmp_path, [*plain(), *untold], Role.ADC)
    assert reason.detail == "no ADC map, and no b value to compute one with"


def test_a_study_without_diffusion_says_so(tmp_path):
    assert refusal(tmp_path, adc_map(), Role.DWI).detail == "no DWI series"
    assert refusal(tmp_path, adc_map(), Role.B0).detail == "no B0 series"


def test_agent_in_the_headers_is_told_of_the_volume(tmp_path):
    assert sourced(tmp_path, weighted(ContrastBolusAgent="Gadovist"), Role.DWI)[0].is_after_contrast
    assert not sourced(tmp_path, weighted(uid="1.2.3.5"), Role.DWI)[0].is_after_contrast


def test_phases_come_out_of_a_mixed_susceptibility_series(tmp_path):
    gradient = {"ScanningSequence": "GR", "EchoTime": 22, "RepetitionTime": 31, "SeriesDescription": "sSWIp"}
    magnitude, phase = (
        images(
            "1.2.3.4",
            np.add.outer(np.arange(12), np.add.outer(np.arange(32), np.arange(32))) + level,
            kinds,
            number=level,
            **gradient,
        )
        for level, kinds in ((500, ["ORIGINAL", "PRIMARY", "M"]), (1500, ["ORIGINAL", "PRIMARY", "P"]))
    )
    assert sourced(tmp_path, [*magnitude, *phase], Role.SWI)[0].array.min() == 500
    assert sourced(tmp_path, [*magnitude, *phase], Role.PHASE)[0].array.min() == 1500
