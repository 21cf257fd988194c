"""FHIR R4 in: resources that tell of the clinical context, posted by another system with its token."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from service.context_feed.fhir_resource import KINDS, Piece, pieces_of
from service.context_feed.news import FeedError
from service.context_feed.quarantine import receive
from service.context_feed.taking import Arrived, Outcome, Registry, map_in_force, name_of
from service.web.guard import Keeper
from service.web.house import House, Person, house_of, now
from service.web.refusals import REFUSALS

router = APIRouter(prefix="/api/v1", tags=["FHIR"], responses=REFUSALS)

_BODY = {
    "required": True,
    "content": {
        "application/fhir+json": {"schema": {"type": "object"}},
        "application/json": {"schema": {"type": "object"}},
    },
}
_JSON = "application/fhir+json"
_OUTCOME = {_JSON: {"schema": {"type": "object", "description": "OperationOutcome"}}}


@router.post(
    "/fhir",
    openapi_extra={"requestBody": _BODY},
    responses={
        200: {"description": "all was taken", "content": _OUTCOME},
        400: {"description": "no FHIR resource", "content": _OUTCOME},
        422: {"description": "what was set aside, and why", "content": _OUTCOME},
    },
)
async def take(request: Request, person: Keeper) -> Response:
    """Take a Bundle, or one resource with its contained Patient: Patient, Observation, Procedure, MedicationAdministration, Flag, Group.

    Each resource is taken or set aside by itself; the answer is an OperationOutcome with one issue for each. The same version of
    a resource again changes nothing. 422 if any was set aside.
    """
    raw = await request.body()
    return await run_in_threadpool(_answer, house_of(request), person, raw)


def _answer(house: House, person: Person, raw: bytes) -> Response:
    where = Registry(house.store, house.settings, map_in_force(house.settings.context_map))
    try:
        pieces = pieces_of(raw)
    except FeedError as error:
        return _outcome([_issue("error", "structure", error.detail, "")], 400)
    if not pieces:
        return _outcome([_issue("information", "not-supported", f"nothing of {', '.join(KINDS)}", "")], 200)
    issues = [_take(where, person, piece) for piece in pieces]
    return _outcome(issues, 422 if any(one["severity"] == "error" for one in issues) else 200)


def _take(where: Registry, person: Person, piece: Piece) -> dict[str, Any]:
    arrived = Arrived("fhir", person.name, piece.kind, piece.content, name_of("fhir", person.name, piece.key))
    try:
        outcome = receive(where, arrived, now())
    except FeedError as error:
        return _issue("error", "processing", f"set aside: {error.detail}", piece.key)
    code = "duplicate" if outcome is Outcome.REPEATED else "informational"
    return _issue("information", code, outcome.value, piece.key)


def _issue(severity: str, code: str, words: str, where: str) -> dict[str, Any]:
    return {"severity": severity, "code": code, "diagnostics": words} | (
        {"expression": [where]} if where else {}
    )


def _outcome(issues: list[dict[str, Any]], status: int) -> Response:
    return JSONResponse({"resourceType": "OperationOutcome", "issue": issues}, status, media_type=_JSON)
