"""The reading list."""

from dataclasses import replace
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from rules.urgency import Priority
from service.listing import Show, Wanted, listed
from service.views import MAX_NAME, ViewError, remove, save, views_of, wanted_of
from service.web.guard import BadRequestError, Reader
from service.web.house import House, Person, house_of, note_rows, now
from service.web.pages import page

router = APIRouter()


@router.get("/")
def worklist(
    request: Request,
    person: Reader,
    show: Show = Show.FLAGGED,
    priority: Priority | None = None,
    text: Annotated[str, Query(max_length=64)] = "",
    cursor: Annotated[str, Query(max_length=512)] = "",
) -> Response:
    """The whole page, or with the header `X-Part` only its rows."""
    wanted = Wanted(show, priority, text, cursor=cursor)
    house = house_of(request)
    is_part = bool(request.headers.get("x-part"))
    with house.store.glance() as session:
        values = _values(session, house, wanted)
        views = [] if is_part else _views(session, person, replace(wanted, cursor=""))
    uids = [entry.study_instance_uid for entry in values["entries"]]
    note_rows(house, person, uids, show=show, priority=priority, searched=bool(text))
    if is_part:
        return page(request, "rows", person, **values)
    return page(request, "worklist", person, views=views, longest_name=MAX_NAME, **values)


@router.post("/views")
def keep(
    request: Request,
    person: Reader,
    name: Annotated[str, Form(max_length=200)],
    show: Annotated[Show, Form()] = Show.FLAGGED,
    priority: Annotated[Literal["", "P1", "P2", "P3", "P4"], Form()] = "",
    text: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Save filters and search under a name, for oneself."""
    wanted = Wanted(show, Priority(priority) if priority else None, text)
    try:
        with house_of(request).store.session() as session:
            save(session, person.name, name, wanted, now())
    except ViewError as error:
        raise BadRequestError(f"The view was not saved: {error.detail}.", 422) from error
    return RedirectResponse(_link(wanted), 303)


@router.post("/views/{number}/removal")
def let_go(request: Request, person: Reader, number: int) -> Response:
    """Remove one of one's own views."""
    with house_of(request).store.session() as session:
        remove(session, person.name, number)
    return RedirectResponse("/", 303)


def _views(session: Session, person: Person, wanted: Wanted) -> list[dict[str, Any]]:
    saved = [(view, wanted_of(view)) for view in views_of(session, person.name)]
    here = _link(wanted)
    return [
        {"id": view.id, "name": view.name, "link": _link(shown), "is_here": _link(shown) == here}
        for view, shown in saved
    ]


def _values(session: Session, house: House, wanted: Wanted) -> dict[str, Any]:
    found = listed(session, wanted)
    return {
        "wanted": wanted,
        "entries": found.entries,
        "standing": house.standing(session),
        "next_page": _link(wanted, found.next_cursor) if found.next_cursor else "",
        "link": lambda **changes: _link(wanted, **changes),
        "shows": tuple(Show),
        "ladder": {step.priority for step in house.settings.escalation},
    }


def _link(wanted: Wanted, cursor: str = "", **changes: object) -> str:
    values = {
        "show": wanted.show,
        "priority": wanted.priority,
        "text": wanted.text,
        **changes,
        "cursor": cursor,
    }
    asked = {name: str(value) for name, value in values.items() if value}
    if asked.get("show") == Show.FLAGGED:
        asked.pop("show")
    return f"/?{urlencode(asked)}" if asked else "/"
