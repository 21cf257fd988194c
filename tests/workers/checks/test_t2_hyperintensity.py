"""Without a FLAIR a T2 may raise a study by a clear deep lesion; what it does not show stays unknown."""

import numpy as np
import pytest

from rules.anatomy import Region, Role, Side
from rules.conditions import AtLeast, leaves
from rules.findings import Lesion, Measured, NotAssessed, Quantity, Why
from rules.measures import Measure
from rules.policy import load
from tests.workers.imaging.heads import flat_anatomy, refusal, scans_of, t2_scan
from workers.checks import flair
from workers.checks.check import Inputs, Lack
from workers.checks.t2_hyperintensity import GREYNESS, find_on_t2

MOVED = Lack(Why.QUALITY, "ghosts of motion")


def lesions(*regions, gain=1.45):
    _, anatomy = flat_anatomy()
    return np.where(np.logical_or.reduce([anatomy.region(one) for one in regions]), gain, 1.0)


def measured(scan, lack=MOVED):
    return flair.measure(Inputs({Role.T2: scan}, lacking={Role.FLAIR: lack}))


def volumes(result):
    return {(f.region, f.side): f for f in result.findings if f.quantity is Quantity.FLAIR_VOLUME}


@pytest.fixture(scope="module")
def healthy():
    return measured(t2_scan())


@pytest.fixture(scope="module")
def thalamic():
    return measured(t2_scan(gain=lesions(Region.THALAMUS)))


def test_a_healthy_t2_says_nothing_and_never_that_nothing_is_there(healthy):
    assert healthy.findings == flair.silence(MOVED.why, MOVED.detail)
    assert healthy.mask is None
    assert healthy.lesions == ()


def test_bright_thalami_are_told_on_both_sides(thalamic):
    found = volumes(thalamic)
    _, anatomy = flat_anatomy()
    for side in (Side.LEFT, Side.RIGHT):
        one = found[Region.THALAMUS, side]
        true_ml = anatomy.region(Region.THALAMUS, side).sum() * 0.008
        assert isinstance(one, Measured)
        assert 0.4 * true_ml < one.value <= true_ml, "what lies beside the ventricle is left out"
        assert one.evidence.check == f"flair_hyperintensity {flair.VERSION} on T2 by cuts"
    assert thalamic.role is Role.T2
    assert thalamic.mask.any()
    assert all(isinstance(one, Lesion) for one in thalamic.lesions)


def test_everything_else_stays_as_unknown_as_without_the_t2(thalamic):
    found = volumes(thalamic)
    others = [one for place, one in found.items() if place[0] is not Region.THALAMUS]
    assert others
    assert all(one.why is MOVED.why and one.detail == MOVED.detail for one in others)


def test_nothing_is_said_twice(thalamic):
    said = [(f.quantity, f.region, f.side) for f in thalamic.findings]
    assert len(said) == len(set(said))


def test_bright_cortex_is_not_told_from_fluid():
    cortex = t2_scan(gain=lesions(Region.PARIETAL, Region.OCCIPITAL, Region.HIPPOCAMPUS, gain=2.0))
    assert all(isinstance(one, NotAssessed) for one in measured(cortex).findings)


def test_a_flair_that_is_there_is_read_and_not_the_t2():
    volume, anatomy = flat_anatomy()
    from_flair = flair.measure(
        Inputs({**scans_of(volume, anatomy).scans, Role.T2: t2_scan(gain=lesions(Region.THALAMUS))})
    )
    assert from_flair.role is Role.FLAIR
    assert volumes(from_flair)[Region.THALAMUS, Side.LEFT].value < 0.5


@pytest.mark.parametrize(
    ("levels", "why"), [((1.3, 1.0, 2.8), Why.QUALITY), ((1.0, 1.3, 1.35), Why.QUALITY)]
)  # white brighter than grey; fluid like grey
def test_a_t2_without_its_contrast_is_refused(levels, why):
    assert refusal(find_on_t2, t2_scan(levels=levels)) is why


def test_what_is_told_can_only_answer_with_yes(thalamic):
    """A lower bound below a rule's cut, or a share or side of what was only partly seen, would read as no."""
    policy = load()
    asked = [
        leaf.cut.value
        for condition in policy.conditions()
        for leaf in leaves(condition)
        if isinstance(leaf, AtLeast)
        and leaf.subject.quantity is Quantity.FLAIR_VOLUME
        and leaf.subject.region in GREYNESS
    ]
    assert asked
    assert max(asked) <= policy.measurements[Measure.T2_TOLD_FROM].value
    told = {one.quantity for one in thalamic.findings if isinstance(one, Measured)}
    assert told == {Quantity.FLAIR_VOLUME, Quantity.FLAIR_RATIO, Quantity.FLAIR_Z}


def test_only_regions_that_touch_no_sulcus_are_told():
    assert not set(GREYNESS) & {
        Region.FRONTAL,
        Region.PARIETAL,
        Region.HIPPOCAMPUS,
        Region.INSULA,
        Region.PONS,
    }
