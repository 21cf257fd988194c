"""In which series the brain is looked for, and what is said of those that are missing."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from rules.anatomy import Region, Role
from rules.findings import Why
from rules.measures import Measure
from rules.policy import load
from tests.workers.imaging.heads import flat_anatomy, in_wide_air
from tests.workers.imaging.phantoms import Phantom, store
from workers.cache import Cache
from workers.checks.check import Lack
from workers.errors import CannotAssess
from workers.images import REFERENCES, Images, Mapped, Placed
from workers.imaging.brain_map import BrainMap
from workers.imaging.cuts import measuring_by
from workers.imaging.motion import Motion, at_rest
from workers.imaging.series import read_study
from workers.stages import Stages

SEQUENCES = {
    Role.FLAIR: {"ScanningSequence": ["SE", "IR"], "EchoTime": 120, "RepetitionTime": 9000, "InversionTime": 2500},
    Role.T2: {"ScanningSequence": "SE", "EchoTime": 100, "RepetitionTime": 5000},
    Role.T1: {"ScanningSequence": "SE", "EchoTime": 15, "RepetitionTime": 600},
    Role.SWI: {"ScanningSequence": "GR", "EchoTime": 20, "RepetitionTime": 30},
}  # fmt: skip


def images_of(root, *roles, mapped=None):
    """A study of phantoms far too small to hold a brain."""
    datasets = [
        one
        for number, role in enumerate(roles)
        for one in Phantom(uid=f"1.2.3.{number}", attributes=SEQUENCES[role]).slices()
    ]
    instances = store(datasets, root) if datasets else ()
    series = read_study(instances, root)[0] if datasets else ()
    return Images(series, instances, Stages(Cache(None)), _mapped=mapped)


def test_flair_is_preferred_to_t2_and_t2_to_t1():
    assert REFERENCES == (Role.FLAIR, Role.T2, Role.T1)


def test_the_reason_is_that_of_the_best_series_that_is_there(tmp_path):
    found = images_of(tmp_path, Role.T1, Role.T2).mapped()
    assert isinstance(found, Lack)
    assert found.why is Why.COVERAGE


def test_without_any_series_that_shows_the_brain_all_others_say_so(tmp_path):
    images = images_of(tmp_path, Role.SWI)
    assert images.placed(Role.SWI) == Lack(
        Why.SERIES_MISSING, "no FLAIR, T2 or T1 series to find the brain in"
    )
    assert images.placed(Role.FLAIR) == Lack(Why.SERIES_MISSING, "no FLAIR series")


@pytest.mark.parametrize(("role", "said"), [(Role.T2, "on T2 alone"), (Role.T1, "on T1 alone")])
def test_a_missing_flair_says_what_stands_in_for_it(tmp_path, role, said):
    images = images_of(tmp_path, role, mapped=Mapped(role, BrainMap(*[None] * 6)))
    lack = images.placed(Role.FLAIR)
    assert lack.why is Why.SERIES_MISSING
    assert said in lack.detail


@pytest.mark.parametrize(
    ("roles", "shown", "is_bright", "expected"),
    [
        ((Role.FLAIR, Role.T2), (Role.FLAIR, Role.T2), True, Role.T2),
        ((Role.FLAIR, Role.T2), (Role.FLAIR, Role.T2), False, Role.FLAIR),
        ((Role.FLAIR, Role.T2), (Role.FLAIR,), True, Role.FLAIR),
        ((Role.FLAIR, Role.T1), (Role.FLAIR, Role.T1), True, Role.FLAIR),
    ],
    ids=["bright", "dark", "no brain in the T2", "no T2"],
)
def test_where_fluid_is_bright_in_the_flair_the_t2_shows_the_brain(roles, shown, is_bright, expected):
    class Found(Images):
        """Some series show a brain."""

        def _brain_in(self, role):
            return BrainMap(*[role] * 6) if role in shown else Lack(Why.ANATOMY, "no brain")

        def _laid(self, *_):
            _, anatomy = flat_anatomy(2.0 if is_bright else 1.0)
            return SimpleNamespace(anatomy=anatomy)

    series = [SimpleNamespace(role=role, series_instance_uid=f"1.2.{role}") for role in roles]
    mapped = Found(series, (), Stages(Cache(None))).mapped()
    assert (mapped.role, mapped.brain.unit) == (expected, expected)


def test_measuring_by_another_number_is_another_identity(tmp_path):
    images = images_of(tmp_path, Role.SWI)
    held = load().measurements
    other = {**held, Measure.FLAIR_SEED_Z: replace(held[Measure.FLAIR_SEED_Z], value=9.0)}
    plain = images.digest((Role.SWI,))
    with measuring_by(other):
        assert images.digest((Role.SWI,)) != plain
    with measuring_by(held):
        assert images.digest((Role.SWI,)) == plain


class Still(Images):
    """Images of a patient who lay still in all series."""

    def _motion(self, *_):
        return at_rest()


@pytest.fixture(scope="module")
def diffusion():
    """Weighted images, those without weighting and their map, on one grid, with a little noise."""
    scan = in_wide_air()
    noise = np.random.default_rng(0).normal(0, 10, (2, *scan.volume.array.shape))
    array = np.hypot(scan.volume.array + noise[0], noise[1]).astype(np.float32)
    return {
        role: replace(scan, volume=replace(scan.volume, array=array, role=role))
        for role in (Role.FLAIR, Role.DWI, Role.B0, Role.ADC)
    }


def study_of(scans):
    """A study that has these scans already."""
    images = Still((), (), Stages(Cache(None)), _mapped=Mapped(Role.FLAIR, BrainMap(*[None] * 6)))
    for role, scan in scans.items():
        images._volumes[role] = scan.volume, (f"1.2.{role.value}",)
        images._scans[role] = scan
    return images


def with_ghosts(scan, slices):
    array = scan.volume.array.copy()
    array[slices] += 0.15 * (np.roll(array[slices], 60, axis=1) + np.roll(array[slices], -60, axis=1))
    return replace(scan, volume=replace(scan.volume, array=array))


def test_slices_with_ghosts_in_one_diffusion_series_are_left_out_of_all(diffusion):
    ghosted = slice(46, 50)
    images = study_of({**diffusion, Role.B0: with_ghosts(diffusion[Role.B0], ghosted)})
    for role in (Role.DWI, Role.B0, Role.ADC):
        placed = images.placed(role)
        assert placed.left_out == (46, 47, 48, 49)
        assert "which are left out" in placed.quality.problems[0]
        anatomy = images.scan(role).anatomy
        assert not anatomy.brain[ghosted].any()
        assert anatomy.covered[Region.BRAIN] < 0.97
    assert images.placed(Role.FLAIR).left_out == ()
    assert images.scan(Role.FLAIR).anatomy.covered[Region.BRAIN] == 1


def test_a_diffusion_map_of_refused_images_is_refused_with_them(diffusion):
    images = study_of({**diffusion, Role.DWI: with_ghosts(diffusion[Role.DWI], slice(None))})
    for role in (Role.DWI, Role.ADC):
        lack = images.placed(role)
        assert lack.why is Why.QUALITY
        assert lack.detail.startswith("motion ghosts in")
        with pytest.raises(CannotAssess, match="motion ghosts"):
            images.scan(role)


def test_a_phase_lies_and_is_spoiled_as_its_magnitude(diffusion):
    scan = diffusion[Role.FLAIR]
    noise = np.random.default_rng(1).uniform(0, 4095, scan.volume.array.shape).astype(np.float32)
    turns = {Role.PHASE: replace(scan, volume=replace(scan.volume, array=noise, role=Role.PHASE))}
    swi = replace(scan, volume=replace(scan.volume, role=Role.SWI))
    whole = study_of({Role.FLAIR: scan, Role.SWI: swi, **turns})
    assert whole.placed(Role.PHASE).left_out == ()
    some = study_of({Role.FLAIR: scan, Role.SWI: with_ghosts(swi, slice(46, 50)), **turns})
    assert some.placed(Role.PHASE).left_out == (46, 47, 48, 49)
    none = study_of({Role.FLAIR: scan, Role.SWI: with_ghosts(swi, slice(None)), **turns})
    assert none.placed(Role.PHASE).why is Why.QUALITY


def test_the_places_of_a_reference_with_ghosts_are_those_of_all_its_slices(diffusion):
    images = study_of({Role.FLAIR: with_ghosts(diffusion[Role.FLAIR], slice(46, 50))})
    assert isinstance(images.placed(Role.FLAIR), Placed)
    assert not images.scan(Role.FLAIR).anatomy.brain[46:50].any()
    assert images.reference(images.mapped()).anatomy.brain[46:50].any()


def test_another_series_of_an_earlier_study_is_brought_by_its_own_reference(diffusion, monkeypatch):
    """Each series of the earlier study need not match this study's FLAIR: their own FLAIR does."""
    now = study_of({Role.FLAIR: diffusion[Role.FLAIR]})
    earlier = Images((), (), now.stages, origin=now)
    for role in (Role.FLAIR, Role.SWI):
        volume = replace(diffusion[Role.FLAIR].volume, role=role)
        earlier._volumes[role] = volume, (f"1.3.{role.value}",)
        earlier._scans[role] = replace(diffusion[Role.FLAIR], volume=volume)
    asked = []

    def matched(places, moving):
        asked.append((places, moving.role))
        turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        if moving.role is Role.SWI:
            return Motion(np.eye(3), np.array([0.0, 2.0, 0.0]), information=0.1)
        return Motion(turn, np.array([5.0, 0.0, 0.0]), information=0.5)

    monkeypatch.setattr("workers.images.align", matched)
    monkeypatch.setattr("workers.images.strewn", lambda scan: scan.volume.role)
    monkeypatch.setattr(Images, "_places", lambda *_: "places of this study")
    motion = earlier.placed(Role.SWI).motion
    assert asked == [("places of this study", Role.FLAIR), (Role.FLAIR, Role.SWI)]
    assert motion.matrix @ np.array([1.0, 0.0, 0.0]) + motion.shift == pytest.approx([5.0, 3.0, 0.0])
    assert motion.information == 0.1


def test_without_an_earlier_reference_a_series_is_matched_with_this_study(diffusion, monkeypatch):
    now = study_of({Role.FLAIR: diffusion[Role.FLAIR]})
    earlier = Images((), (), now.stages, origin=now)
    earlier._volumes[Role.SWI] = replace(diffusion[Role.FLAIR].volume, role=Role.SWI), ("1.3.1",)
    earlier._scans[Role.SWI] = diffusion[Role.FLAIR]
    monkeypatch.setattr(Images, "_places", lambda *_: "places of this study")
    monkeypatch.setattr("workers.images.align", lambda places, _: replace(at_rest(), shift=places))
    assert earlier.placed(Role.SWI).motion.shift == "places of this study"
