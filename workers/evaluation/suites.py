"""Which studies an evaluation is made of, as data that another process can read."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from workers.evaluation.insertion import insert
from workers.evaluation.synthetic import simulate
from workers.evaluation.truth import Truth


class Half(StrEnum):
    """What a study may be used for. The halves share no anatomy."""

    TUNING = "tuning"
    REPORTING = "reporting"


@dataclass(frozen=True, slots=True)
class Study:
    """One study of a suite: made by the simulator where `folder` is empty, else read, with or without inserted lesions."""

    name: str
    """Unique in its suite and a file name; no text of a header."""
    folder: str = ""
    """Read: where the DICOM files are, absolute."""
    baseline: str = ""
    """Read: an earlier study to compare with, absolute."""
    inserted: str = ""
    """Read: the recipe of the lesions to insert (see workers/evaluation/insertion.py)."""
    truth: Truth | None = None
    """Read: what the manifest says."""


@dataclass(frozen=True, slots=True)
class Made:
    """A study that lies on disk."""

    folder: str
    """Absolute."""
    truth: Truth
    baseline: str = ""


def make(study: Study, workplace: Path) -> Made:
    """The study on disk; what has to be written goes into `workplace`."""
    if not study.folder:
        folder, truth = simulate(study.name, workplace)
    elif study.inserted:
        folder, truth = insert(Path(study.folder), study.inserted, workplace)
    else:
        folder, truth = Path(study.folder), study.truth or Truth(())
    return Made(str(folder.resolve()), truth, study.baseline)
