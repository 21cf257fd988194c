"""Who may sign in, and which other systems may use the REST interface."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy import select

from service.accounts import AccountError, Role, create, deactivate, readmit, reset
from service.store.desk_tables import Account
from service.tokens import DEFAULT_DAYS, MAX_DAYS, TokenError, issue, issued, revoke
from service.web.guard import Registrar
from service.web.house import Person, house_of, now
from service.web.pages import page

router = APIRouter(prefix="/accounts")


@router.get("")
def everybody(request: Request, person: Registrar) -> Response:
    """All accounts."""
    return _page(request, person)


@router.post("")
def add(
    request: Request,
    person: Registrar,
    name: Annotated[str, Form(max_length=64)],
    full_name: Annotated[str, Form(max_length=128)] = "",
    roles: Annotated[list[Role] | None, Form()] = None,
) -> Response:
    """Make an account; its one-time password is shown once."""
    try:
        with house_of(request).store.session() as session:
            password = create(session, name.strip().lower(), full_name, roles or [], person.name, now())
    except AccountError as error:
        return _page(request, person, 422, error=error.detail)
    return _page(request, person, 200, made=name.strip().lower(), password=password)


@router.post("/{name}/password")
def renew(request: Request, person: Registrar, name: str) -> Response:
    """A new one-time password."""
    try:
        with house_of(request).store.session() as session:
            password = reset(session, name, person.name, now())
    except AccountError as error:
        return _page(request, person, 409, error=error.detail)
    return _page(request, person, 200, made=name, password=password)


@router.post("/{name}/end")
def end(request: Request, person: Registrar, name: str) -> Response:
    """Let nobody sign in with it any more."""
    try:
        with house_of(request).store.session() as session:
            deactivate(session, name, person.name, now())
    except AccountError as error:
        return _page(request, person, 409, error=error.detail)
    return _page(request, person)


@router.post("/{name}/return")
def take_back(request: Request, person: Registrar, name: str) -> Response:
    """Let somebody from the identity provider in again."""
    try:
        with house_of(request).store.session() as session:
            readmit(session, name, person.name, now())
    except AccountError as error:
        return _page(request, person, 409, error=error.detail)
    return _page(request, person)


@router.post("/tokens")
def add_token(
    request: Request,
    person: Registrar,
    name: Annotated[str, Form(max_length=64)],
    days: Annotated[int, Form(ge=1, le=MAX_DAYS)] = DEFAULT_DAYS,
    roles: Annotated[list[Role] | None, Form()] = None,
) -> Response:
    """Make an API token; its secret is shown once."""
    try:
        with house_of(request).store.session() as session:
            secret = issue(session, name.strip().lower(), roles or [], days, person.name, now())
    except TokenError as error:
        return _page(request, person, 422, error=error.detail)
    return _page(request, person, 200, made=name.strip().lower(), secret=secret)


@router.post("/tokens/{name}/end")
def end_token(request: Request, person: Registrar, name: str) -> Response:
    """Let nobody in with an API token any more."""
    try:
        with house_of(request).store.session() as session:
            revoke(session, name, person.name, now())
    except TokenError as error:
        return _page(request, person, 409, error=error.detail)
    return _page(request, person)


def _page(request: Request, person: Person, status: int = 200, **told: str) -> Response:
    with house_of(request).store.reading() as session:
        accounts = session.scalars(select(Account).order_by(Account.name)).all()
        tokens = issued(session)
    return page(
        request,
        "accounts",
        person,
        status,
        accounts=accounts,
        tokens=tokens,
        roles=tuple(Role),
        days=DEFAULT_DAYS,
        most_days=MAX_DAYS,
        **({"error": "", "made": "", "password": "", "secret": ""} | told),
    )
