"""A FLAIR whose fluid is not nulled says nothing of the cortex, and all the same what it can of the deep regions."""

from functools import cache

import numpy as np
import pytest

from rules.anatomy import Region, Role, Side
from rules.findings import Measured, NotAssessed, Quantity, Why
from tests.workers.imaging.heads import flat_anatomy, scans_of, t2_scan
from workers.checks import flair
from workers.checks.bright_fluid import APART, has_bright_fluid, has_bright_rim
from workers.checks.check import Inputs
from workers.checks.lesion_adc import lesion_adcs
from workers.errors import CannotAssess


def head(bright, where=None, lesion=None):
    """A head whose fluid outside the ventricles has this signal, everywhere or where asked, with a region 1.6 times as bright."""
    _, anatomy = flat_anatomy()
    share = 1.0 - anatomy.grey.astype(np.float32) - anatomy.white.astype(np.float32)
    fluid = np.clip(share, 0, 1) * ~anatomy.region(Region.VENTRICLES) * (where(anatomy) if where else 1)
    wanted = anatomy.corrected * (1 - fluid) + bright * fluid
    gain = np.where(anatomy.corrected > 0, wanted / np.maximum(anatomy.corrected, 0.05), 1.0)
    return flat_anatomy(np.where(anatomy.region(lesion), 1.6, gain) if lesion else gain)


@cache
def bright_everywhere():
    """Such a head, and what is measured in it."""
    scans = scans_of(*head(2.0))
    return scans, flair.measure(scans)


def behind(anatomy):
    return anatomy.template_mm[1] < -20


def left(anatomy):
    return anatomy.is_left


@pytest.mark.parametrize(
    ("bright", "where", "expected"),
    [
        (2.0, None, True),
        (1.1, None, False),
        (2.0, behind, False),
        (2.0, left, False),
    ],
    ids=["all of it", "as bright as tissue: oedema", "behind only: PRES", "on one side: infarct"],
)
def test_fluid_is_bright_only_if_all_of_it_is_brighter_than_tissue(bright, where, expected):
    flair_alone = scans_of(*head(bright, where)).scan(Role.FLAIR)
    assert has_bright_fluid(flair_alone, None) is expected


@pytest.mark.parametrize(
    ("bright", "t2", "expected"),
    [
        (1.15, {}, True),
        (0.4, {}, False),
        (1.15, {"filled": 0.98}, False),
        (2.0, {"filled": 0.98}, True),
        (1.15, {"levels": (1.0, 1.3, 1.4)}, False),
    ],
    ids=["no brighter than tissue", "nulled", "swollen: no fluid to look at", "told by the FLAIR then", "a T2 without contrast"],
)  # fmt: skip
def test_where_the_t2_shows_fluid_the_flair_has_to_null_it(bright, t2, expected):
    scan = scans_of(*head(bright)).scan(Role.FLAIR)
    assert has_bright_fluid(scan, t2_scan(**t2)) is expected


@pytest.mark.parametrize(
    ("bright", "where", "expected"),
    [(2.0, None, True), (1.2, None, False), (2.0, left, False)],
    ids=["bright fluid", "cortex", "one side: infarct"],
)
def test_a_brain_that_was_drawn_out_over_bright_fluid_has_it_as_its_rim(bright, where, expected):
    _, anatomy = flat_anatomy()
    rim = (anatomy.depth_mm < 3) & (where(anatomy) if where else True)
    assert has_bright_rim(flat_anatomy(np.where(rim, bright, 1.0))[1]) is expected


def test_fluid_that_only_one_side_nulls_is_no_oxygen():
    scan = scans_of(*head(1.15, left)).scan(Role.FLAIR)
    assert not has_bright_fluid(scan, t2_scan())


def test_with_a_t2_the_check_knows_of_bright_fluid():
    scan = scans_of(*head(1.15)).scan(Role.FLAIR)
    told = flair.measure(Inputs({Role.FLAIR: scan, Role.T2: t2_scan()}))
    assert {f.region for f in told.findings if isinstance(f, Measured)} <= APART
    assert told.mask is None


def test_cortex_beside_bright_fluid_is_not_assessed_and_a_deep_lesion_is_told():
    volume, anatomy = head(2.0, lesion=Region.THALAMUS)
    result = flair.measure(scans_of(volume, anatomy))
    volumes = {(f.region, f.side): f for f in result.findings if f.quantity is Quantity.FLAIR_VOLUME}
    for region in (Region.PARIETO_OCCIPITAL, Region.HIPPOCAMPUS):
        assert isinstance(volumes[region, Side.LEFT], NotAssessed)
        assert volumes[region, Side.LEFT].why is Why.QUALITY
        assert "oxygen" in volumes[region, Side.LEFT].detail
    assert isinstance(volumes[Region.BRAIN, Side.WHOLE], NotAssessed)
    assert isinstance(volumes[Region.THALAMUS, Side.LEFT], Measured)
    assert volumes[Region.THALAMUS, Side.LEFT].value > 2
    assert {one.region for one in result.lesions} <= APART
    there = result.seen & anatomy.region(Region.THALAMUS, Side.LEFT)
    assert there.sum() * volume.voxel_ml == pytest.approx(volumes[Region.THALAMUS, Side.LEFT].value)
    assert not (result.seen & anatomy.region(Region.OCCIPITAL)).any()


def test_what_was_not_measured_is_not_compared_either():
    scans, result = bright_everywhere()
    assert result.mask is None
    later = Inputs(scans.scans, found={flair.NAME: result})
    with pytest.raises(CannotAssess):
        lesion_adcs(later, scans.scan(Role.FLAIR), (Region.PARIETO_OCCIPITAL,), flair.NAME)


def test_everything_is_said_or_silent_as_ever():
    said = {(f.quantity, f.region, f.side) for f in bright_everywhere()[1].findings}
    silent = {(f.quantity, f.region, f.side) for f in flair.silence(Why.QUALITY, "")}
    optional = {
        Quantity.FLAIR_RATIO,
        Quantity.FLAIR_Z,
        Quantity.FLAIR_LATERALITY,
        Quantity.FLAIR_CALLOSAL_SHARE,
    }
    assert {one for one in silent if one[0] not in optional or one[1] not in APART} <= said
