"""How the service stands, for those who run it."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from service.audit_feed.trouble import owe_again
from service.audit_words import told
from service.context_feed import quarantine
from service.context_feed.news import FeedError
from service.context_feed.taking import Registry, map_in_force
from service.courier import make_app
from service.drift_alarm import PERIOD, signals
from service.figures import figures
from service.operations import operations, retry_delivery, retry_job
from service.parts import parts
from service.web.guard import BadRequestError, Operator
from service.web.house import house_of, now
from service.web.pages import page

router = APIRouter(prefix="/operations")


@router.get("")
def overview(request: Request, person: Operator) -> Response:
    """Queues, disk, destinations, what failed."""
    house = house_of(request)
    with house.store.reading() as session:
        kept, _ = figures(session, PERIOD.days, now())
        found = operations(session, house.settings, now(), signals(kept.scanners))
        seen = parts(session, house.settings, make_app(house.settings), now())
    return page(request, "operations", person, found=found, seen=seen, told=told)


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


@router.post("/messages/{number}/retry")
def take_again(request: Request, person: Operator, number: int) -> Response:
    """Try a message that was set aside again, with mapping and registry as they are now."""
    house = house_of(request)
    where = Registry(house.store, house.settings, map_in_force(house.settings.context_map))
    try:
        quarantine.retry(where, number, person.name, now())
    except FeedError as error:
        raise BadRequestError(f"It stays set aside: {error.detail}.", 409) from error
    return RedirectResponse("/operations", 303)


@router.post("/messages/{number}/drop")
def drop(
    request: Request,
    person: Operator,
    number: int,
    reason: Annotated[str, Form(min_length=5, max_length=200)],
) -> Response:
    """Give a message up that was set aside; what it held is deleted."""
    house = house_of(request)
    where = Registry(house.store, house.settings, map_in_force(house.settings.context_map))
    quarantine.drop(where, number, person.name, reason, now())
    return RedirectResponse("/operations", 303)


@router.post("/audit-messages/{number}/retry")
def tell_again(request: Request, person: Operator, number: int) -> Response:
    """Let the audit feed try an event again that it set aside."""
    with house_of(request).store.session() as session:
        owe_again(session, number, person.name, now())
    return RedirectResponse("/operations", 303)
