"""The files of a stack's images: what they share is encoded once, which is most of their headers."""

from itertools import groupby

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import validate_file_meta
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import correct_ambiguous_vr, write_dataset, write_file_meta_info
from pydicom.tag import BaseTag

_OWN = frozenset(
    tag_for_keyword(keyword)
    for keyword in (
        "SOPInstanceUID",
        "InstanceNumber",
        "ImagePositionPatient",
        "SliceLocation",
        "SmallestImagePixelValue",
        "LargestImagePixelValue",
        "PixelData",
    )
)
"""What differs from image to image of a stack (see headers.series_datasets)."""


class StackEncoder:
    """Encodes one dataset again and again while its own attributes are changed, as `Dataset.save_as` would."""

    def __init__(self, ds: Dataset) -> None:
        """Ds : the first image; explicit VR, little endian."""
        self.ds = correct_ambiguous_vr(ds, is_little_endian=True)
        runs = [(own, list(tags)) for own, tags in groupby(sorted(ds.keys()), lambda tag: tag in _OWN)]
        self._runs = [(tags, b"" if own else self._encoded(tags)) for own, tags in runs]
        validate_file_meta(ds.file_meta, enforce_standard=True)

    def encode(self) -> bytes:
        """The file of the image that the dataset is now."""
        head = _buffer()
        write_file_meta_info(head, self.ds.file_meta, enforce_standard=True)
        body = (shared or self._encoded(tags) for tags, shared in self._runs)
        return b"".join((bytes(128), b"DICM", head.getvalue(), *body))

    def _encoded(self, tags: list[BaseTag]) -> bytes:
        part = Dataset({tag: self.ds[tag] for tag in tags})
        buffer = _buffer()
        write_dataset(buffer, part, self.ds.SpecificCharacterSet)
        return buffer.getvalue()


def _buffer() -> DicomBytesIO:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    return buffer
