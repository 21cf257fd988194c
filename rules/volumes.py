"""What a browser may show of a study: which volumes the workers left for it, and where."""

from dataclasses import dataclass
from enum import StrEnum

from rules.anatomy import Role
from rules.identity import digest_of

FOLDER = "volumes"
"""In the file store. Nothing rests on it: what is there can be made again from the images."""


class Plane(StrEnum):
    """A direction to look along."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


@dataclass(frozen=True, slots=True)
class ShownVolume:
    """One series as a volume, and where the checks found something in it."""

    role: Role
    series_instance_uid: str
    file: str
    """NIfTI, compressed, below the study's folder."""
    planes: tuple[Plane, ...]
    """That it can be looked at in, the acquired one first; of thick slices only this."""
    values: tuple[float, float]
    """The lowest and the highest."""
    window: tuple[float, float]
    """Values from black to white."""
    found: str = ""
    """NIfTI of the same grid with 0, or the number of a check from 1; empty where nothing was found."""
    checks: tuple[str, ...] = ()
    """Names of the checks that `found` numbers."""


@dataclass(frozen=True, slots=True)
class StudyVolumes:
    """The volumes of one result."""

    job_id: str
    volumes: tuple[ShownVolume, ...]


def folder_of(study_instance_uid: str) -> str:
    """The folder of a study's volumes, relative to the file store's root: no received text becomes a path."""
    name = digest_of(study_instance_uid)[:32]
    return f"{FOLDER}/{name[:2]}/{name}"
