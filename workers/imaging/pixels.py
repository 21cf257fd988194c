"""Stored pixel values of single files, decoded by maintained libraries, or why they cannot be decoded."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import iter_pixels

from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.headers import PARSE_ERRORS, number, quiet, text, value


def stored_planes(path: Path, ds: Dataset, numbers: Sequence[int]) -> list[NDArray[np.generic]]:
    """The named frames of a file, from 0, each (rows, columns), as stored: before rescaling.

    Raises CannotAssess(SERIES_UNREADABLE) if the pixel data are missing, truncated or in a syntax nobody here decodes.
    """
    indices = None if value(ds, "NumberOfFrames") is None else list(numbers)
    try:
        with quiet():
            return [np.asarray(plane) for plane in iter_pixels(path, indices=indices)]
    except PARSE_ERRORS as error:
        raise CannotAssess(Why.SERIES_UNREADABLE, _trouble(error, path, ds)) from error


def _trouble(error: BaseException, path: Path, ds: Dataset) -> str:
    """One clause for people; the libraries' own messages may quote file names."""
    syntax = ds.file_meta.TransferSyntaxUID
    if not path.exists():
        return "an image file is gone"
    if isinstance(error, NotImplementedError) or "missing dependencies" in str(error):
        return f"pixel data in {syntax.name} cannot be decoded here"
    if isinstance(error, AttributeError):
        return "an image without pixel data or with an incomplete description of them"
    if not syntax.is_compressed:
        return "truncated pixel data"
    return f"damaged pixel data in {syntax.name}"


def inverted_if_monochrome1(stored: NDArray[np.float64], ds: Dataset) -> NDArray[np.float64]:
    """Values in which larger is brighter, whatever the Photometric Interpretation (PS3.3 C.7.6.3.1.2).

    stored : as decoded. MONOCHROME1 shows the lowest stored value white, so values are mirrored in their range.
    """
    if text(ds, "PhotometricInterpretation") != "MONOCHROME1":
        return stored
    bits = int(number(ds, "BitsStored") or 16)
    is_signed = bool(number(ds, "PixelRepresentation"))
    return (-1.0 if is_signed else 2.0**bits - 1.0) - stored
