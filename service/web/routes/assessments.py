"""Assessments, to be taken away."""

import json
from io import BytesIO

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from pydicom import dcmwrite

from service.assessments.found import Assessed, NoAssessmentError, one_assessment, plain
from service.assessments.report import assessment_report
from service.audit import record
from service.web.guard import Reader
from service.web.house import House, Person, house_of, now

router = APIRouter(prefix="/studies/{study_instance_uid}/assessments")


@router.get("/{number}.json")
def as_json(request: Request, person: Reader, study_instance_uid: str, number: int) -> Response:
    """One assessment as JSON."""
    found = _found(house_of(request), study_instance_uid, number)
    body = json.dumps(plain(found), indent=2, ensure_ascii=False).encode()
    return _answer(house_of(request), person, found, body, "application/json", "json")


@router.get("/{number}.dcm")
def as_dicom(request: Request, person: Reader, study_instance_uid: str, number: int) -> Response:
    """One assessment as DICOM SR."""
    house = house_of(request)
    found = _found(house, study_instance_uid, number)
    buffer = BytesIO()
    dcmwrite(buffer, assessment_report(found, house.files), enforce_file_format=True)
    return _answer(house, person, found, buffer.getvalue(), "application/dicom", "dcm")


def _found(house: House, study_instance_uid: str, number: int) -> Assessed:
    if not 0 < number < 2**31:
        raise HTTPException(404, "There is no such assessment.")
    try:
        with house.store.reading() as session:
            return one_assessment(session, study_instance_uid, number)
    except NoAssessmentError as error:
        raise HTTPException(404, "There is no such assessment.") from error


def _answer(house: House, person: Person, found: Assessed, body: bytes, kind: str, suffix: str) -> Response:
    given = found.given
    with house.store.session() as session:
        told = {"assessment": given.id, "format": suffix}
        record(session, "assessment_exported", given.study_instance_uid, person.name, now(), **told)
    name = f"assessment-{given.id}.{suffix}"
    return Response(body, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})
