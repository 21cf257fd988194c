"""White matter that is swollen as a whole hides lesions on FLAIR: what is seen is told, what is not seen is not denied."""

from dataclasses import replace

import numpy as np
import pytest

from rules.anatomy import Region, Role, Side
from rules.findings import Measured, NotAssessed, Quantity, Why
from tests.workers.imaging.heads import flat_anatomy, scans_of
from workers.checks import flair
from workers.checks.check import Inputs
from workers.checks.diseased_norm import doubt_of
from workers.imaging.motion import at_rest
from workers.imaging.scan import Scan


def adc_scan(left=700.0, right=700.0):
    """A map whose white matter has this ADC on either side."""
    volume, anatomy = flat_anatomy()
    values = np.where(anatomy.is_left, left, right).astype(np.float32) * anatomy.brain
    return Scan(replace(volume, array=values, role=Role.ADC), anatomy, at_rest())


@pytest.mark.parametrize(
    ("left", "right", "is_doubted"),
    [(700, 700, False), (850, 850, False), (1030, 1020, True), (1030, 800, False), (7000, 7000, False)],
    ids=["healthy", "old", "oedema of both sides", "of one side", "a map in another unit"],
)
def test_only_white_matter_that_is_diseased_on_both_sides_is_doubted(left, right, is_doubted):
    doubt = doubt_of(adc_scan(left, right))
    assert bool(doubt) is is_doubted
    if doubt:
        assert doubt.why is Why.QUALITY
        assert f"{left:.0f} and {right:.0f}" in doubt.detail


def test_without_a_map_nothing_speaks_against_the_norm():
    assert doubt_of(None) is None


@pytest.fixture(scope="module")
def swollen():
    _, anatomy = flat_anatomy()
    volume, anatomy = flat_anatomy(np.where(anatomy.region(Region.THALAMUS, Side.LEFT), 1.6, 1.0))
    return flair.measure(Inputs({**scans_of(volume, anatomy).scans, Role.ADC: adc_scan(1030, 1020)}))


def test_what_is_seen_is_told_and_what_is_not_seen_stays_open(swollen):
    volumes = {(f.region, f.side): f for f in swollen.findings if f.quantity is Quantity.FLAIR_VOLUME}
    assert isinstance(volumes[Region.THALAMUS, Side.LEFT], Measured)
    for place in ((Region.THALAMUS, Side.RIGHT), (Region.FRONTAL, Side.LEFT), (Region.PONS, Side.MIDLINE)):
        assert isinstance(volumes[place], NotAssessed)
        assert "1030 and 1020" in volumes[place].detail


def test_the_areas_that_are_seen_are_kept(swollen):
    assert swollen.mask.any()
    assert Region.THALAMUS in {one.region for one in swollen.lesions}
