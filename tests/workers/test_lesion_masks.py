"""The masks of the SEGs: what a check found, cut along the regions that its findings name, on its own series."""

from types import SimpleNamespace

import numpy as np
import pytest

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Evidence, Measured, Quantity
from tests.workers.imaging.heads import flat_anatomy
from workers.analysis import Analysis
from workers.checks.areas import area_of, within
from workers.checks.result import CheckResult
from workers.imaging.motion import at_rest
from workers.imaging.scan import Scan
from workers.lesion_masks import lesion_masks

FLAIR, RESTRICTED = "flair_hyperintensity", "restricted_diffusion"


@pytest.fixture(scope="module")
def scan():
    return Scan(*flat_anatomy(), at_rest())


def measured(scan, check, quantity, places, mask):
    """A check's result that tells the volume of its mask in each place."""
    inside = area_of(mask)
    findings = tuple(
        Measured(
            quantity,
            region,
            side,
            within(scan.anatomy, inside, region, side).size * scan.volume.voxel_ml,
            UNITS[quantity],
            Evidence(f"{check} 1", scan.volume.series_instance_uid),
        )
        for region, side in places
    )
    role = Role.FLAIR if check == FLAIR else Role.DWI
    return CheckResult(findings, mask, role)


def test_every_mask_holds_the_volume_that_was_measured_there(scan):
    thalami = scan.anatomy.region(Region.THALAMUS)
    left = scan.anatomy.region(Region.THALAMUS, Side.LEFT)
    places = ((Region.THALAMUS, Side.LEFT), (Region.THALAMUS, Side.RIGHT), (Region.PONS, Side.MIDLINE))
    results = {
        FLAIR: measured(scan, FLAIR, Quantity.FLAIR_VOLUME, places, thalami),
        RESTRICTED: measured(scan, RESTRICTED, Quantity.RESTRICTED_VOLUME, places[:1], left),
    }
    found = list(lesion_masks(SimpleNamespace(scan=lambda _: scan), Analysis(results, {})))
    assert {(one.check, one.region, one.side, one.role) for one in found} == {
        (FLAIR, Region.THALAMUS, Side.LEFT, Role.FLAIR),
        (FLAIR, Region.THALAMUS, Side.RIGHT, Role.FLAIR),
        (RESTRICTED, Region.THALAMUS, Side.LEFT, Role.DWI),
    }
    volumes = {
        (check, one.region, one.side): one.value
        for check, result in results.items()
        for one in result.findings
    }
    for one in found:
        assert one.mask.sum() * scan.volume.voxel_ml == volumes[one.check, one.region, one.side]
        assert one.sop_instance_uids == scan.volume.sop_instance_uids


def test_what_could_be_measured_in_some_regions_only_is_outlined_there(scan):
    left = scan.anatomy.region(Region.THALAMUS, Side.LEFT)
    whole = measured(scan, FLAIR, Quantity.FLAIR_VOLUME, ((Region.THALAMUS, Side.LEFT),), left)
    partly = CheckResult(whole.findings, None, whole.role, part=left)
    (one,) = lesion_masks(SimpleNamespace(scan=lambda _: scan), Analysis({FLAIR: partly}, {}))
    assert (one.mask == left).all()


def test_the_whole_keeps_what_lies_outside_every_region(scan):
    mask = np.zeros_like(scan.anatomy.brain)
    mask[0, 0, 0] = True
    evidence = Evidence("contrast_enhancement 1", scan.volume.series_instance_uid)
    quantity = Quantity.SULCAL_ENHANCEMENT_VOLUME
    whole = Measured(quantity, Region.BRAIN, Side.WHOLE, 0.1, UNITS[quantity], evidence)
    results = {
        "contrast_enhancement": CheckResult((whole,), mask, Role.T1C),
        "without_mask": CheckResult((), None, None),
    }
    (one,) = lesion_masks(SimpleNamespace(scan=lambda _: scan), Analysis(results, {}))
    assert one.mask.sum() == 1
    assert not scan.anatomy.region(Region.BRAIN)[0, 0, 0]
