"""Volumes and masks for the study page: NIfTI on the grid of each series, beside what a result rests on, never part of it."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Role
from rules.codec import to_plain
from rules.volumes import FOLDER, Plane, ShownVolume, StudyVolumes, folder_of
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.imaging.series import Series
from workers.imaging.sources import volume_of
from workers.imaging.volume import Volume

ROLES = (Role.FLAIR, Role.T2, Role.T1, Role.T1C, Role.DWI, Role.ADC, Role.SWI)
"""Series that are shown, in this order."""
_NEARLY_CUBIC = 2.5
"""Longest over shortest edge of a voxel, up to which a volume is shown across its slices as well."""
_DARK, _BRIGHT = 1.0, 99.5
"""Percentiles of the values in the middle of a volume, where fat and air are few, shown black and white."""
_KEY_DIGITS = 24
_TRIM_TO = 0.9
_ACROSS = (Plane.SAGITTAL, Plane.CORONAL, Plane.AXIAL)
"""The plane whose slices follow one another along x, y, z of the patient."""


@dataclass(frozen=True, slots=True)
class Room:
    """The space that volumes may take."""

    limit_bytes: int
    """Of all together; the studies that were shown longest ago go."""
    spare_bytes: int = 0
    """Of the disk, which stay free."""


def readable(series: Sequence[Series]) -> Iterator[Volume]:
    """The volumes of a study that can be read, each when it is asked for."""
    for role in ROLES:
        with contextlib.suppress(CannotAssess):  # the page says so among the series
            yield volume_of(series, role)[0]


def write_volumes(
    volumes: Iterable[Volume],
    results: Mapping[str, CheckResult],
    root: Path,
    job: tuple[str, str],
    room: Room,
) -> int:
    """Write what the study page shows; returns how many volumes. Written twice it is the same.

    results : of the checks, by their names; root : of the file store; job : Study Instance UID and identity of the result

    Raises OSError if the disk fails.
    """
    folder = root / folder_of(job[0])
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < room.spare_bytes:
        return 0
    shown = tuple(_shown(volume, results, folder) for volume in volumes)
    told = json.dumps(to_plain(StudyVolumes(job[1], shown))).encode()
    _write(folder / f"{job[1]}.json", lambda path: path.write_bytes(told))
    os.utime(folder)
    _trim(root / FOLDER, room.limit_bytes, folder)
    return len(shown)


def _shown(volume: Volume, results: Mapping[str, CheckResult], folder: Path) -> ShownVolume:
    found, checks = found_in(volume, results)
    return ShownVolume(
        volume.role,
        volume.series_instance_uid,
        _saved(as_stored(volume.array), volume, folder),
        planes_of(volume),
        (float(volume.array.min()), float(volume.array.max())),
        _window(volume.array),
        "" if found is None else _saved(found, volume, folder),
        checks,
    )


def found_in(
    volume: Volume, results: Mapping[str, CheckResult]
) -> tuple[NDArray[np.uint8] | None, tuple[str, ...]]:
    """Where checks found something in a volume: (k, j, i) with a check's number from 1, and their names; None if nowhere."""
    found = np.zeros(volume.array.shape, dtype=np.uint8)
    checks: list[str] = []
    for name, result in results.items():
        if result.role is volume.role and result.seen is not None and result.seen.any():
            checks.append(name)
            found[result.seen] = len(checks)
    return (found if checks else None), tuple(checks)


def planes_of(volume: Volume) -> tuple[Plane, ...]:
    """Planes that a volume is worth looking at in: thick slices only in their own.

    >>> lps = np.diag([1.0, 1.0, 5.0, 1.0])
    >>> one = Volume(np.zeros((2, 2, 2), dtype=np.float32), lps, Role.FLAIR, "1", "1", ("1", "2"))
    >>> [plane.value for plane in planes_of(one)]
    ['axial']
    """
    acquired = _ACROSS[int(np.argmax(np.abs(volume.affine[:3, 2])))]
    edges = volume.spacing_mm
    if max(edges) > _NEARLY_CUBIC * min(edges):
        return (acquired,)
    return (acquired, *(plane for plane in reversed(_ACROSS) if plane is not acquired))


def as_stored(array: NDArray[np.float32]) -> NDArray[np.generic]:
    """The same values in the smallest type that holds every one of them exactly."""
    lowest, highest = float(array.min()), float(array.max())
    if not np.array_equal(array, np.rint(array)):
        return array
    for kind in (np.int16, np.uint16):
        if np.iinfo(kind).min <= lowest and highest <= np.iinfo(kind).max:
            return array.astype(kind)
    return array


def _window(array: NDArray[np.float32]) -> tuple[float, float]:
    middle = array[tuple(slice(size // 4, size - size // 4) for size in array.shape)]
    low, high = np.percentile(middle, [_DARK, _BRIGHT])
    return float(low), max(float(high), float(low) + 1e-3)


def _saved(array: NDArray[np.generic], volume: Volume, folder: Path) -> str:
    """The name of the file: a digest of what is in it, so that results which rest on the same images share it."""
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine  # LPS to RAS, as NIfTI wants it
    content = hashlib.sha256(np.ascontiguousarray(array).tobytes())
    content.update(affine.tobytes() + str((array.shape, array.dtype)).encode())
    name = f"{content.hexdigest()[:_KEY_DIGITS]}.nii.gz"
    if not (folder / name).exists():
        image = nib.Nifti1Image(array.transpose(2, 1, 0), affine)
        image.set_sform(affine, code=1)
        image.header.set_xyzt_units("mm")
        _write(folder / name, lambda path: nib.save(image, path))
    return name


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Whole under its name, or not at all; not synced, as it can be made again."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as folder:
        temporary = Path(folder) / path.name
        write(temporary)
        temporary.chmod(0o640)  # as what was received
        temporary.replace(path)


def _trim(place: Path, limit_bytes: int, keep: Path) -> None:
    """Remove the studies that were shown longest ago, down to below the limit; the one that was just written stays."""
    studies = []
    for study in place.glob("*/*"):
        with contextlib.suppress(FileNotFoundError):  # another worker may be trimming too
            size = sum(file.stat().st_size for file in study.iterdir() if file.is_file())
            studies.append((study.stat().st_mtime, size, study))
    used = sum(size for _, size, _ in studies)
    if used <= limit_bytes:
        return
    for _, size, study in sorted(studies):
        if used <= limit_bytes * _TRIM_TO:
            return
        if study != keep:
            shutil.rmtree(study, ignore_errors=True)
            used -= size
