"""One study: its page, its pictures, and what people answer."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from service.answers import Answer, AnswerError, Verdict, acknowledge, assess
from service.web.guard import Answerer, Reader
from service.web.house import Person, house_of, note_view, now
from service.web.pages import page
from service.web.picture import Look, NoPictureError, png_of_report, png_of_slice
from service.web.study_page import load

router = APIRouter(prefix="/studies/{study_instance_uid}")


@router.get("")
def study(request: Request, person: Reader, study_instance_uid: str) -> Response:
    """The study's page."""
    return _page(request, person, study_instance_uid, "", 200)


@router.post("/acknowledgement")
def take_note(request: Request, person: Answerer, study_instance_uid: str) -> Response:
    """Acknowledge the alert."""
    house = house_of(request)
    try:
        with house.store.session() as session:
            acknowledge(session, study_instance_uid, person.name, house.policy, now())
    except AnswerError as error:
        return _page(request, person, study_instance_uid, str(error), 409)
    return RedirectResponse(f"/studies/{study_instance_uid}", 303)


@router.post("/assessment")
def judge(
    request: Request,
    person: Answerer,
    study_instance_uid: str,
    job_id: Annotated[str, Form(max_length=64)],
    verdict: Annotated[Verdict, Form()],
    text: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """Agree, disagree, or tell of another finding."""
    house = house_of(request)
    try:
        with house.store.session() as session:
            answer = Answer(study_instance_uid, job_id, verdict, text, person.name)
            assess(session, answer, house.policy, now())
    except AnswerError as error:
        return _page(request, person, study_instance_uid, str(error), 409)
    return RedirectResponse(f"/studies/{study_instance_uid}", 303)


@router.get("/pictures/{sop_instance_uid}.png")
def picture(request: Request, person: Reader, study_instance_uid: str, sop_instance_uid: str) -> Response:
    """A secondary capture of ours as a picture."""
    try:
        png = png_of_report(house_of(request), study_instance_uid, sop_instance_uid)
    except NoPictureError as error:
        raise HTTPException(404, str(error)) from error
    note_view(house_of(request), person, "picture", study_instance_uid, sop_instance_uid=sop_instance_uid)
    return Response(png, media_type="image/png")


@router.get("/slices/{sop_instance_uid}.png")
def key_slice(
    request: Request,
    person: Reader,
    study_instance_uid: str,
    sop_instance_uid: str,
    shift: Annotated[float, Query(ge=-2, le=2, allow_inf_nan=False)] = 0.0,
    stretch: Annotated[float, Query(ge=0.05, le=8, allow_inf_nan=False)] = 1.0,
) -> Response:
    """A received slice as a picture, in its own window or in one moved from there."""
    try:
        png = png_of_slice(house_of(request), study_instance_uid, sop_instance_uid, Look(shift, stretch))
    except NoPictureError as error:
        raise HTTPException(404, str(error)) from error
    note_view(house_of(request), person, "picture", study_instance_uid, sop_instance_uid=sop_instance_uid)
    return Response(png, media_type="image/png")


def _page(request: Request, person: Person, uid: str, error: str, status: int) -> Response:
    house = house_of(request)
    with house.store.reading() as session:
        found = load(session, house, uid, now())
    if found is None:
        raise HTTPException(404, "There is no such study.")
    note_view(house, person, "study", uid)
    return page(request, "study", person, status, error=error, verdicts=tuple(Verdict), **found)
