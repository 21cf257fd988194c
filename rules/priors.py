"""Priors: which earlier brain MRI of a patient the images of a study are compared with."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Prior:
    """An earlier study of the same patient, as far as the choice goes."""

    study_instance_uid: str
    study_date: date


def is_before(made: date | None, infusion: date | None) -> bool | None:
    """Whether a study was made before the infusion; on its day nobody knows."""
    return None if made is None or infusion is None or made == infusion else made < infusion


def in_turn(priors: Iterable[Prior], study_date: date, infusion: date | None) -> tuple[Prior, ...]:
    """The priors of days before `study_date`, best first: from before the infusion the last ones, then the others, latest first.

    A baseline shows what the patient had before the cells came (knowledge base 1c, M5); without an infusion date the latest is best.

    >>> old, base, last = (Prior(str(day), date(2026, 1, day)) for day in (1, 5, 20))
    >>> [one.study_instance_uid for one in in_turn([last, old, base], date(2026, 2, 1), date(2026, 1, 10))]
    ['5', '1', '20']
    """
    earlier = [one for one in priors if one.study_date < study_date]
    by_name = sorted(earlier, key=lambda one: one.study_instance_uid)
    return tuple(
        sorted(
            by_name,
            key=lambda one: (is_before(one.study_date, infusion) is True, one.study_date),
            reverse=True,
        )
    )


@dataclass(frozen=True, slots=True)
class Series:
    """An MR series as an archive lists it."""

    series_instance_uid: str
    description: str = ""
    body_part: str = ""
    """Body Part Examined, upper case."""
    instances: int = 0


_NEEDED = (
    "FLAIR", "T2", "T1", "MPRAGE", "TIRM", "DARK FLUID", "DARK-FLUID", "BRAVO", "SPACE", "CUBE",
    "SWI", "SWAN", "SUSC", "HEM", "GRE", "FFE", "VENBOLD", "VEN_BOLD", "DWI", "DIFF", "ADC", "TRACE",
)  # fmt: skip
_LOCALISERS = ("LOC", "SCOUT", "SURVEY", "SMARTBRAIN")


def needed(series: Iterable[Series]) -> tuple[Series, ...]:
    """The series that the comparison may need: by their words, where these name a FLAIR series; else all but localisers.

    Descriptions are free text, so they may only leave out what is not needed, never say what a series is.
    """
    kept = [one for one in series if not any(word in one.description.upper() for word in _LOCALISERS)]
    named = [one for one in kept if any(word in one.description.upper() for word in _NEEDED)]
    return tuple(named if any("FLAIR" in one.description.upper() for one in named) else kept)
