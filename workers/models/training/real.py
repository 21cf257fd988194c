"""Real scans for training: what a person marked as lesion, what is left out, and all the rest as normal.

The marks are places in template space (marks.yaml); each stands for the area of the threshold method that lies there.
Only its bright core is taken as lesion: the edge is learnt from lesions whose truth is known.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Role
from rules.messages import InstanceFile
from workers.checks.hyperintensity import find_hyperintensity
from workers.imaging.anatomy import lay
from workers.imaging.brain_map import map_brain
from workers.imaging.motion import at_rest
from workers.imaging.scan import Scan
from workers.imaging.series import read_study
from workers.imaging.sources import volume_of
from workers.models.training.heads import TrainingHead

MARKS = Path(__file__).parent / "marks.yaml"
CORE_RATIO = 1.25
REACH_MM = 6.0
"""Distance of an area's centre from its mark."""


def marked_scans(folder: Path) -> Iterator[TrainingHead]:
    """The marked scans that lie in a folder, one sub-folder of DICOM each."""
    for name, marks in yaml.safe_load(MARKS.read_text(encoding="utf-8")).items():
        if (folder / name).is_dir():
            yield _marked(scan_of(folder / name), marks)


def scan_of(folder: Path) -> Scan:
    """The FLAIR scan of a folder of DICOM files, the brain found in it; raises CannotAssess."""
    files = tuple(
        InstanceFile(path.stem, folder.name, "", path.resolve().relative_to("/").as_posix(), "")
        for path in sorted(folder.rglob("*.dcm"))
    )
    volume, _ = volume_of(read_study(files, Path("/"))[0], Role.FLAIR)
    return Scan(volume, lay(volume, map_brain(volume)), at_rest())


def _marked(scan: Scan, marks: dict[str, list[list[float]]]) -> TrainingHead:
    found = find_hyperintensity(scan.anatomy, scan.volume.spacing_mm)
    labels, count = ndimage.label(found.mask)
    centres = np.array([_centre(scan, labels == number) for number in range(1, count + 1)])
    accepted, doubtful = (np.isin(labels, _near(centres, marks[kind])) for kind in ("lesions", "doubtful"))
    core = accepted & (found.ratio >= CORE_RATIO)
    unsure = ndimage.binary_dilation(accepted | doubtful) & ~core
    return TrainingHead(scan, core.astype(np.float32), unsure)


def _centre(scan: Scan, area: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Template mm."""
    centre: NDArray[np.float64] = scan.anatomy.template_mm[:, area].astype(np.float64).mean(axis=1)
    return centre


def _near(centres: NDArray[np.float64], marks: list[list[float]]) -> list[int]:
    """Numbers of the areas nearest to each mark."""
    numbers = []
    for mark in marks:
        away = np.linalg.norm(centres - np.array(mark), axis=1)
        if away.min() <= REACH_MM:
            numbers.append(int(away.argmin()) + 1)
    return numbers
