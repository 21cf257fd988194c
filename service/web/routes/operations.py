"""How the service stands, for those who run it."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from service.audit_words import told
from service.operations import operations, retry_delivery, retry_job
from service.web.guard import Operator
from service.web.house import house_of, now
from service.web.pages import page

router = APIRouter(prefix="/operations")


@router.get("")
def overview(request: Request, person: Operator) -> Response:
    """Queues, disk, destinations, what failed."""
    house = house_of(request)
    with house.store.reading() as session:
        found = operations(session, house.settings, now())
    return page(request, "operations", person, found=found, told=told)


@router.post("/jobs")
def again(request: Request, person: Operator, job_id: Annotated[str, Form(max_length=64)]) -> Response:
    """Analyse a failed study again."""
    with house_of(request).store.session() as session:
        retry_job(session, job_id, person.name, now())
    return RedirectResponse("/operations", 303)


@router.post("/deliveries")
def hurry(request: Request, person: Operator, delivery_id: Annotated[int, Form()]) -> Response:
    """Try a delivery at once."""
    with house_of(request).store.session() as session:
        retry_delivery(session, delivery_id, person.name, now())
    return RedirectResponse("/operations", 303)
