import numpy as np
import pytest

from rules.anatomy import Region, Side
from workers.simulation.brain import BOX, WHITE, Brain
from workers.simulation.lesions import grow, place
from workers.simulation.plans import FociPlan, Layer, LesionPlan, PiaPlan, RimPlan, Target
from workers.simulation.space import LOW, Ellipsoid
from workers.simulation.tissues import Tissue

SCAR = LesionPlan(
    Region.FRONTAL, (30, 10, 24), (14, 14, 14), Tissue.GLIOTIC, 0.9, roughness=0.1, layers=(Layer(Tissue.CSF, 0.6),)
)  # fmt: skip
FOCI = FociPlan(
    Region.BRAIN, Ellipsoid((0, -18, 20), (50, 60, 30)), (8, 8), (1.5, 2.0), Tissue.HAEMOSIDERIN, 0.9, apart_mm=12.0
)  # fmt: skip


def _copy(brain: Brain) -> Brain:
    return Brain(brain.inside, {tissue: part.copy() for tissue, part in brain.fractions.items()})


def _at(x: float, y: float, z: float) -> tuple[int, int, int]:
    return tuple(round(mm - LOW[2 - n]) - BOX[n].start for n, mm in enumerate((z, y, x)))  # type: ignore[return-value]


def test_layer_lies_in_the_middle_of_its_lesion(healthy_subject):
    brain = _copy(healthy_subject.brain)
    lesions = place((SCAR,), brain, np.random.default_rng(2))
    grow(lesions, brain, np.random.default_rng(2))
    scar, cavity = lesions
    assert cavity.shape.centre == scar.shape.centre
    assert brain.fractions[Tissue.CSF][_at(*scar.shape.centre)] > 0.95
    burden = brain.fractions[Tissue.GLIOTIC]
    assert burden.sum() > 1000


def test_a_plan_is_placed_alike_whatever_else_the_case_holds(healthy_subject):
    alone = place((FOCI,), healthy_subject.brain, np.random.default_rng(4))
    among = place((SCAR, FOCI), healthy_subject.brain, np.random.default_rng(4))
    assert among[-len(alone) :] == alone


def test_growth_scales_the_same_lesions(healthy_subject):
    first, later = (
        place((SCAR,), healthy_subject.brain, np.random.default_rng(4), growth=growth)
        for growth in (1.0, 1.3)
    )
    assert later[0].shape.centre == first[0].shape.centre
    assert later[0].shape.radii == pytest.approx([1.3 * radius for radius in first[0].shape.radii])


def test_counted_foci_keep_their_distance(healthy_subject):
    lesions = place((FOCI,), healthy_subject.brain, np.random.default_rng(4))
    centres = np.array([lesion.shape.centre for lesion in lesions])
    distances = np.linalg.norm(centres[:, None] - centres[None], axis=-1) + 1000 * np.eye(8)
    assert len(lesions) == 8
    assert distances.min() > 12.0


def test_rim_takes_white_matter_next_to_the_ventricle_only(healthy_subject):
    brain = _copy(healthy_subject.brain)
    before = brain.share(WHITE)
    plan = RimPlan(
        Region.PERIVENTRICULAR, Ellipsoid((20, -16, 16), (16, 62, 20)), 4.0, Tissue.GLIOTIC, 0.8, Target.WHITE
    )
    lesions = place((plan,), brain, np.random.default_rng(1))
    burden, _ = grow(lesions, brain, np.random.default_rng(1))
    assert lesions[0].side is Side.RIGHT
    assert 2000 < (burden > 0.5).sum() < 30_000
    assert np.all(burden[before < 1e-6] < 1e-6)


def test_leptomeninges_take_fluid_and_leave_ventricles(healthy_subject):
    brain = _copy(healthy_subject.brain)
    plan = PiaPlan(Region.BRAIN, Ellipsoid((0, -18, 50), (80, 100, 30)), Tissue.ENHANCING_PIA, 0.9)
    grow(place((plan,), brain, np.random.default_rng(1)), brain, np.random.default_rng(1))
    film = brain.fractions[Tissue.ENHANCING_PIA]
    assert film.sum() > 3000
    assert film[_at(20, -30, 18)] < 0.1
    total = sum(brain.fractions.values())
    assert np.abs(total - brain.inside).max() < 1e-3
