"""Volumes that the workers left for the study page: which there are, and where a file of them lies."""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from rules.codec import MessageError, from_plain
from rules.volumes import ShownVolume, StudyVolumes, folder_of
from service.errors import ServiceError
from service.web.house import House


class NoVolumeError(ServiceError):
    """There is no such volume, or not any more."""


@dataclass(frozen=True, slots=True)
class VolumeFile:
    """A file that the page may ask for."""

    path: Path
    volume: ShownVolume
    is_found: bool
    """Whether it tells where the checks found something; else it is the image."""


def volumes_of(house: House, study_instance_uid: str, job_id: str) -> tuple[ShownVolume, ...]:
    """The volumes of a result, best first; none if the workers left none, or they went with their time."""
    manifest = house.files.resolve(f"{folder_of(study_instance_uid)}/{job_id}.json")
    try:
        told: StudyVolumes = from_plain(StudyVolumes, json.loads(manifest.read_bytes()))
    except (OSError, ValueError, MessageError):  # another version may have written it
        return ()
    return told.volumes


def volume_file(house: House, study_instance_uid: str, job_id: str, name: str) -> VolumeFile:
    """The file of that name, if the result has it; it counts as shown now, so that it stays longest.

    Raises NoVolumeError; also for where something was found, if the site does not show it (`CARTRIAGE_WEB_MASKS`).
    """
    for volume in volumes_of(house, study_instance_uid, job_id):
        if name in (volume.file, volume.found):
            break
    else:
        raise NoVolumeError
    path = house.files.resolve(f"{folder_of(study_instance_uid)}/{name}")
    is_found = name == volume.found
    if not path.is_file() or (is_found and not house.settings.web_masks):
        raise NoVolumeError
    with contextlib.suppress(OSError):
        os.utime(path.parent)
    return VolumeFile(path, volume, is_found)
