"""The simulated studies of an evaluation."""

from pathlib import Path

from workers.evaluation.truth import Truth, read_simulated
from workers.simulation.cases import case_named, cases
from workers.simulation.study import StudyOptions, simulate_study
from workers.simulation.vendors import Vendor

REPORTING_FROM = 10_000
"""Seeds of the reporting half start here; nobody may look at them while tuning."""
PER_CASE = 15


def names(*, is_reporting: bool, seed_offset: int = 0) -> tuple[str, ...]:
    """The studies of a half, <case>-<vendor>-<seed>; no two share a seed, so no two share an anatomy."""
    start = (REPORTING_FROM if is_reporting else 100) + seed_offset
    vendors = tuple(Vendor)
    return tuple(
        f"{case.name}-{vendors[n % len(vendors)].value}-{start + n * len(cases()) + place}"
        for n in range(PER_CASE)
        for place, case in enumerate(cases())
    )


def simulate(name: str, workplace: Path) -> tuple[Path, Truth]:
    """Make a study; returns its folder and what is true of it."""
    case, vendor, seed = name.rsplit("-", 2)
    folder = workplace / "study"
    study = simulate_study(case_named(case), seed=int(seed), out=folder, options=StudyOptions(Vendor(vendor)))
    return folder, read_simulated(study.truth_file.parent)
