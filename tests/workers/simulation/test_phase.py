import numpy as np
import pytest

from rules.anatomy import Role
from workers.imaging.roles import role_of
from workers.simulation.brain import BOX, Brain
from workers.simulation.conditions import Conditions, adapted
from workers.simulation.geometry import stack_around
from workers.simulation.headers import SimulatedPatient, Slice, StudyHeader, image_dataset
from workers.simulation.phase import MIDDLE, phase_map, stored_phase
from workers.simulation.study import DEFAULT_STUDY_DATE
from workers.simulation.subject import Subject, Warp
from workers.simulation.tissues import Tissue
from workers.simulation.vendors import SCANNERS, Vendor

BALL = (80, 90, 75)
"""Middle of the ball in BOX, (z, y, x)."""
RADIUS = 4


def _ball_of(tissue: Tissue) -> Subject:
    shape = tuple(part.stop - part.start for part in BOX)
    away = np.sqrt(
        sum(
            (axis - middle) ** 2
            for axis, middle in zip(np.ogrid[tuple(map(slice, shape))], BALL, strict=True)
        )
    )
    ball = (away <= RADIUS).astype(np.float32)
    brain = Brain(np.ones(shape, dtype=np.float32), {tissue: ball})
    warp = Warp(
        np.diag([-1.0, -1.0, 1.0]), np.zeros(3), np.zeros((3, 2, 2, 2), dtype=np.float32), 1.0, np.eye(3)
    )
    nothing = np.zeros(0)
    return Subject(50, warp, nothing, brain, (), nothing, nothing)


def test_field_of_a_ball_is_that_of_a_dipole():
    phase = phase_map(_ball_of(Tissue.HAEMOSIDERIN), 3.0, 20.0)[BOX]
    k, j, i = BALL
    scale = 2 * np.pi * 42.577 * 3.0 * 0.020 * 1.4 / 3.0 * (RADIUS / (2 * RADIUS)) ** 3
    assert phase[k + 2 * RADIUS, j, i] == pytest.approx(2 * scale, rel=0.25)
    assert phase[k, j + 2 * RADIUS, i] == pytest.approx(-scale, rel=0.35)


def test_lime_turns_the_phase_the_other_way():
    k, j, i = BALL
    blood, lime = (
        phase_map(_ball_of(tissue), 3.0, 20.0)[BOX][k + 2 * RADIUS, j, i]
        for tissue in (Tissue.HAEMOSIDERIN, Tissue.CALCIFIED)
    )
    assert blood > 0 > lime


def test_stored_phase_wraps():
    phase = np.array([[[0.0, np.pi / 2, 3 * np.pi, -2 * np.pi]]], dtype=np.float32)
    stored = stored_phase(phase, np.zeros_like(phase), np.random.default_rng(1))
    assert stored.ravel()[[0, 1, 3]] == pytest.approx([MIDDLE, 1.5 * MIDDLE, MIDDLE])
    assert stored.ravel()[2] in {0, 2 * MIDDLE - 1}


@pytest.mark.parametrize("vendor", Vendor)
def test_headers_tell_phase_from_magnitude(vendor):
    scanner = adapted(SCANNERS[vendor], Conditions(phase_images=True))
    plan = next(plan for plan in scanner.series if plan.role is Role.PHASE)
    study = StudyHeader("2.25.1", "2.25.2", "A1", DEFAULT_STUDY_DATE, 600, 51, SimulatedPatient(), scanner)
    stack = stack_around(np.zeros(3), (np.eye(3)[0], np.eye(3)[1]), plan.size)
    pixels = np.full((stack.rows, stack.columns), MIDDLE, dtype=np.uint16)
    ds = image_dataset(study, plan, Slice(1, plan.weightings[0], stack, 0, pixels, (MIDDLE, 2 * MIDDLE)))
    assert role_of([ds])[0] is Role.PHASE
    assert len({other.number for other in scanner.series}) == len(scanner.series)
