"""The DICOM files of a folder, as the readers want them."""

from pathlib import Path

from pydicom import dcmread

from rules.messages import InstanceFile
from workers.imaging.headers import PARSE_ERRORS, quiet
from workers.imaging.series import Series, read_study


def instances_below(folder: Path) -> tuple[InstanceFile, ...]:
    """The instances below a folder, their paths from its anchor; what is no DICOM image is left out.

    The digest is that of the name only: nothing is kept by it here.
    """
    found = []
    with quiet():
        for path in sorted(one for one in folder.resolve().rglob("*") if one.is_file()):
            try:
                ds = dcmread(path, stop_before_pixels=True)
                uids = (str(ds.SOPInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPClassUID))
            except (*PARSE_ERRORS, AttributeError):
                continue
            found.append(InstanceFile(*uids, path.relative_to(path.anchor).as_posix(), sha256=uids[0]))
    return tuple(found)


def series_below(folder: Path) -> tuple[Series, ...]:
    """The series of the one study below a folder."""
    return read_study(instances_below(folder), Path(folder.resolve().anchor))[0]
