"""Volumes of a study, for the viewer on its page."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import FileResponse, Response

from service.web.guard import BadRequestError, Reader
from service.web.house import house_of, note_view
from service.web.volumes import NoVolumeError, volume_file

router = APIRouter(prefix="/studies/{study_instance_uid}/volumes")


@router.get("/{job_id}/{name}")
def volume(
    request: Request,
    person: Reader,
    study_instance_uid: str,
    job_id: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
    name: Annotated[str, Path(pattern=r"^[0-9a-f]{24}\.nii\.gz$")],
) -> Response:
    """A series as NIfTI, or where the checks found something in it; each is an event of its own."""
    house = house_of(request)
    if not house.volumes.count(person.token_digest):
        raise BadRequestError("Too many volumes. Wait a minute.", 429)
    try:
        found = volume_file(house, study_instance_uid, job_id, name)
    except NoVolumeError as error:
        raise HTTPException(404, str(error)) from error
    note_view(
        house,
        person,
        "mask" if found.is_found else "volume",
        study_instance_uid,
        role=found.volume.role.value,
        series_instance_uid=found.volume.series_instance_uid,
        job_id=job_id,
    )
    return FileResponse(found.path, media_type="application/gzip")
