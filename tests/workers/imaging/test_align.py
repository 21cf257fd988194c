from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from rules.anatomy import Role
from rules.findings import Why
from tests.workers.imaging.heads import flat_anatomy, refusal
from workers.imaging import registration
from workers.imaging.affine import rotation
from workers.imaging.motion import Motion, at_rest
from workers.imaging.registration import align, strewn
from workers.imaging.scan import Scan
from workers.imaging.template import load_template
from workers.imaging.volume import Volume

AXIAL = np.diag([1.0, 1.0, 4.0, 1.0])
AXIAL[:3, 3] = (-100.0, -125.0, -85.0)
SAGITTAL = np.array([[0, 0, 4.0, -86.0], [1.0, 0, 0, -125.0], [0, -1.0, 0, 115.0], [0, 0, 0, 1]])
SHAPES = {"axial": (AXIAL, (46, 240, 200)), "sagittal": (SAGITTAL, (44, 210, 240))}


@pytest.fixture(scope="module")
def reference():
    volume, anatomy = flat_anatomy()
    return Scan(volume, anatomy, at_rest())


def moved(turn_deg, shift_mm):
    return Motion(rotation(np.radians(turn_deg)), np.array(shift_mm, dtype=float))


def t1_after(motion: Motion, plane: str = "axial", frame: str = "1.2.4") -> Volume:
    """A T1-like stack of 1 x 1 x 4 mm of the template's brain in a bright rim, after a motion."""
    affine, shape = SHAPES[plane]
    template = load_template(1)
    signal = 0.6 * template.grey + 1.0 * template.white + 0.25 * template.fluid
    rim = ndimage.binary_dilation(template.brain, iterations=9) & ~ndimage.binary_dilation(
        template.brain, iterations=5
    )
    signal = np.where(rim, 1.6, signal)
    to_voxel = np.linalg.inv(template.affine) @ np.linalg.inv(motion.homogeneous) @ affine
    flip = np.eye(3)[::-1]
    matrix, offset = flip @ to_voxel[:3, :3] @ flip, to_voxel[:3, 3][::-1]
    clean = ndimage.affine_transform(signal, matrix, offset, shape, order=1)
    noisy = np.abs(clean + np.random.default_rng(2).normal(0, 0.04, shape))
    uids = tuple(f"1.2.5.{k}" for k in range(shape[0]))
    volume = flat_anatomy()[0]
    return replace(
        volume,
        array=(300 * noisy).astype(np.float32),
        affine=affine,
        series_instance_uid="1.2.5",
        frame_of_reference_uid=frame,
        sop_instance_uids=uids,
    )


def errors(found: Motion, true: Motion):
    """Degrees and mm (at the middle of the brain) by which a motion is wrong."""
    left = Motion(found.matrix @ true.matrix.T, np.zeros(3))
    middle = np.array([0.0, 18.0, 8.0])
    return left.angle_deg, np.linalg.norm(
        found.matrix @ middle + found.shift - true.matrix @ middle - true.shift
    )


@pytest.mark.parametrize(
    ("turn", "shift", "plane"),
    [
        ((2.0, -1.0, 1.5), (1.5, -2.0, 3.0), "axial"),
        ((-3.0, 2.0, 4.0), (-2.0, 4.0, 2.5), "sagittal"),
    ],
)
def test_a_known_motion_is_found_to_half_a_millimetre_and_half_a_degree(reference, turn, shift, plane):
    true = moved(turn, shift)
    moving = t1_after(true, plane)
    found = align(strewn(reference), moving)
    degrees, mm = errors(found, true)
    assert degrees < 0.5
    assert mm < 0.5


def test_a_large_motion_into_another_frame_of_reference_is_found(reference):
    true = moved((-15.0, 4.0, 8.0), (12.0, -30.0, 40.0))
    degrees, mm = errors(align(strewn(reference), t1_after(true, frame="1.2.9")), true)
    assert degrees < 0.5
    assert mm < 0.5


def test_headers_are_believed_where_the_patient_lay_still(reference):
    found = align(strewn(reference), t1_after(at_rest()))
    assert np.array_equal(found.matrix, np.eye(3))
    assert not found.shift.any()
    assert found.information > 0.12


def test_what_is_no_brain_is_not_aligned(reference):
    still = t1_after(at_rest())
    noise = np.random.default_rng(1).normal(100, 20, still.array.shape).astype(np.float32)
    assert refusal(align, strewn(reference), replace(still, array=noise)) is Why.ANATOMY


def test_a_faint_series_with_ghosts_is_aligned_by_the_outline_of_the_brain(reference):
    """Grey and white matter differ by 8 %, the ghosts have a sixth of the signal: without the outline 2 mm are missed."""
    true = moved((1.5, -1.0, 1.0), (1.0, -2.0, 1.5))
    volume = t1_after(true)
    tissue = volume.array / 300
    signal = np.where(tissue > 1.3, 0.9, np.where(tissue > 0.15, 1.0 + 0.2 * (tissue - 0.8), 0.05))
    ghosts = 0.16 * (np.roll(signal, 35, axis=1) - np.roll(signal, -35, axis=1))
    rng = np.random.default_rng(4)
    faint = np.abs(signal + ghosts + rng.normal(0, 0.06, signal.shape)).astype(np.float32)
    degrees, mm = errors(align(strewn(reference), replace(volume, array=300 * faint, role=Role.SWI)), true)
    assert degrees < 1.0
    assert mm < 1.5


def test_a_faint_series_that_its_outline_draws_aside_lies_as_the_scanner_says(reference, monkeypatch):
    swi = replace(t1_after(at_rest()), role=Role.SWI)
    aside = np.array([0, 0, 0, 0.4, 0, 0])  # 4 mm
    monkeypatch.setattr(registration, "_refined", lambda *_: (9.0, aside))
    drawn = align(strewn(reference), swi)
    assert drawn.shift[0] == pytest.approx(4.0)
    monkeypatch.setattr(registration, "MIN_SAME_FRAME", drawn.information + 0.01)
    assert (align(strewn(reference), swi).shift == 0).all()
