"""Sign in, sign out, one's own account."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from service.accounts import AccountError, change_password
from service.web.guard import SignedIn, anybody
from service.web.house import Person, house_of, now
from service.web.pages import page
from service.web.signing_in import Refused, inside, set_cookie, sign_in, sign_out

router = APIRouter()


@router.get("/sign-in")
def form(
    request: Request,
    person: Annotated[Person | None, Depends(anybody)],
    next: str = "/",  # noqa: A002 - a word of the URL
    left: str = "",
) -> Response:
    """The form; somebody who is signed in already goes on."""
    if person is not None:
        return RedirectResponse("/account" if person.must_change else inside(next), 303)
    return sign_in_page(request, 200, next_path=inside(next), has_left=left == "provider")


@router.post("/sign-in")
def enter(
    request: Request,
    name: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=1024)],
    next: Annotated[str, Form()] = "/",  # noqa: A002 - a word of the URL
) -> Response:
    """Begin a session. Its form needs no token: nobody is signed in yet, and foreign origins are refused before."""
    house = house_of(request)
    address = request.client.host if request.client else "unknown"
    outcome = sign_in(house, name.strip().lower(), password, address, now())
    if isinstance(outcome, Refused):
        return sign_in_page(request, outcome.status, next_path=inside(next), error=outcome.words, name=name)
    response = RedirectResponse(inside(next), 303)
    set_cookie(response, house, outcome)
    return response


@router.post("/sign-out")
def leave(request: Request, person: SignedIn) -> Response:
    """End the session."""
    house = house_of(request)
    sign_out(house, person, now())
    response = RedirectResponse("/sign-in" if person.has_password else "/sign-in?left=provider", 303)
    set_cookie(response, house, "")
    return response


@router.get("/account")
def account(request: Request, person: SignedIn) -> Response:
    """One's own account."""
    return page(request, "account", person, error="", is_changed=False)


@router.post("/account")
def change(
    request: Request,
    person: SignedIn,
    old: Annotated[str, Form(max_length=1024)],
    new: Annotated[str, Form(max_length=1024)],
    again: Annotated[str, Form(max_length=1024)],
) -> Response:
    """Change one's own password."""
    if new != again:
        return page(request, "account", person, 422, error="The two new passwords differ.", is_changed=False)
    try:
        with house_of(request).store.session() as session:
            change_password(session, person.name, old, new, now())
    except AccountError as error:
        return page(request, "account", person, 422, error=error.detail, is_changed=False)
    if person.must_change:
        return RedirectResponse("/", 303)
    return page(request, "account", person, error="", is_changed=True)


def sign_in_page(
    request: Request,
    status: int,
    *,
    next_path: str = "/",
    error: str = "",
    name: str = "",
    has_left: bool = False,
) -> Response:
    """The ways in that are open here, and what went wrong on one of them."""
    settings = house_of(request).settings
    return page(
        request,
        "sign_in",
        None,
        status,
        next=next_path,
        error=error,
        name=name,
        has_left=has_left and settings.oidc is not None,
        provider=settings.oidc,
        local=settings.local_sign_in,
    )
