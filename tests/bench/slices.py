"""MR slices on disk, as DCMTK sends them."""

import os
from pathlib import Path

from service.headers import file_meta
from tests.service.conftest import encoded, mr_slice

EXPLICIT = "1.2.840.10008.1.2.1"


def write_slices(folder: Path, count: int, size: int, study: str, series: int = 1) -> Path:
    """`count` slices of `size` times `size` pixels of noise, one series of one study."""
    folder.mkdir(parents=True)
    for number in range(1, count + 1):
        pixels = os.urandom(size * size * 2)
        ds = mr_slice(number, study=study, series=series, Rows=size, Columns=size, PixelData=pixels)
        meta = file_meta(ds.SOPClassUID, ds.SOPInstanceUID, EXPLICIT)
        (folder / f"{number:06d}.dcm").write_bytes(meta + encoded(ds))
    return folder
