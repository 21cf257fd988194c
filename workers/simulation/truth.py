"""What is known about a simulated study: masks on the grids of its series, counts, fluid, shift, and the rules it must meet."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Role
from workers.simulation.acquisition import sample
from workers.simulation.brain import BOX
from workers.simulation.geometry import Stack
from workers.simulation.lesions import Lesion
from workers.simulation.protocol import SeriesPlan
from workers.simulation.series import Session, distortion_of, stacks, warp_during
from workers.simulation.space import LOW, SHAPE
from workers.simulation.subject import Subject
from workers.simulation.tissues import Tissue

_HALF = 0.5
"""A voxel is lesion where at least half of a full-strength lesion is averaged into it."""

IMAGING_RULES = (*(f"R{number:02d}" for number in range(1, 13)), "R16", "R18")
"""Rules of the policy that images alone can meet."""

RESTRICTED = frozenset({Tissue.CYTOTOXIC})
ENHANCING = frozenset({Tissue.ENHANCING, Tissue.ENHANCING_OEDEMA, Tissue.ENHANCING_PIA})
BLOOD = frozenset({Tissue.ACUTE_BLOOD, Tissue.SUBACUTE_BLOOD})
DARK_ON_FLAIR = frozenset({
    Tissue.HAEMOSIDERIN, Tissue.IRON, Tissue.CALCIFIED, Tissue.ENHANCING_PIA, Tissue.CSF, *BLOOD,
})  # fmt: skip
"""Kinds that do not count as FLAIR lesion: darker than white matter there, as blood and the cavity of an old infarct are."""

_FLUID = (Tissue.CSF, Tissue.ENHANCING_PIA, Tissue.BRIGHT_FLUID)
_ABOVE_VENTRICLES_MM = 30.0
"""Height in template mm above which all fluid is sulcal."""
_LEAST_MICROBLEEDS = 3
"""Microbleeds that R07 asks for without a baseline study."""


@dataclass(frozen=True, slots=True)
class RegionVolume:
    """Lesion volume in one region and side, as planned by the case."""

    region: str
    side: str
    volume_ml: float


@dataclass(frozen=True, slots=True, eq=False)
class LesionMask:
    """Where the lesions of some kinds lie, in the grid of one series."""

    name: str
    role: Role
    mask: NDArray[np.uint8]
    """(k, rows, columns), 1 is lesion."""
    volume_ml: float
    regions: tuple[RegionVolume, ...]
    stack: Stack
    series_number: int


@dataclass(frozen=True, slots=True)
class Microbleed:
    """One punctate haemorrhage; the place is LPS mm while the susceptibility-weighted series is taken."""

    region: str
    side: str
    place_lps_mm: tuple[float, float, float]
    diameter_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Everything an evaluation may ask of one study."""

    lesion: LesionMask
    """What is bright on FLAIR, in the grid of the FLAIR (of the T2 where there is none)."""
    brain: NDArray[np.uint8]
    """(k, rows, columns) on the same grid, 1 is brain with the fluid of its sulci, as in the template's mask."""
    others: tuple[LesionMask, ...]
    """Restricted, enhancing and bleeding parts, each in the grid of the series that shows it; none where there is none."""
    microbleeds: tuple[Microbleed, ...]
    supraventricular_csf_ml: float
    midline_shift_mm: float
    tonsils_mm: float
    expected_rules: tuple[str, ...]
    tolerated_rules: tuple[str, ...]
    series_instance_uids: dict[int, str]

    @property
    def mask(self) -> NDArray[np.uint8]:
        return self.lesion.mask

    @property
    def volume_ml(self) -> float:
        return self.lesion.volume_ml

    @property
    def regions(self) -> tuple[RegionVolume, ...]:
        return self.lesion.regions

    @property
    def stack(self) -> Stack:
        return self.lesion.stack

    @property
    def series_instance_uid(self) -> str:
        """The series in whose grid the lesion mask is."""
        return self.series_instance_uids[self.lesion.series_number]

    @property
    def absent_rules(self) -> tuple[str, ...]:
        """Rules that must not be present."""
        known = {*self.expected_rules, *self.tolerated_rules}
        return tuple(rule for rule in IMAGING_RULES if rule not in known)


def find_truth(session: Session, series_instance_uids: dict[int, str]) -> Truth:
    """All truth of one study, whichever of its series are written; the identifiers are by series number."""
    subject, case = session.subject, session.case
    first = Role.T2 if Role.FLAIR in case.without else Role.FLAIR
    bleeds = _microbleeds(session)
    expected, tolerated = _rules(session, len(bleeds))
    wanted = (
        ("restricted", Role.DWI, RESTRICTED),
        ("enhancing", Role.T1C, ENHANCING),
        ("blood", Role.SWI, BLOOD),
    )
    kinds = {lesion.kind for lesion in subject.lesions}
    scale = subject.warp.millimetres
    return Truth(
        lesion=find_mask(session, "lesion", first, frozenset(kinds - DARK_ON_FLAIR)),
        brain=find_brain(session, first),
        others=tuple(find_mask(session, name, role, k & kinds) for name, role, k in wanted if k & kinds),
        microbleeds=bleeds,
        supraventricular_csf_ml=_supraventricular_ml(subject),
        midline_shift_mm=case.swelling.shift_mm * scale,
        tonsils_mm=case.swelling.tonsils_mm * scale,
        expected_rules=expected,
        tolerated_rules=tolerated,
        series_instance_uids=series_instance_uids,
    )


