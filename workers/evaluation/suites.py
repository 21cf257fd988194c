"""Which studies an evaluation is made of, as data that another process can read."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from workers.evaluation.insertion import insert
from workers.evaluation.synthetic import simulate
from workers.evaluation.truth import Truth


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
    infusion_date: date | None = None
    """Of a simulated patient; a read study tells none."""


def make(study: Study, workplace: Path) -> Made:
    """The study on disk; what has to be written goes into `workplace`."""
    if not study.folder:
        folder, truth, baseline, infusion = simulate(study.name, workplace)
        return Made(str(folder.resolve()), truth, str(baseline.resolve()) if baseline else "", infusion)
    if study.inserted:
        folder, truth = insert(Path(study.folder), study.inserted, workplace)
        return Made(str(folder.resolve()), truth)
    return Made(study.folder, study.truth or Truth(()), study.baseline)
