from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from rules.anatomy import Region, Role, Side
from rules.findings import Measured, NotAssessed, Quantity, Why
from tests.workers.imaging.heads import flat_anatomy, places_mm, volume_of
from workers.checks import oedema
from workers.checks.check import Inputs
from workers.checks.white_signal import white_grey_ratio
from workers.errors import CannotAssess
from workers.imaging.affine import Pose
from workers.imaging.anatomy import lay
from workers.imaging.brain_map import GRID_MM, BrainMap
from workers.imaging.contrast import CONTRASTS
from workers.imaging.displacement import FORAMEN_Z, tonsil_descent
from workers.imaging.motion import at_rest
from workers.imaging.scan import Scan
from workers.imaging.template import load_template
from workers.imaging.warp import deformation

LEVELS = {Role.T2: (1.0, 1.3, 2.8), Role.FLAIR: (1.0, 1.1, 0.3), Role.T1: (1.0, 0.85, 0.35)}
"""White, grey and fluid."""


def scan_of(role=Role.T2, filled=0.0, brighter=1.0):
    """The template in the contrast of a role; `filled` is the share of sulcal fluid that brain has taken."""
    volume, anatomy = flat_anatomy()
    grey, white = (one.astype(np.float32) for one in (anatomy.grey, anatomy.white))
    fluid = np.clip(1 - grey - white, 0, 1) * anatomy.brain
    left = fluid * (1 - filled * (anatomy.region(Region.SULCI) | anatomy.region(Region.CISTERNS)))
    w, g, f = LEVELS[role]
    noise = np.random.default_rng(2).normal(0, 0.04, grey.shape)
    signal = (brighter * w * white + g * (grey + fluid - left) + f * left) * anatomy.brain + noise
    signal = signal.astype(np.float32)
    volume = replace(volume, array=signal, role=role)
    return Scan(volume, replace(anatomy, corrected=signal), at_rest()), left


def found(scan, **inputs):
    result = oedema.measure(Inputs({scan.volume.role: scan}, **inputs))
    return {(one.quantity, one.region, one.side): one for one in result.findings}


@pytest.fixture(scope="module")
def healthy():
    return scan_of()


@pytest.mark.parametrize("role", LEVELS)
def test_sulcal_fluid_has_its_volume_in_every_contrast(role):
    scan, fluid = scan_of(role)
    counted = scan.anatomy.region(Region.SULCI) & (fluid > 0.2) & (scan.anatomy.white < 0.6)
    truth = fluid[counted].sum() * scan.volume.voxel_ml
    value = found(scan)[Quantity.CSF_VOLUME, Region.SULCI, Side.WHOLE]
    assert value.value == pytest.approx(truth, rel=0.3)
    assert 0 < value.uncertainty < 0.5 * truth


def test_effaced_sulci_lose_their_fluid_and_ventricles_keep_theirs(healthy):
    open_, tight = found(healthy[0]), found(scan_of(filled=0.9)[0])
    sulci, ventricles = (
        (Quantity.CSF_VOLUME, *place)
        for place in ((Region.SULCI, Side.WHOLE), (Region.VENTRICLES, Side.MIDLINE))
    )
    assert tight[sulci].value < 0.1 * open_[sulci].value
    assert tight[ventricles].value == pytest.approx(open_[ventricles].value, rel=0.1)


def test_swollen_white_matter_is_not_fluid(healthy):
    place = (Quantity.CSF_VOLUME, Region.SULCI, Side.WHOLE)
    swollen = found(scan_of(brighter=1.4)[0])[place].value
    assert swollen == pytest.approx(found(healthy[0])[place].value, rel=0.15)


@pytest.mark.parametrize("swollen", ["left", "both"])
def test_swollen_white_matter_is_told_by_the_side_however_much_is_swollen(swollen):
    brighter = 1.3 if swollen == "both" else 1 + 0.3 * flat_anatomy()[1].is_left
    values = found(scan_of(brighter=brighter)[0])
    left, right = (
        values[Quantity.WHITE_GREY_RATIO, Region.CENTRUM_SEMIOVALE, side] for side in (Side.LEFT, Side.RIGHT)
    )
    assert left.value == pytest.approx(1.3 / 1.3, abs=0.05)
    assert right.value == pytest.approx((1.3 if swollen == "both" else 1.0) / 1.3, abs=0.05)
    assert 0 < left.uncertainty < 0.1


def test_white_matter_is_held_against_cortex_on_t2_alone(healthy):
    place = (Quantity.WHITE_GREY_RATIO, Region.CENTRUM_SEMIOVALE, Side.LEFT)
    assert found(healthy[0])[place].value == pytest.approx(1.0 / 1.3, abs=0.03)
    flair = found(scan_of(Role.FLAIR)[0])[place]
    assert (flair.why, flair.detail) == (Why.SERIES_MISSING, "no T2 series")


