"""Attributes of a received header as plain values: what is absent or malformed is None or empty, never an exception."""

import logging
import math
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

PARSE_ERRORS = (
    BytesLengthException,
    InvalidDicomError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom has been seen to raise on damaged bytes; values are parsed late, so any access may raise."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom's warnings about odd values out of the logs: they quote the values, which may name a patient."""
    logger = logging.getLogger("pydicom")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was_disabled


def value(ds: Dataset, key: str | tuple[int, int]) -> object:
    """The value of an attribute by keyword or tag; None where it is absent, empty or cannot be parsed."""
    try:
        return ds[key].value
    except PARSE_ERRORS:  # a KeyError where it is absent
        return None


def values(ds: Dataset, key: str | tuple[int, int]) -> tuple[object, ...]:
    """The values of an attribute as a tuple, whatever its multiplicity."""
    found = value(ds, key)
    if found is None or found in ("", b""):
        return ()
    return tuple(found) if isinstance(found, MultiValue | list | tuple) else (found,)


def text(ds: Dataset, key: str | tuple[int, int]) -> str:
    """The first value as stripped text; empty where absent."""
    found = values(ds, key)
    return str(found[0]).strip(" \0") if found else ""


def tokens(ds: Dataset, key: str) -> tuple[str, ...]:
    """All values of a coded string in capitals."""
    return tuple(str(item).strip(" \0").upper() for item in values(ds, key))


def numbers(ds: Dataset, key: str | tuple[int, int]) -> tuple[float, ...]:
    """All values as finite numbers; empty if any of them is not one."""
    try:
        found = tuple(float(item) for item in values(ds, key))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return ()
    return found if all(math.isfinite(item) for item in found) else ()


def number(ds: Dataset, key: str | tuple[int, int]) -> float | None:
    """The first value as a finite number, or None."""
    found = numbers(ds, key)
    return found[0] if found else None


def is_garbled(ds: Dataset, key: str) -> bool:
    """Whether an attribute holds something, and that is no finite number."""
    if key not in ds or number(ds, key) is not None:
        return False
    held = ds.get_item(key).value  # as it was read, for pydicom may not be able to parse it
    words = held.decode("latin-1") if isinstance(held, bytes) else str(held or "")
    return bool(words.strip(" \0"))


_PER_FRAME = "PerFrameFunctionalGroupsSequence"


def item(ds: Dataset, key: str, index: int = 0) -> Dataset | None:
    """An item of a sequence; None where there is none."""
    found = value(ds, key)
    return found[index] if isinstance(found, Sequence) and index < len(found) else None


def functional_group(ds: Dataset, frame: int, key: str) -> Dataset:
    """The item of a functional group of one frame, else the shared one, else an empty data set (PS3.3 C.7.6.16).

    frame : from 0. For a classic single-frame image the data set itself is the answer.
    """
    per_frame, shared = item(ds, _PER_FRAME, frame), item(ds, "SharedFunctionalGroupsSequence")
    if per_frame is None and shared is None:
        return ds
    for group in (per_frame, shared):
        found = None if group is None else item(group, key)
        if found is not None:
            return found
    return Dataset()


def described_frames(ds: Dataset) -> int:
    """How many frames the header describes one by one; 0 for a classic image."""
    found = value(ds, _PER_FRAME)
    return len(found) if isinstance(found, Sequence) else 0


_SIEMENS_B = (0x0019, 0x100C)
_PHILIPS_B = (0x2001, 0x1003)
_GE_B = (0x0043, 0x1039)
_GE_B_OFFSET = 100_000
"""GE adds a large round number to the b value of combined images (seen: 1 000 000 000 + b)."""


def b_value(ds: Dataset, frame: int = 0) -> float | None:
    """Diffusion weighting of a frame in s/mm2, from the standard attribute, else from the vendors' private ones."""
    group = functional_group(ds, frame, "MRDiffusionSequence")
    found = number(group, "DiffusionBValue")
    if found is None and tokens(group, "DiffusionDirectionality") == ("NONE",):
        return 0.0
    for tag in () if found is not None else (_SIEMENS_B, _PHILIPS_B, _GE_B):
        found = number(ds, tag)
        if found is not None:
            return found % _GE_B_OFFSET if tag == _GE_B else found
    return found


def image_kinds(ds: Dataset, frame: int = 0) -> tuple[str, ...]:
    """The values of Image Type and Complex Image Component, of the frame where there are frames (PS3.3 C.8.13.3.1)."""
    group = functional_group(ds, frame, "MRImageFrameTypeSequence")
    return (tokens(group, "FrameType") or tokens(ds, "ImageType")) + tokens(group, "ComplexImageComponent")
