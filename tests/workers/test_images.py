"""In which series the brain is looked for, and what is said of those that are missing."""

from dataclasses import replace

import pytest

from rules.anatomy import Role
from rules.findings import Why
from rules.measures import Measure
from rules.policy import load
from tests.workers.imaging.phantoms import Phantom, store
from workers.cache import Cache
from workers.checks.check import Lack
from workers.images import REFERENCES, Images, Mapped
from workers.imaging.brain_map import BrainMap
from workers.imaging.cuts import measuring_by
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


def test_measuring_by_another_number_is_another_identity(tmp_path):
    images = images_of(tmp_path, Role.SWI)
    held = load().measurements
    other = {**held, Measure.FLAIR_SEED_Z: replace(held[Measure.FLAIR_SEED_Z], value=9.0)}
    plain = images.digest((Role.SWI,))
    with measuring_by(other):
        assert images.digest((Role.SWI,)) != plain
    with measuring_by(held):
        assert images.digest((Role.SWI,)) == plain
