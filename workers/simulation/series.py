"""The pixels of each series of a protocol, from one person in one scanner."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Role
from workers.simulation.acquisition import Imperfection, Pixels, acquire, sample, shading
from workers.simulation.case import Case
from workers.simulation.conditions import USUAL, Conditions, moves_together
from workers.simulation.contrast import tissue_signals
from workers.simulation.dephasing import dephase
from workers.simulation.geometry import Matrix, Stack, rotation, stack_around
from workers.simulation.headers import Slice
from workers.simulation.phase import MIDDLE, phase_map, stored_phase
from workers.simulation.protocol import Scanner, SeriesPlan, Weighting
from workers.simulation.subject import Subject, Warp
from workers.simulation.tissues import Tissue

_PLANES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
}
"""Row and column directions, LPS."""

_UNREFOCUSED = {Role.SWI: 1.0, Role.B0: 0.1, Role.DWI: 0.1}
"""Series that lose signal next to air, and the share of their echo time that counts: echo-planar readouts are spin echoes."""

_KEPT = frozenset({Role.B0, Role.DWI, Role.SWI})

_MAXIMUM = 4095
_SHADING = 0.16


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """One person lying in one scanner: what all series share."""

    case: Case
    subject: Subject
    scanner: Scanner
    tilt: Matrix
    """(3, 3) rotation of the oblique axial slices, about AC-PC parallel to the person's head."""
    seed: int
    conditions: Conditions = USUAL
    visit: int = 0
    kept: dict[Role, NDArray[np.uint16]] = field(default_factory=dict)
    """Stored values of b0, trace and susceptibility-weighted images, from which the scanner makes ADC and phase."""


def plan_session(
    case: Case, subject: Subject, scanner: Scanner, seed: int, conditions: Conditions = USUAL, visit: int = 0
) -> Session:
    """Choose the slice orientation as a technologist would: along the head, not exactly."""
    rng = np.random.default_rng([seed, 7, visit])
    pose = subject.warp.pose
    tilt = pose @ rotation(rng.uniform(-9, -3), rng.normal(0, 1), rng.normal(0, 1))
    return Session(case, subject, scanner, tilt, seed, conditions, visit)


def warp_during(session: Session, role: Role) -> Warp:
    """Where the head lies while the series of a role is taken."""
    most = session.conditions.movement
    if not most:
        return session.subject.warp
    rng = np.random.default_rng([session.seed, 17, session.visit, crc32(moves_together(role).encode())])
    shift = rng.uniform(-most, most, 3)
    pitch, roll, yaw = (float(v) for v in rng.uniform(-most, most, 3))
    return session.subject.warp.moved(rotation(pitch, roll, yaw), shift)


def distortion_of(session: Session, role: Role) -> float:
    """Strength of echo-planar distortion; strong weighting adds a little by its eddy currents."""
    if role not in {Role.B0, Role.DWI}:
        return 0.0
    strength = session.case.distortion or session.conditions.distortion
    return strength * (1.05 if role is Role.DWI else 1.0)


def stacks(session: Session, plan: SeriesPlan) -> tuple[Stack, ...]:
    """Where the slices of a series lie; localizers are square to the scanner."""
    centre = np.round(session.subject.warp.place, 2)
    tilt = session.tilt if plan.planes == ("axial",) else np.eye(3)
    return tuple(
        stack_around(centre, (tilt @ np.array(row), tilt @ np.array(column)), plan.size)
        for row, column in (_PLANES[plane] for plane in plan.planes)
    )


def series_slices(session: Session, plan: SeriesPlan) -> Iterator[Slice]:
    """All images of a series in the order of their instance numbers."""
    number = 0
    for weighting in plan.weightings:
        for stack in stacks(session, plan):
            pixels = _stored(session, plan, weighting, stack)
            window = _window(pixels, weighting.role)
            for index, plane in enumerate(pixels):
                number += 1
                yield Slice(number, weighting, stack, index, plane, window)