def _rules(session: Session, microbleeds: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Expected and tolerated; what the study cannot show, or too few of, is a matter of reading."""
    case = session.case
    doubtful = set()
    if microbleeds < _LEAST_MICROBLEEDS:
        doubtful.add("R07")
    if not session.conditions.sagittal_flair:
        doubtful.add("R12")
    doubtful &= set(case.rules)
    expected = tuple(rule for rule in case.rules if rule not in doubtful)
    return expected, (*case.tolerated, *sorted(doubtful))


def find_mask(session: Session, name: str, role: Role, kinds: frozenset[Tissue]) -> LesionMask:
    """Sample lesions of some kinds onto a series' stack, over the same slice profile and distortion as its images."""
    plan = _plan_of(session, role)
    stack = stacks(session, plan)[0]
    warp, bent = warp_during(session, role), distortion_of(session, role)
    burden, number = (np.zeros(SHAPE, dtype=np.float32) for _ in range(2))
    shown = np.array([False, *(lesion.kind in kinds for lesion in session.subject.lesions)])
    number[BOX] = session.subject.lesion_number
    burden[BOX] = session.subject.burden * shown[session.subject.lesion_number]
    shape = (stack.slices, stack.rows, stack.columns)
    empty = not shown.any()
    share = np.zeros(shape, dtype=np.float32) if empty else sample(burden, stack, warp, distortion=bent)
    mask = (share >= _HALF).astype(np.uint8)
    numbers = np.zeros(shape) if empty else sample(number, stack, warp, order=0, distortion=bent)
    voxel_ml = stack.pixel_mm**2 * stack.spacing_mm / 1000.0
    regions = _by_region(session.subject.lesions, mask, numbers, voxel_ml)
    return LesionMask(name, role, mask, float(mask.sum()) * voxel_ml, regions, stack, plan.number)


def find_brain(session: Session, role: Role) -> NDArray[np.uint8]:
    """Voxels of a series' stack that hold at least half brain."""
    stack = stacks(session, _plan_of(session, role))[0]
    inside = np.zeros(SHAPE, dtype=np.float32)
    inside[BOX] = session.subject.brain.inside
    bent = distortion_of(session, role)
    share = sample(inside, stack, warp_during(session, role), distortion=bent)
    return (share >= _HALF).astype(np.uint8)


def _plan_of(session: Session, role: Role) -> SeriesPlan:
    return next(plan for plan in session.scanner.series if any(w.role is role for w in plan.weightings))


def _by_region(
    lesions: tuple[Lesion, ...], mask: NDArray[np.uint8], numbers: NDArray[np.floating], voxel_ml: float
) -> tuple[RegionVolume, ...]:
    totals: dict[tuple[str, str], float] = defaultdict(float)
    counts = np.bincount(np.rint(numbers[mask > 0]).astype(int), minlength=len(lesions) + 1)
    for lesion, count in zip(lesions, counts[1:], strict=True):
        totals[lesion.region.value, lesion.side.value] += float(count) * voxel_ml
    return tuple(RegionVolume(region, side, round(ml, 3)) for (region, side), ml in sorted(totals.items()))


def _microbleeds(session: Session) -> tuple[Microbleed, ...]:
    lesions = [one for one in session.subject.lesions if one.kind is Tissue.HAEMOSIDERIN and not one.within]
    if not lesions:
        return ()
    warp = warp_during(session, Role.SWI)
    points = warp.point(np.array([lesion.shape.centre for lesion in lesions], dtype=np.float64).T)
    return tuple(
        Microbleed(
            lesion.region.value,
            lesion.side.value,
            (round(float(x), 1), round(float(y), 1), round(float(z), 1)),
            round(2.0 * lesion.shape.radii[0] * warp.millimetres, 1),
        )
        for lesion, (x, y, z) in zip(lesions, points.T, strict=True)
    )


def _supraventricular_ml(subject: Subject) -> float:
    """Fluid above the lateral ventricles in mL: what the sulci hold."""
    low = round(_ABOVE_VENTRICLES_MM - LOW[2])
    inner = subject.brain.share(_FLUID)[low - BOX[0].start :]
    outer = np.isin(subject.labels[low:], _FLUID)
    inside = np.zeros(outer.shape, dtype=np.float32)
    inside[: inner.shape[0], BOX[1], BOX[2]] = subject.brain.inside[low - BOX[0].start :]
    voxels = float(inner.sum()) + float((outer * (1.0 - inside)).sum())
    return voxels * subject.warp.millimetres**3 / 1000.0
