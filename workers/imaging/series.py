"""Received files as series with roles, and the best series of a role."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from rules.anatomy import Confidence, Role
from rules.findings import Why
from rules.messages import InstanceFile
from workers.errors import CannotAssess
from workers.imaging.headers import PARSE_ERRORS, number, quiet, text
from workers.imaging.physics import physics_of
from workers.imaging.roles import role_of
from workers.imaging.stack import Stack, stack_of

_DEFER_BYTES = 1 << 20
"""Elements larger than this stay on disk until somebody asks for them: private blobs of hundreds of megabytes exist."""
_LEAST_COVERAGE_MM = 100.0
"""A lower stack holds no whole brain in any plane."""
_ENOUGH_COVERAGE_MM = 140.0
"""A stack this high holds a brain in any plane; more of it does not make a series better."""
_COVERAGE_STEP_MM = 10.0
"""Smaller differences in coverage do not decide between series."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The readable instances of one series, and what they show."""

    series_instance_uid: str
    files: tuple[Path, ...]
    """Absolute, in the order of `headers`."""
    headers: tuple[Dataset, ...]
    """Without pixels, sorted by InstanceNumber, then SOPInstanceUID."""
    role: Role
    evidence: str
    """One clause: why this role."""
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is not read."""

    path: Path
    detail: str
    """One clause without identifiers."""


def read_study(
    instances: Sequence[InstanceFile], root: Path
) -> tuple[tuple[Series, ...], tuple[Unreadable, ...]]:
    """Read the headers of a study and tell what each series is; the order of `instances` does not matter.

    root : folder that the instances' paths start from. Series are sorted by their UID. Copies of an instance with the same
    bytes count once; different bytes under one SOP Instance UID both stay, and reading such a series refuses.
    """
    members: dict[str, list[tuple[Path, Dataset]]] = defaultdict(list)
    unreadable = []
    with quiet():
        for instance in _distinct(instances):
            path = (root / instance.path).absolute()
            header = _header(path)
            if isinstance(header, Unreadable):
                unreadable.append(header)
            else:
                members[instance.series_instance_uid].append((path, header))
        series = tuple(_series(uid, members[uid]) for uid in sorted(members))
    return series, tuple(sorted(unreadable, key=lambda item: item.path))


def _distinct(instances: Iterable[InstanceFile]) -> list[InstanceFile]:
    """One file for each content of each instance, the same one whatever the order."""
    kept = {}
    for instance in sorted(instances, key=lambda item: item.path, reverse=True):
        kept[instance.series_instance_uid, instance.sop_instance_uid, instance.sha256] = instance
    return list(kept.values())


def _header(path: Path) -> Dataset | Unreadable:
    try:
        ds = dcmread(path, stop_before_pixels=True, defer_size=_DEFER_BYTES)
    except FileNotFoundError:
        return Unreadable(path, "the file is gone")
    except PermissionError:
        return Unreadable(path, "the file may not be opened")
    except InvalidDicomError:
        return Unreadable(path, "not a DICOM file")
    except PARSE_ERRORS:
        return Unreadable(path, "damaged header")
    if not text(ds, "SOPClassUID") or not text(ds, "SOPInstanceUID"):
        return Unreadable(path, "a header without a SOP class or instance")
    return ds


def _series(uid: str, members: list[tuple[Path, Dataset]]) -> Series:
    ordered = sorted(members, key=lambda member: (*_place(member[1]), str(member[0])))
    headers = tuple(ds for _, ds in ordered)
    return Series(uid, tuple(path for path, _ in ordered), headers, *role_of(headers))


def _place(ds: Dataset) -> tuple[float, str]:
    instance_number = number(ds, "InstanceNumber")
    return (float("inf") if instance_number is None else instance_number, text(ds, "SOPInstanceUID"))


def choose(series: Sequence[Series], role: Role) -> Series:
    """The best series of a role.

    In this order: one whose geometry holds, one that may hold a whole brain, one known by more than its name, before contrast, more of the brain, original
    images, finer resolution (the coarsest axis counts first), and of equals the later one: a repeat was made for a reason.
    Raises CannotAssess(SERIES_MISSING) if no series has the role.
    """
    candidates = [one for one in series if one.role is role]
    if not candidates:
        raise CannotAssess(Why.SERIES_MISSING, f"no {role.value} series")
    with quiet():
        return max(candidates, key=_merit)


def _merit(series: Series) -> tuple[bool, bool, bool, bool, float, bool, float, float, float, str]:
    """Larger is better, field by field."""
    physics = physics_of(series.headers)
    stack = _stack(series)
    spacing = np.linalg.norm(stack.affine[:3, :3], axis=0) if stack else np.full(3, np.inf)
    height = spacing[2] * len(stack.frames) if stack else 0.0
    return (
        stack is not None,
        height >= _LEAST_COVERAGE_MM,
        series.confidence is not Confidence.LOW,
        not physics.is_after_contrast,
        float(min(height, _ENOUGH_COVERAGE_MM) // _COVERAGE_STEP_MM),
        "DERIVED" not in physics.any_kinds,
        -round(float(spacing.max()), 2),
        -round(float(spacing.prod()), 2),
        number(series.headers[0], "SeriesNumber") or 0.0,
        series.series_instance_uid,
    )


def _stack(series: Series) -> Stack | None:
    try:
        return stack_of(series.files, series.headers, series.role)
    except CannotAssess:
        return None
