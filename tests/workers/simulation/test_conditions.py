import pytest

from rules.anatomy import Role
from workers.simulation.conditions import USUAL, Conditions, adapted
from workers.simulation.vendors import SCANNERS, Vendor


def _plan(vendor: Vendor, role: Role, conditions: Conditions):
    return next(plan for plan in adapted(SCANNERS[vendor], conditions).series if plan.role is role)


@pytest.mark.parametrize("vendor", Vendor)
def test_usual_conditions_leave_the_protocol_as_it_is(vendor):
    assert adapted(SCANNERS[vendor], USUAL) == SCANNERS[vendor]


@pytest.mark.parametrize("vendor", Vendor)
@pytest.mark.parametrize("thickness", [3.0, 6.0])
def test_other_thickness_keeps_the_cover(vendor, thickness):
    before = _plan(vendor, Role.FLAIR, USUAL).size
    after = _plan(vendor, Role.FLAIR, Conditions(thickness_mm=thickness)).size
    assert after.thickness_mm == thickness
    assert after.slices * after.spacing_mm == pytest.approx(before.slices * before.spacing_mm, abs=4.0)
    assert after.spacing_mm / after.thickness_mm == pytest.approx(
        before.spacing_mm / before.thickness_mm, rel=0.01
    )


def test_coarser_pixels_keep_the_field_of_view():
    before, after = (_plan(Vendor.GE, Role.DWI, c).size for c in (USUAL, Conditions(resolution=1.25)))
    assert after.columns < before.columns
    assert after.columns * after.pixel_mm == pytest.approx(before.columns * before.pixel_mm, rel=0.01)


def test_three_dimensional_series_keep_their_slices():
    before, after = (
        _plan(Vendor.SIEMENS, Role.SWI, c) for c in (USUAL, Conditions(thickness_mm=6.0, snr=0.5))
    )
    assert after.size == before.size
    assert after.snr == 0.5 * before.snr


def test_sagittal_flair_reaches_down_to_the_cord():
    plan = _plan(Vendor.PHILIPS, Role.FLAIR, Conditions(sagittal_flair=True))
    assert plan.acquisition == "3D"
    assert plan.size.rows * plan.size.pixel_mm > 250


def test_flair_after_contrast_agent_says_so():
    scanner = adapted(SCANNERS[Vendor.GE], USUAL, contrast_before_flair=True)
    given = {w.role for plan in scanner.series for w in plan.weightings if w.timing.contrast_agent}
    assert given == {Role.FLAIR, Role.T1C}
