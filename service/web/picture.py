"""DICOM images as PNG, without numeric libraries: what is stored uncompressed can be shown by the light half too."""

import struct
import zlib
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID
from sqlalchemy import select

from service.errors import ForeignPathError, ServiceError
from service.store.tables import Instance, Job, Report
from service.web.house import House

_MOST_PIXELS = 4096 * 4096
_GREY, _COLOUR = 0, 2
"""Colour types of PNG (ISO/IEC 15948)."""


class NoPictureError(ServiceError):
    """There is no picture of this to be shown here."""


def png_of_report(house: House, study_instance_uid: str, sop_instance_uid: str) -> bytes:
    """A secondary capture of ours.

    Raises NoPictureError.
    """
    with house.store.reading() as session:
        path = session.scalar(
            select(Report.path)
            .join(Job, Job.job_id == Report.job_id)
            .where(Report.sop_instance_uid == sop_instance_uid, Job.study_instance_uid == study_instance_uid)
        )
    ds = _read(house, path)
    is_plain = ds.get("PhotometricInterpretation") == "RGB" and ds.get("PlanarConfiguration") == 0
    if not is_plain or ds.get("BitsAllocated") != 8:
        raise NoPictureError
    width, height = _size(ds)
    return _png(width, height, bytes(ds.PixelData[: width * height * 3]), _COLOUR)


@dataclass(frozen=True, slots=True)
class Look:
    """How a slice's window is moved by whoever looks at it."""

    shift: float = 0.0
    """Of the centre, in widths of the window; up makes the picture darker."""
    stretch: float = 1.0
    """Of the width; below 1 makes more contrast."""


AS_STORED = Look()


def png_of_slice(
    house: House, study_instance_uid: str, sop_instance_uid: str, look: Look = AS_STORED
) -> bytes:
    """A received slice in the window that its header names, else from its darkest to its brightest value.

    look : moves this window, on the stored values and not on the picture: what it clips can be seen again

    Raises NoPictureError.
    """
    with house.store.reading() as session:
        path = session.scalar(
            select(Instance.path)
            .where(
                Instance.sop_instance_uid == sop_instance_uid,
                Instance.study_instance_uid == study_instance_uid,
                Instance.is_conflict.is_(False),
            )
            .limit(1)
        )
    ds = _read(house, path)
    is_grey = ds.get("PhotometricInterpretation") in ("MONOCHROME1", "MONOCHROME2")
    if not is_grey or ds.get("BitsAllocated") != 16 or int(ds.get("NumberOfFrames", 1)) != 1:
        raise NoPictureError
    width, height = _size(ds)
    return _png(width, height, _windowed(ds, width * height, look), _GREY)


def _windowed(ds: Dataset, count: int, look: Look) -> bytes:
    values = array("h" if ds.get("PixelRepresentation") else "H")
    values.frombytes(ds.PixelData[: count * 2])
    slope, intercept = float(ds.get("RescaleSlope", 1) or 1), float(ds.get("RescaleIntercept", 0) or 0)
    lowest, highest = min(values), max(values)
    low, high = _window(ds, slope * lowest + intercept, slope * highest + intercept)
    low, high = _moved(low, high, look)
    scale = 255.0 / max(high - low, 1e-9)
    table = {
        value: max(0, min(255, round((slope * value + intercept - low) * scale))) for value in set(values)
    }
    if ds.PhotometricInterpretation == "MONOCHROME1":
        table = {value: 255 - shade for value, shade in table.items()}
    return bytes(map(table.__getitem__, values))


def _moved(low: float, high: float, look: Look) -> tuple[float, float]:
    width = high - low
    centre = (low + high) / 2 + look.shift * width
    return centre - look.stretch * width / 2, centre + look.stretch * width / 2


def _window(ds: Dataset, darkest: float, brightest: float) -> tuple[float, float]:
    centre, width = _first(ds.get("WindowCenter")), _first(ds.get("WindowWidth"))
    if centre is None or not width:
        return darkest, brightest
    return centre - width / 2, centre + width / 2


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    return float(value if isinstance(value, int | float | str) else value[0])


def _read(house: House, path: str | None) -> Dataset:
    if path is None:
        raise NoPictureError
    try:
        ds = dcmread(_inside(house, path))
    except (OSError, InvalidDicomError, ForeignPathError) as error:
        raise NoPictureError from error
    if UID(ds.file_meta.TransferSyntaxUID).is_compressed or "PixelData" not in ds:
        raise NoPictureError("its pixels are compressed")
    return ds


def _inside(house: House, path: str) -> Path:
    return house.files.resolve(path)


def _size(ds: Dataset) -> tuple[int, int]:
    width, height = int(ds.Columns), int(ds.Rows)
    samples = int(ds.get("SamplesPerPixel", 1)) * int(ds.BitsAllocated) // 8
    if not 0 < width * height <= _MOST_PIXELS or len(ds.PixelData) < width * height * samples:
        raise NoPictureError
    return width, height


def _png(width: int, height: int, pixels: bytes, colour: int) -> bytes:
    """A picture of 8 bits a sample (ISO/IEC 15948: signature, IHDR, IDAT, IEND)."""
    stride = width * (3 if colour == _COLOUR else 1)
    rows = b"".join(b"\0" + pixels[at : at + stride] for at in range(0, stride * height, stride))
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    parts = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows, 6)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
