"""Sign in, sign out, one's own account."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from service.accounts import AccountError, change_password
from service.web.guard import SignedIn, anybody
from service.web.house import Person, house_of, now
from service.web.pages import page
from service.web.signing_in import Refused, set_cookie, sign_in, sign_out

router = APIRouter()


@router.get("/sign-in")
def form(
    request: Request,
    person: Annotated[Person | None, Depends(anybody)],
    next: str = "/",  # noqa: A002 - a word of the URL
) -> Response:
    """The form; somebody who is signed in already goes on."""
    if person is not None:
        return RedirectResponse("/account" if person.must_change else _inside(next), 303)
    return page(request, "sign_in", None, next=_inside(next), error="", name="")


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
        return page(
            request, "sign_in", None, outcome.status, next=_inside(next), error=outcome.words, name=name
        )
    response = RedirectResponse(_inside(next), 303)
    set_cookie(response, house, outcome)
    return response


@router.post("/sign-out")
def leave(request: Request, person: SignedIn) -> Response:
    """End the session."""
    house = house_of(request)
    sign_out(house, person, now())
    response = RedirectResponse("/sign-in", 303)
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


def _inside(target: str) -> str:
    """Only paths of our own: a link must not lead elsewhere after the sign-in."""
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\", "/sign-in"))
    return target if is_ours else "/"