def test_white_matter_is_not_told_without_cortex_or_outside_the_slices(healthy):
    scan = healthy[0]
    place = (Quantity.WHITE_GREY_RATIO, Region.CENTRUM_SEMIOVALE, Side.LEFT)
    bare = replace(scan, anatomy=replace(scan.anatomy, grey=0 * scan.anatomy.grey))
    with pytest.raises(CannotAssess) as lack:
        white_grey_ratio(bare, *place[1:])
    assert lack.value.why is Why.ANATOMY
    short = {**scan.anatomy.covered, Region.CENTRUM_SEMIOVALE: 0.4}
    cropped = replace(scan, anatomy=replace(scan.anatomy, covered=short))
    assert found(cropped)[place].why is Why.COVERAGE


def test_one_tight_hemisphere_shows_in_the_ratio(healthy):
    whole = (Quantity.CSF_RATIO, Region.SULCI, Side.WHOLE)
    assert found(healthy[0])[whole].value > 0.8
    half = 0.7 * flat_anatomy()[1].is_left
    assert found(scan_of(filled=half)[0])[whole].value < 0.35


def test_change_is_taken_from_the_same_series_of_the_earlier_study(healthy):
    place = (Quantity.CSF_CHANGE, Region.SULCI, Side.WHOLE)
    tight, _ = scan_of(filled=0.6)
    change = found(tight, earlier={Role.T2: healthy[0]})[place]
    assert -90 < change.value < -55
    other, _ = scan_of(Role.FLAIR)
    assert found(tight, earlier={Role.FLAIR: other})[place].detail == "no T2 series in the earlier study"
    alone = found(tight)[place]
    assert (alone.why, alone.detail) == (Why.SERIES_MISSING, "no earlier study")


def test_t2_is_taken_before_flair_and_t1(healthy):
    scans = {Role.FLAIR: scan_of(Role.FLAIR)[0], Role.T2: healthy[0]}
    assert oedema.measure(Inputs(scans)).role is Role.T2


@pytest.mark.parametrize("shift_mm", [0.0, 8.0])
def test_the_septum_is_measured_from_the_plane_of_symmetry(healthy, shift_mm):
    scan, _ = healthy
    x, y, z = scan.anatomy.template_mm.astype(np.float32)
    places = np.stack([x - shift_mm * bump(x, y, z), y, z]).astype(np.float16)
    moved = Scan(scan.volume, replace(scan.anatomy, template_mm=places), scan.motion)
    value = found(moved)[Quantity.MIDLINE_SHIFT, Region.BRAIN, Side.WHOLE]
    assert value.value == pytest.approx(shift_mm, abs=1.5)


@pytest.mark.parametrize("depth_mm", [0.0, 6.0, 10.0])
def test_tissue_below_the_foramen_has_its_depth(healthy, depth_mm):
    scan = deeper(healthy[0], 20)
    x, y, z = mni_of(scan.volume)
    tissue = (np.abs(x) < 10) & (y > -75) & (y < -45) & (z >= FORAMEN_Z - depth_mm)
    assert tonsil_descent(scan, tissue) == pytest.approx(depth_mm, abs=2.0)


@pytest.mark.parametrize("depth_mm", [4.0, 8.0])
def test_tonsils_are_found_by_their_signal(healthy, depth_mm):
    """Tissue as bright as the cerebellum goes on below the brain, and what lies below that is twice as bright."""
    scan = deeper(healthy[0], 20)
    x, y, z = mni_of(scan.volume)
    column = (np.abs(x) < 10) & (y > -75) & (y < -45) & ~scan.anatomy.brain & (z < -50)
    signal = scan.volume.array.copy()
    cerebellum = float(np.median(signal[scan.anatomy.region(Region.CEREBELLUM)]))
    signal[column] = cerebellum
    signal[column & (z < FORAMEN_Z - depth_mm)] = 2 * cerebellum
    low = Scan(replace(scan.volume, array=signal), scan.anatomy, scan.motion)
    value = found(low)[Quantity.TONSIL_DESCENT, Region.BRAIN, Side.WHOLE]
    assert value.value == pytest.approx(depth_mm, abs=2.0)


