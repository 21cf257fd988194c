"""Delivery into a folder: one folder for each study, each file whole and durable under its name, read back at once."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from service.destinations import AnyDestination, FolderDestination
from service.parcel import Outcome, Parcel, Trouble, failed
from service.settings import Settings


def send(
    parcels: Sequence[Parcel], destination: AnyDestination, _settings: Settings
) -> Iterator[tuple[Parcel, Outcome]]:
    """Copy each file to `FOLDER/STUDY/SOP.dcm`; the same object again replaces itself by the same bytes."""
    assert isinstance(destination, FolderDestination)  # noqa: S101 - the table of senders says so
    for parcel in parcels:
        yield parcel, _copy(parcel, destination.folder)


def _copy(parcel: Parcel, folder: Path) -> Outcome:
    if not folder.is_dir():
        # Made by hand, so that a share that is not mounted is noticed instead of filled.
        return failed(Trouble.NO_CONNECTION)
    place = folder / parcel.study_instance_uid / f"{parcel.sop_instance_uid}.dcm"
    try:
        _write(place, parcel.file.read_bytes() if parcel.file else b"")
        found = hashlib.sha256(place.read_bytes()).hexdigest()
    except OSError:
        return failed(Trouble.NO_CONNECTION)
    if found != parcel.sha256:
        return failed(Trouble.LOST)
    return Outcome(is_stored=True, words="stored", is_read_back=True)


def _write(place: Path, data: bytes) -> None:
    place.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place.parent, prefix=".new-", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    temporary.replace(place)