def _stored(session: Session, plan: SeriesPlan, weighting: Weighting, stack: Stack) -> NDArray[np.uint16]:
    """Stored values; those of a diffusion series keep the scale of its b0, so that the ADC follows from them."""
    if weighting.role is Role.ADC:
        return _adc_map(session, stack)
    if weighting.role is Role.PHASE:
        return _phase(session, plan, weighting, stack)
    if weighting.role in session.kept:
        return session.kept[weighting.role]
    scale_by = session.scanner.full_scale / _brightness(session, weighting)
    pixels = _rounded(_image(session, plan, weighting, stack) * scale_by)
    if weighting.role in _KEPT:
        session.kept[weighting.role] = pixels
    return pixels


def _rounded(pixels: Pixels) -> NDArray[np.uint16]:
    return np.clip(np.rint(pixels), 0, _MAXIMUM).astype(np.uint16)


def _brightness(session: Session, weighting: Weighting) -> float:
    """Signal that becomes the scanner's full scale: bright brain tissue, for diffusion that of b0."""
    timing = weighting.timing
    if weighting.role is Role.DWI:
        timing = next(w.timing for p in session.scanner.series for w in p.weightings if w.role is Role.B0)
    signals = tissue_signals(timing, session.scanner.field_t)
    return 2.0 * float(max(signals[Tissue.WHITE], signals[Tissue.CORTEX]))


def _image(session: Session, plan: SeriesPlan, weighting: Weighting, stack: Stack) -> Pixels:
    """One acquisition, in signal units. Diffusion weightings of one stack share coil shading and position."""
    signals = tissue_signals(weighting.timing, session.scanner.field_t)
    role = weighting.role
    anatomy = session.subject.signal(signals)
    if role in _UNREFOCUSED:
        dephase(anatomy, session.subject.labels, _UNREFOCUSED[role] * weighting.timing.te_ms)
    clean = sample(
        anatomy,
        stack,
        warp_during(session, role),
        distortion=distortion_of(session, role),
    )
    coil = np.random.default_rng([session.seed, 11, stack.slices, stack.rows])
    clean *= shading(clean.shape, coil, _SHADING)
    white = float(signals[Tissue.WHITE])
    index = list(Role).index(role)
    own = np.random.default_rng([session.seed, 13, plan.number, index, stack.rows, session.visit])
    flaws = Imperfection(white / plan.snr, session.case.ghosting, plan.blur)
    return acquire(clean, flaws, own)


def _adc_map(session: Session, stack: Stack) -> NDArray[np.uint16]:
    """The scanner's own map, in 1e-6 mm2/s, from its b0 and b1000 images; zero where there is no signal."""
    weighted = [
        (p, w)
        for role in (Role.B0, Role.DWI)
        for p in session.scanner.series
        for w in p.weightings
        if w.role is role
    ]
    b0, dwi = (_stored(session, p, w, stack).astype(np.float64) for p, w in weighted)
    b_value = weighted[1][1].timing.b_value
    adc = 1e6 * np.log(np.maximum(b0, 1.0) / np.maximum(dwi, 1.0)) / b_value
    return _rounded(
        np.where(b0 > 0.06 * session.scanner.full_scale, np.clip(adc, 0, None), 0).astype(np.float32)
    )


def _phase(session: Session, plan: SeriesPlan, weighting: Weighting, stack: Stack) -> NDArray[np.uint16]:
    """Phase images of the susceptibility-weighted series; noisier where that is dark. Siemens counts the other way."""
    magnitude = next(w for p in session.scanner.series for w in p.weightings if w.role is Role.SWI)
    bright = np.maximum(_stored(session, plan, magnitude, stack), 1).astype(np.float32)
    sense = -1.0 if session.scanner.manufacturer.startswith("SIEMENS") else 1.0
    radians = phase_map(session.subject, session.scanner.field_t, weighting.timing.te_ms)
    sampled = sample(radians, stack, warp_during(session, Role.SWI)) * np.float32(sense)
    white = np.percentile(bright, 90)
    rng = np.random.default_rng([session.seed, 19, session.visit, stack.rows])
    return stored_phase(sampled, np.asarray(white / plan.snr / bright, dtype=np.float32), rng)


def _window(pixels: NDArray[np.uint16], role: Role) -> tuple[int, int]:
    """Display window of the whole stack."""
    if role is Role.ADC:
        return 1100, 2200
    if role is Role.PHASE:
        return MIDDLE, 2 * MIDDLE
    top = max(int(np.percentile(pixels[:: max(len(pixels) // 6, 1)], 99.3)), 2)
    return top // 2, top