def test_a_septum_pushed_aside_in_the_pixels_is_measured():
    """From the tissue itself: deformation, anatomy and check as in a study; only the head's pose is known."""
    template = load_template(GRID_MM)
    x, y, z = places_mm(template).astype(np.float64)
    pushed = 8.0 * bump(x, y, z)
    k, j, i = np.indices(template.brain.shape)
    tissue = template.image(CONTRASTS[Role.FLAIR])
    # Along i the template runs to the patient's right: what lies here was so much further to the left.
    here = np.stack([k, j, i - pushed / GRID_MM])
    signal = ndimage.map_coordinates(tissue, here, order=1, mode="nearest")
    signal += np.random.default_rng(4).normal(0, 0.03, signal.shape)
    volume = volume_of(np.abs(signal), template.affine)
    pose = Pose(np.eye(3), np.zeros(3), 1.0)
    warp = deformation(volume.array, template)
    brain = BrainMap(
        pose, warp, np.zeros_like(signal, dtype=np.float32), 1.0, 1.0, volume.series_instance_uid
    )
    septum = (np.abs(x) < 2) & (y > -12) & (y < 22) & (z > 4) & (z < 22)
    value = found(Scan(volume, lay(volume, brain), at_rest()))[
        Quantity.MIDLINE_SHIFT, Region.BRAIN, Side.WHOLE
    ]
    assert value.value == pytest.approx(pushed[septum].mean(), abs=1.5)


def bump(x, y, z):
    """Share of a push that reaches places in MNI mm: all of it beside the septum, nothing at the skull."""
    return np.exp(-((x / 30) ** 2) - ((y - 5) / 35) ** 2 - ((z - 12) / 30) ** 2)


def test_tonsils_need_thin_sections_and_reach(healthy):
    place = (Quantity.TONSIL_DESCENT, Region.BRAIN, Side.WHOLE)
    assert found(cut(healthy[0], 10))[place].why is Why.COVERAGE
    thick = replace(healthy[0].volume, affine=healthy[0].volume.affine @ np.diag([1, 1, 2.5, 1]))
    assert found(Scan(thick, healthy[0].anatomy, at_rest()))[place].why is Why.GEOMETRY


def test_a_space_outside_the_slices_is_not_assessed(healthy):
    anatomy = replace(healthy[0].anatomy, covered=dict.fromkeys(Region, 0.5))
    findings = found(Scan(healthy[0].volume, anatomy, at_rest())).values()
    assert all(
        isinstance(one, NotAssessed) and one.why is Why.COVERAGE
        for one in findings
        if one.quantity is Quantity.CSF_VOLUME
    )


def test_silence_says_all_that_would_have_been_said(healthy):
    silent = {(one.quantity, one.region, one.side) for one in oedema.silence(Why.CRASH, "it broke")}
    assert silent == set(found(healthy[0], earlier={Role.T2: healthy[0]}))


def test_a_scan_without_fluid_contrast_is_refused(healthy):
    scan, _ = healthy
    flat = np.where(scan.anatomy.brain, 1.0, 0.0).astype(np.float32)
    flat += np.random.default_rng(3).normal(0, 0.1, flat.shape).astype(np.float32)
    with pytest.raises(CannotAssess, match="stand out"):
        oedema.measure(Inputs({Role.T2: Scan(scan.volume, replace(scan.anatomy, corrected=flat), at_rest())}))
    with pytest.raises(CannotAssess, match="no T2, FLAIR or T1"):
        oedema.measure(Inputs({}))


def test_it_says_the_same_twice(healthy):
    once, twice = found(healthy[0]), found(healthy[0])
    assert once == twice
    assert all(isinstance(one, (Measured, NotAssessed)) for one in once.values())


def mni_of(volume):
    """MNI mm (x, y, z) of all voxels of the template as a volume."""
    k, j, i = np.indices(volume.array.shape)
    return tuple(
        sign * (volume.affine[axis, axis] * n + volume.affine[axis, 3])
        for axis, (n, sign) in enumerate(((i, -1), (j, -1), (k, 1)))
    )


def deeper(scan, slices):
    """The same head with empty slices below."""
    anatomy, volume = scan.anatomy, scan.volume

    def pad(values):
        return np.pad(values, ((0, 0),) * (values.ndim - 3) + ((slices, 0), (0, 0), (0, 0)))

    names = ("brain", "corrected", "parts", "is_left", "grey", "white", "depth_mm", "template_mm")
    affine = volume.affine.copy()
    affine[:3, 3] -= slices * affine[:3, 2]
    uids = tuple(f"1.2.3.{k}" for k in range(len(volume.array) + slices))
    padded = replace(anatomy, **{name: pad(getattr(anatomy, name)) for name in names})
    return Scan(
        replace(volume, array=pad(volume.array), affine=affine, sop_instance_uids=uids), padded, scan.motion
    )


def cut(scan, slices):
    """The same head without its lowest slices."""
    names = ("brain", "corrected", "parts", "is_left", "grey", "white", "depth_mm", "template_mm")
    less = {name: getattr(scan.anatomy, name)[..., slices:, :, :] for name in names}
    affine = scan.volume.affine.copy()
    affine[:3, 3] += slices * affine[:3, 2]
    uids = scan.volume.sop_instance_uids[slices:]
    volume = replace(scan.volume, array=scan.volume.array[slices:], affine=affine, sop_instance_uids=uids)
    return Scan(volume, replace(scan.anatomy, **less), scan.motion)
