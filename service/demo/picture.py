"""The secondary capture as a PNG, for a person without a viewer."""

from importlib.util import find_spec
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import UID


def write_png(ds: Dataset, path: Path) -> Path | None:
    """Write an uncompressed RGB picture (PS3.3 C.7.6.3.1.2) as PNG; None if it is another kind, or Pillow is missing."""
    is_plain = (
        not UID(ds.file_meta.TransferSyntaxUID).is_compressed
        and ds.get("PhotometricInterpretation") == "RGB"
        and ds.get("PlanarConfiguration") == 0
        and ds.get("BitsAllocated") == 8
    )
    if not is_plain or find_spec("PIL") is None:
        return None
    from PIL import Image  # noqa: PLC0415 - of the workers' extra, not of the service

    size = (int(ds.Columns), int(ds.Rows))
    Image.frombytes("RGB", size, ds.PixelData[: size[0] * size[1] * 3]).save(path)
    return path
