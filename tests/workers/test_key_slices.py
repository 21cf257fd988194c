from types import SimpleNamespace

import numpy as np

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Evidence, Measured, Quantity
from workers.analysis import Analysis
from workers.checks.result import CheckResult
from workers.imaging.volume import Volume
from workers.key_slices import AT_MOST, key_slices

_SHAPE = (20, 64, 48)


def images():
    """A FLAIR of 20 slices of 5 mm whose signal rises from left to right of the array, with a brain in its middle."""
    array = np.tile(np.linspace(0, 100, _SHAPE[2], dtype=np.float32), (*_SHAPE[:2], 1))
    volume = Volume(array, np.diag([1.0, 1.0, 5.0, 1.0]), Role.FLAIR, "1.2", "1.3", ("1.4",) * _SHAPE[0])
    brain = np.zeros(_SHAPE, dtype=bool)
    brain[2:18, 12:52, 10:38] = True
    scan = SimpleNamespace(volume=volume, anatomy=SimpleNamespace(brain=brain))
    return SimpleNamespace(scan=lambda _: scan)


def result(quantity, value, areas):
    mask = np.zeros(_SHAPE, dtype=bool)
    for k, side in areas.items():
        mask[k, 20 : 20 + side, 15 : 15 + side] = True
    evidence = Evidence("flair_hyperintensity 1", "1.2")
    measured = Measured(quantity, Region.BRAIN, Side.WHOLE, value, UNITS[quantity], evidence)
    return CheckResult(findings=(measured,), role=Role.FLAIR, mask=mask)


def test_the_slices_with_the_largest_areas_are_shown_but_no_neighbours():
    found = result(Quantity.FLAIR_VOLUME, 5.0, {5: 4, 6: 9, 7: 8, 12: 6, 15: 2})
    shown = key_slices(images(), Analysis({"flair_hyperintensity": found}, {}))
    # Slices are counted from the top of the head, as they are shown: 20 - k.
    numbers = [int(one.place.split(" ")[2]) for one in shown]
    assert numbers in ([7, 13, 16], [14, 8, 5])
    assert {one.series for one in shown} == {"FLAIR"}
    assert all(one.marked.any() and one.marked.shape == one.picture.shape for one in shown)
    assert max(shown[0].picture.shape) == 760


def test_what_every_study_has_and_what_was_found_nowhere_is_not_shown():
    fluid = result(Quantity.CSF_VOLUME, 20.0, {5: 9})
    nothing = result(Quantity.FLAIR_VOLUME, 0.0, {})
    assert key_slices(images(), Analysis({"oedema": fluid, "flair_hyperintensity": nothing}, {})) == ()


def test_no_check_crowds_out_another():
    many = {
        f"check_{n}": result(Quantity.FLAIR_VOLUME, 5.0, {2 * n: 9, 2 * n + 4: 5, 2 * n + 8: 3})
        for n in range(4)
    }
    shown = key_slices(images(), Analysis(many, {}))
    assert len(shown) <= AT_MOST
    assert {one.check for one in shown[:3]} <= set(many)
    assert len({one.check for one in shown}) >= 3
