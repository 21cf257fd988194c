"""Volumes of a study, for the viewer on its page."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field

from rules.anatomy import Role
from rules.volumes import Plane
from service.web.guard import BadRequestError, Reader
from service.web.house import house_of, note_view
from service.web.refusals import REFUSALS
from service.web.volumes import NoVolumeError, volume_file, volumes_of

router = APIRouter(prefix="/studies/{study_instance_uid}/volumes")
described = APIRouter(
    prefix="/api/v1/studies/{study_instance_uid}/volumes", tags=["Cartriage"], responses=REFUSALS
)

JobId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="identity of the result")]


class VolumeOut(BaseModel):
    """A series as a volume."""

    role: Role
    series_instance_uid: str
    url: str = Field(
        description="NIfTI, compressed, for somebody who is signed in at the pages; asking for it is an event of the trail"
    )
    planes: list[Plane] = Field(description="worth looking at, the acquired one first")
    values: tuple[float, float] = Field(description="lowest and highest")
    window: tuple[float, float] = Field(description="values from black to white")
    found_url: str = Field(
        description="NIfTI of the same grid with the number of a check, from 1, where it measured; empty if nowhere or not shown"
    )
    checks: list[str] = Field(description="names of these checks")


@described.get("/{job_id}")
def volumes(
    request: Request,
    person: Reader,  # noqa: ARG001 - the right is needed
    study_instance_uid: Annotated[str, Path(pattern=r"^[0-9.]{1,64}$", description="Study Instance UID")],
    job_id: JobId,
) -> list[VolumeOut]:
    """The volumes of a result, for the viewer of the page and others; none once they went with their time."""
    house = house_of(request)
    place = f"/studies/{study_instance_uid}/volumes/{job_id}"
    return [
        VolumeOut(
            role=one.role,
            series_instance_uid=one.series_instance_uid,
            url=f"{place}/{one.file}",
            planes=list(one.planes),
            values=one.values,
            window=one.window,
            found_url=f"{place}/{one.found}" if one.found and house.settings.web_masks else "",
            checks=list(one.checks),
        )
        for one in volumes_of(house, study_instance_uid, job_id)
    ]


@router.get("/{job_id}/{name}")
def volume(
    request: Request,
    person: Reader,
    study_instance_uid: str,
    job_id: JobId,
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
