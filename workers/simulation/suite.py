"""The synthetic suite: which studies an evaluation is made of, balanced from the first to the last.

The halves share no seed, so no anatomy: seeds below 10000 are for tuning, those from 10000 on for the final word.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import chain, zip_longest
from pathlib import Path

from rules.anatomy import Role
from workers.simulation.case import Case
from workers.simulation.cases import THEMES, case_named
from workers.simulation.conditions import Conditions
from workers.simulation.study import DEFAULT_STUDY_DATE, SimulatedStudy, StudyOptions, simulate_study
from workers.simulation.subject import FIRST, Visit
from workers.simulation.vendors import Vendor


class Half(StrEnum):
    """What a study may be used for."""

    TUNING = "tuning"
    REPORTING = "reporting"


FIRST_SEED = {Half.TUNING: 1000, Half.REPORTING: 10_000}
ROUNDS = 4
"""Studies of each case in a half."""

_CONDITIONS = (
    Conditions(movement=1.0, distortion=0.8),
    Conditions(snr=0.8, thickness_mm=5.0, movement=1.5, distortion=1.0),
    Conditions(snr=1.2, thickness_mm=3.0, movement=0.5, distortion=0.5),
    Conditions(resolution=1.2, movement=2.5, distortion=1.2),
    Conditions(snr=0.7, movement=3.0, distortion=1.0),
    Conditions(thickness_mm=6.0, movement=1.0, distortion=0.6),
    Conditions(snr=1.1, resolution=0.9, thickness_mm=4.0, movement=2.0, distortion=0.9),
)
"""From good to poor scans of the clinic; each case meets them in turn."""

_TALL = Conditions(movement=1.0, distortion=0.8, sagittal_flair=True)

_NEEDED: dict[str, frozenset[Role]] = {
    "R05": frozenset({Role.B0, Role.DWI, Role.ADC}),
    "R06": frozenset({Role.B0, Role.DWI, Role.ADC}),
    "R07": frozenset({Role.SWI}),
    "R08": frozenset({Role.SWI}),
    "R09": frozenset({Role.T1, Role.T1C}),
    "R11": frozenset({Role.T2}),
    "R16": frozenset({Role.B0, Role.DWI, Role.ADC, Role.T1, Role.T1C}),
}
"""Series besides the FLAIR without which a rule cannot be answered."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The same person twice."""

    change: str
    before: str
    after: tuple[str, ...]
    """Cases whose lesions are there at the second visit, together."""
    growth: float
    rules: tuple[str, ...]
    tolerated: tuple[str, ...] = ()


FOLLOW_UPS: tuple[FollowUp, ...] = (
    FollowUp("new", "healthy", ("pres",), 1.0, ("R03",)),
    FollowUp("unchanged", "ms_like", ("ms_like",), 1.0, (), ("R17",)),
    FollowUp("gone", "pres", ("healthy",), 1.0, (), ("R17",)),
    FollowUp("new", "small_vessel_disease", ("small_vessel_disease", "microbleeds"), 1.0, ("R07",), ("R18",)),
    FollowUp("larger", "deep_grey_only", ("deep_grey_only",), 1.2, ("R02",), ("R04",)),
    FollowUp("new", "healthy", ("oedema",), 1.0, ("R01",), ("R03", "R10")),
    FollowUp("unchanged", "microbleeds", ("microbleeds",), 1.0, (), ("R17",)),
    FollowUp(
        "new", "small_vessel_mild", ("small_vessel_mild", "leukoencephalopathy"), 1.0, ("R10",), ("R18",)
    ),
    FollowUp("unchanged", "leukoencephalopathy", ("leukoencephalopathy",), 1.0, (), ("R17", "R18")),
)


@dataclass(frozen=True, slots=True)
class SuiteStudy:
    """One study of the suite, written when it is needed."""

    name: str
    """Unique, and a file name."""
    case: Case
    seed: int
    vendor: Vendor
    conditions: Conditions
    visit: Visit = FIRST
    study_date: date = DEFAULT_STUDY_DATE
    change: str = ""
    """Follow-up: new, unchanged, larger or gone."""
    baseline: "SuiteStudy | None" = None

    @property
    def needed_roles(self) -> frozenset[Role]:
        """Series without which the case's own rules cannot be answered; a harmless case needs them all."""
        if not self.case.rules:
            return frozenset(Role)
        return frozenset({Role.FLAIR}).union(*(_NEEDED.get(rule, frozenset()) for rule in self.case.rules))

    def write(self, folder: Path, *, only_needed: bool = False) -> SimulatedStudy:
        """Write the study to `folder` and its truth to `<folder>-truth`."""
        options = StudyOptions(
            vendor=self.vendor,
            study_date=self.study_date,
            roles=self.needed_roles if only_needed else None,
            conditions=self.conditions,
            visit=self.visit,
        )
        return simulate_study(self.case, seed=self.seed, out=folder, options=options)


def suite(half: Half) -> Iterator[SuiteStudy]:
    """All studies of a half, so ordered that any first part of them holds each theme about equally."""
    seed = FIRST_SEED[half]
    number = 0
    for turn in range(ROUNDS):
        for place, what in enumerate(_interleaved()):
            yield _study(what, seed + number, turn, place)
            number += 1


def _interleaved() -> tuple[Case | FollowUp, ...]:
    """One of each theme, then the next of each; a theme that is used up starts the rest earlier."""
    columns: Iterator[tuple[Case | FollowUp | None, ...]] = zip_longest(*THEMES, FOLLOW_UPS)
    return tuple(one for one in chain.from_iterable(columns) if one is not None)


def _study(what: Case | FollowUp, seed: int, turn: int, place: int) -> SuiteStudy:
    vendor = tuple(Vendor)[(turn + place) % len(Vendor)]
    conditions = _CONDITIONS[(2 * turn + place) % len(_CONDITIONS)]
    if isinstance(what, FollowUp):
        return _pair(what, seed, vendor, conditions)
    if what.cord:
        conditions = _TALL
    return SuiteStudy(f"{what.name}-{vendor.value}-{seed}", what, seed, vendor, conditions)


def _pair(what: FollowUp, seed: int, vendor: Vendor, conditions: Conditions) -> SuiteStudy:
    before = case_named(what.before)
    low = max(before.ages[0], *(case_named(name).ages[0] for name in what.after))
    age = low + seed % 9
    earlier = SuiteStudy(
        f"{what.before}-{vendor.value}-{seed}-before",
        before,
        seed,
        vendor,
        conditions,
        Visit(age),
        DEFAULT_STUDY_DATE - timedelta(days=30),
    )
    after = combined(tuple(case_named(name) for name in what.after))
    after = replace(after, rules=what.rules, tolerated=what.tolerated)
    return SuiteStudy(
        f"{after.name}-{vendor.value}-{seed}-{what.change}",
        after,
        seed,
        vendor,
        conditions,
        Visit(age, what.growth, 1),
        change=what.change,
        baseline=earlier,
    )


def combined(parts: tuple[Case, ...]) -> Case:
    """One case with the lesions of all; the rest is that of the last, which is what is new."""
    last = parts[-1]
    return replace(
        last,
        name="_and_".join(part.name for part in parts),
        sentence=" ".join(part.sentence for part in parts),
        patterns=tuple(pattern for part in parts for pattern in part.patterns),
        lesions=tuple(lesion for part in parts for lesion in part.lesions),
        rules=tuple(rule for part in parts for rule in part.rules),
        tolerated=tuple(rule for part in parts for rule in part.tolerated),
    )
