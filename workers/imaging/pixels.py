"""Stored pixel values of single files, decoded by maintained libraries, or why they cannot be decoded.

pydicom decodes with the plugins that are installed. JPEG Lossless, the commonest compression in archives, has no plugin
with a licence for us; GDCM inside SimpleITK decodes it from a copy that holds nothing but the pixels. Lossy JPEG of 12 bits
is left out: GDCM decodes it, but complains about each image on the standard error stream.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name its documentation uses
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import (
    AllTransferSyntaxes,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    SecondaryCaptureImageStorage,
)

from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.headers import PARSE_ERRORS, number, quiet, text, value

_ONLY_GDCM = frozenset({JPEGLossless, JPEGLosslessSV1})
_PIXEL_DESCRIPTION = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)


def stored_planes(path: Path, numbers: Sequence[int]) -> list[NDArray[np.generic]]:
    """The named frames of a file, from 0, each (rows, columns), as stored: before rescaling.

    Raises CannotAssess(SERIES_UNREADABLE) if the pixel data are missing, truncated, damaged or in a syntax nobody here
    decodes.
    """
    with quiet():
        # Read as a whole: given the path alone, pydicom 3.0 does not find the pixels of a deflated file.
        ds = _read(path)
        try:
            planes = _gdcm_planes if ds.file_meta.TransferSyntaxUID in _ONLY_GDCM else _pydicom_planes
            return list(planes(ds, numbers))
        except PARSE_ERRORS as error:
            raise CannotAssess(Why.SERIES_UNREADABLE, _trouble(error, ds)) from error


def _read(path: Path) -> Dataset:
    try:
        return dcmread(path)
    except FileNotFoundError as error:
        raise CannotAssess(Why.SERIES_UNREADABLE, "an image file is gone") from error
    except PARSE_ERRORS as error:
        raise CannotAssess(Why.SERIES_UNREADABLE, "an image file is damaged") from error


def _pydicom_planes(ds: Dataset, numbers: Sequence[int]) -> Iterator[NDArray[np.generic]]:
    indices = None if value(ds, "NumberOfFrames") is None else list(numbers)
    return (np.asarray(plane) for plane in iter_pixels(ds, indices=indices))


def _gdcm_planes(ds: Dataset, numbers: Sequence[int]) -> Iterator[NDArray[np.generic]]:
    frames = int(number(ds, "NumberOfFrames") or 1)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "frame.dcm"
        for index in numbers:
            bare = _bare(ds, get_frame(ds.PixelData, index, number_of_frames=frames))
            bare.save_as(path, enforce_file_format=True)
            # No rescaling in the copy: GDCM would apply it for some object types and not for others.
            yield np.squeeze(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), axis=0)


def _bare(ds: Dataset, frame: bytes) -> Dataset:
    """One compressed frame with nothing but what describes its pixels: no patient in a temporary file."""
    bare = Dataset()
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = ds.file_meta.TransferSyntaxUID
    bare.SOPClassUID, bare.SOPInstanceUID = SecondaryCaptureImageStorage, ds.SOPInstanceUID
    for keyword in _PIXEL_DESCRIPTION:
        setattr(bare, keyword, ds[keyword].value)
    bare.PixelData = encapsulate([frame])
    bare["PixelData"].is_undefined_length = True
    return bare


def _trouble(error: BaseException, ds: Dataset) -> str:
    """One clause for people; the libraries' own messages may quote file names."""
    syntax = ds.file_meta.get("TransferSyntaxUID")
    if syntax not in AllTransferSyntaxes:
        return "no known transfer syntax"
    if not any(keyword in ds for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        return "an image without pixel data"
    if isinstance(error, AttributeError | KeyError):
        return "an image with an incomplete description of its pixels"
    if not syntax.is_compressed:
        is_short = "less than expected" in str(error)
        return "truncated pixel data" if is_short else "pixel data that do not fit their description"
    name = syntax.name.partition(",")[0]
    is_unsupported = isinstance(error, NotImplementedError) or "missing dependencies" in str(error)
    if is_unsupported or syntax == JPEGExtended12Bit:
        return f"pixel data in {name} cannot be decoded here"
    return f"damaged pixel data in {name}"


def inverted_if_monochrome1(stored: NDArray[np.float64], ds: Dataset) -> NDArray[np.float64]:
    """Values in which larger is brighter, whatever the Photometric Interpretation (PS3.3 C.7.6.3.1.2).

    stored : as decoded. MONOCHROME1 shows the lowest stored value white, so values are mirrored in their range.
    """
    if text(ds, "PhotometricInterpretation") != "MONOCHROME1":
        return stored
    bits = int(number(ds, "BitsStored") or 16)
    is_signed = bool(number(ds, "PixelRepresentation"))
    return (-1.0 if is_signed else 2.0**bits - 1.0) - stored


def padded(stored: NDArray[np.generic], ds: Dataset) -> NDArray[np.bool_]:
    """Where an image says that it holds no pixel but padding."""
    first = number(ds, "PixelPaddingValue")
    if first is None:
        return np.zeros(stored.shape, dtype=np.bool_)
    last = number(ds, "PixelPaddingRangeLimit")
    ends = (first, first if last is None else last)
    values = stored.astype(np.float64)
    return np.asarray((values >= min(ends)) & (values <= max(ends)), dtype=np.bool_)
