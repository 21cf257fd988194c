"""The planes of pixels a series consists of, as its headers describe them; nothing is decoded here."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from rules.anatomy import Role
from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.exclusions import ADCS, B0_B_VALUE, DERIVED, DWI_B_VALUE, PHASES
from workers.imaging.geometry import (
    ORIENTATION_TOLERANCE,
    PIXEL_SPACING_TOLERANCE,
    affine_of,
    normal_of,
    order_along,
    step_of,
)
from workers.imaging.headers import (
    described_frames,
    functional_group,
    image_kinds,
    is_garbled,
    item,
    number,
    numbers,
    text,
)
from workers.imaging.physics import SAME_ECHO, b_value_of, echo_time_of

MIN_SLICES = 8
"""Fewer slices do not cover a brain: at 6 mm, eight make 48 mm."""
MAX_VOXELS = 2**27
"""Largest matrix that is read, 512 x 512 x 512: half a gigabyte as float32."""
USUAL_SWI_ECHO_MS = 22.0
"""Echo time of susceptibility-weighted images at 3 T, between 20 and 25 ms; some 40 ms at 1.5 T."""
USUAL_B_VALUE = 1000.0
"""Weighting that clinical cuts of diffusion are made for, in s/mm2."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One plane of pixels: where it lies, and how stored values become real ones."""

    path: Path
    number: int
    """Of the frame in its file, from 0."""
    sop_instance_uid: str
    frame_of_reference_uid: str
    shape: tuple[int, int]
    """Rows, columns."""
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    """Between rows, between columns, in mm."""
    kinds: frozenset[str]
    b_value: float | None
    echo_ms: float | None
    slope: float
    intercept: float


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Frames sorted along their normal, and where they lie: affine (4, 4), (i, j, k, 1) to mm, LPS."""

    frames: tuple[Frame, ...]
    affine: NDArray[np.float64]


def stack_of(files: Sequence[Path], headers: Sequence[Dataset], role: Role) -> Stack:
    """The even stack of parallel planes of one series.

    Raises CannotAssess where the planes are too few, too many, not one stack, or not described.
    """
    _refuse_conflicting(headers)
    described = [frame for path, ds in zip(files, headers, strict=True) for frame in _frames_of(path, ds)]
    frames = _wanted(described, role)
    if len(frames) < MIN_SLICES:
        raise CannotAssess(Why.COVERAGE, f"only {len(frames)} slices, {MIN_SLICES} are needed")
    _refuse_different(frames)
    _refuse_huge(frames)
    positions = np.array([frame.position for frame in frames])
    normal = normal_of(np.array(frames[0].orientation))
    order = order_along(normal, positions)
    first = frames[order[0]]
    affine = affine_of(
        positions[order[0]],
        np.array(first.orientation),
        np.array(first.spacing),
        step_of(positions[order], normal_of(np.array(first.orientation))),
    )
    return Stack(tuple(frames[index] for index in order), affine)


def _refuse_conflicting(headers: Sequence[Dataset]) -> None:
    identifiers = [text(ds, "SOPInstanceUID") for ds in headers]
    if len(set(identifiers)) < len(identifiers):
        raise CannotAssess(Why.SERIES_UNREADABLE, "two different images under one identifier")


def _frames_of(path: Path, ds: Dataset) -> Iterator[Frame]:
    per_frame = described_frames(ds)
    stated = int(number(ds, "NumberOfFrames") or 1)
    if stated > 1 and per_frame != stated:
        raise CannotAssess(Why.GEOMETRY, "several frames in one file without a position for each")
    for n in range(max(1, per_frame)):
        yield _frame(path, ds, n)


def _frame(path: Path, ds: Dataset, n: int) -> Frame:
    if item(ds, "ModalityLUTSequence") is not None:
        raise CannotAssess(Why.SERIES_UNREADABLE, "values are given by a lookup table")
    scale = functional_group(ds, n, "PixelValueTransformationSequence")
    if is_garbled(scale, "RescaleSlope") or is_garbled(scale, "RescaleIntercept"):
        raise CannotAssess(Why.SERIES_UNREADABLE, "a rescale slope or intercept that is no number")
    slope, intercept = number(scale, "RescaleSlope"), number(scale, "RescaleIntercept")
    if slope == 0:
        raise CannotAssess(Why.QUALITY, "the rescale slope is zero")
    rows, columns = number(ds, "Rows"), number(ds, "Columns")
    if not rows or not columns:
        raise CannotAssess(Why.SERIES_UNREADABLE, "no image matrix in a header")
    spacing = _measured(functional_group(ds, n, "PixelMeasuresSequence"), "PixelSpacing", 2)
    if min(spacing) <= 0:
        raise CannotAssess(Why.GEOMETRY, "PixelSpacing is not positive")
    return Frame(
        path=path,
        number=n,
        sop_instance_uid=text(ds, "SOPInstanceUID"),
        frame_of_reference_uid=text(ds, "FrameOfReferenceUID"),
        shape=(int(rows), int(columns)),
        position=_measured(functional_group(ds, n, "PlanePositionSequence"), "ImagePositionPatient", 3),
        orientation=_measured(
            functional_group(ds, n, "PlaneOrientationSequence"), "ImageOrientationPatient", 6
        ),
        spacing=spacing,
        kinds=frozenset(image_kinds(ds, n)),
        b_value=b_value_of(ds, n),
        echo_ms=echo_time_of(ds, n),
        slope=1.0 if slope is None else slope,
        intercept=intercept or 0.0,
    )


def _measured(ds: Dataset, keyword: str, count: int) -> tuple[float, ...]:
    found = numbers(ds, keyword)
    if len(found) != count:
        raise CannotAssess(Why.GEOMETRY, f"no valid {keyword} in a header")
    return found


def _wanted(frames: list[Frame], role: Role) -> list[Frame]:
    """Leave out what travels in the same series but is another image: phases, projections, maps, other diffusion weightings, other echoes."""
    phases = [frame for frame in frames if frame.kinds & PHASES]
    if role is Role.PHASE:
        return phases
    frames = _without(frames, PHASES)
    if role is Role.SWI:
        return _of_one_echo(_without(frames, DERIVED))
    if role in (Role.DWI, Role.B0):
        frames = _without(frames, ADCS | DERIVED)
    if role is Role.B0:
        return [frame for frame in frames if frame.b_value is not None and frame.b_value < B0_B_VALUE]
    return _weighted(frames) if role is Role.DWI else frames


def _without(frames: list[Frame], kinds: frozenset[str]) -> list[Frame]:
    """The frames of other kinds; all if there are no others."""
    return [frame for frame in frames if not frame.kinds & kinds] or frames


def _of_one_echo(frames: list[Frame]) -> list[Frame]:
    """Of several echoes the one nearest to the usual echo time: they lie in the same places."""
    echoes = {frame.echo_ms for frame in frames if frame.echo_ms is not None}
    if max(echoes, default=0.0) <= SAME_ECHO * min(echoes, default=0.0):
        return frames
    chosen = min(echoes, key=lambda echo: (abs(echo - USUAL_SWI_ECHO_MS), echo))
    return [frame for frame in frames if frame.echo_ms == chosen]


def _weighted(frames: list[Frame]) -> list[Frame]:
    """The images of one diffusion weighting: traces if there are any."""
    weights = [frame.b_value for frame in frames if frame.b_value is not None]
    chosen = usual_weighting(weights)
    if chosen is not None:
        frames = [frame for frame in frames if frame.b_value == chosen]
    traces = [frame for frame in frames if frame.kinds & {"TRACEW", "TRACE"}]
    return traces or frames


def usual_weighting(b_values: Iterable[float]) -> float | None:
    """The b value nearest to the usual one, of those that count as diffusion-weighted."""
    weights = {b for b in b_values if b >= DWI_B_VALUE}
    return min(weights, key=lambda b: (abs(b - USUAL_B_VALUE), b), default=None)


def _refuse_different(frames: list[Frame]) -> None:
    first = frames[0]
    if any(frame.shape != first.shape for frame in frames):
        raise CannotAssess(Why.GEOMETRY, "slices have different matrix sizes")
    if len({frame.frame_of_reference_uid for frame in frames}) > 1:
        raise CannotAssess(Why.GEOMETRY, "slices lie in different frames of reference")
    orientations = np.array([frame.orientation for frame in frames])
    if np.ptp(orientations, axis=0).max() > ORIENTATION_TOLERANCE:
        raise CannotAssess(Why.GEOMETRY, "slices are not parallel")
    spacings = np.array([frame.spacing for frame in frames])
    if np.any(np.ptp(spacings, axis=0) > PIXEL_SPACING_TOLERANCE * spacings.min(axis=0)):
        raise CannotAssess(Why.GEOMETRY, "slices have different pixel spacings")


def _refuse_huge(frames: list[Frame]) -> None:
    rows, columns = frames[0].shape
    if rows * columns * len(frames) > MAX_VOXELS:
        raise CannotAssess(
            Why.SERIES_UNREADABLE,
            f"the matrix of {columns} x {rows} x {len(frames)} is larger than is read here",
        )
