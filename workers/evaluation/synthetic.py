"""The simulated studies of an evaluation."""

from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from rules.urgency import Priority
from workers.evaluation.simulated_truth import read_simulated
from workers.evaluation.truth import Truth
from workers.simulation.suite import FIRST_SEED, Half, SuiteStudy, suite

DAY_AFTER_INFUSION = 10
"""Day of every simulated study; the baseline is from 30 days before it."""
_OFFSET = "+seed"
"""Between a study's name in the suite and what was added to its seed."""


def names(half: Half, seed_offset: int = 0) -> tuple[str, ...]:
    """The studies of a half, in an order whose first part holds every theme.

    seed_offset : added to every seed: the same cases in other people. Raises ValueError if a tuning seed would become
        one of the reporting half.
    """
    studies = tuple(suite(half))
    highest = max(one.seed for one in studies) + seed_offset
    if half is Half.TUNING and highest >= FIRST_SEED[Half.REPORTING]:
        raise ValueError(f"seed {highest} belongs to the reporting half")
    suffix = f"{_OFFSET}{seed_offset}" if seed_offset else ""
    return tuple(f"{one.name}{suffix}" for one in studies)


def simulate(name: str, workplace: Path) -> tuple[Path, Truth, Path | None, date]:
    """Make a study; returns its folder, its truth, the folder of its baseline study, if it has one, and the infusion's date.

    Raises KeyError for a name that is not in the suite.
    """
    study = _named(name)
    folder, before = workplace / "study", workplace / "baseline"
    study.write(folder)
    if study.baseline:
        study.baseline.write(before)
    truth = truth_in(workplace)
    change = ("against baseline", study.change or "none")
    truth = replace(truth, strata=(*truth.strata, change))
    infusion = study.study_date - timedelta(days=DAY_AFTER_INFUSION)
    return folder, truth, before if study.baseline else None, infusion


def truth_in(workplace: Path) -> Truth:
    """The truth of a study that was made in `workplace`, as it is read now; raises FileNotFoundError if none lies there."""
    before = workplace / "baseline-truth"
    return read_simulated(workplace / "study-truth", before if before.exists() else None)


def is_simulated(name: str) -> bool:
    """Whether the suite has a study of that name."""
    return name.partition(_OFFSET)[0] in _known()


def expected_priority(name: str) -> Priority | None:
    """What a reader would give a study of the suite from its images alone; None where nothing can be assessed.

    Raises KeyError for a name that is not in the suite.
    """
    return _named(name).case.priority


@cache
def _known() -> dict[str, SuiteStudy]:
    return {one.name: one for half in Half for one in suite(half)}


def _named(name: str) -> SuiteStudy:
    plain, _, offset = name.partition(_OFFSET)
    study = _known()[plain]
    if not offset:
        return study
    baseline = study.baseline and replace(study.baseline, seed=study.baseline.seed + int(offset))
    return replace(study, seed=study.seed + int(offset), baseline=baseline)
