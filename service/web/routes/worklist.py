"""The reading list."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from rules.urgency import Priority
from service.listing import Show, Wanted, listed
from service.web.guard import Reader
from service.web.house import House, Person, house_of, note_rows
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
    part = "rows" if request.headers.get("x-part") else "worklist"
    return page(request, part, person, **_values(house_of(request), person, wanted))


def _values(house: House, person: Person, wanted: Wanted) -> dict[str, Any]:
    with house.store.reading() as session:
        found = listed(session, wanted)
        stand = house.standing(session)
    uids = [entry.study_instance_uid for entry in found.entries]
    note_rows(house, person, uids, show=wanted.show, priority=wanted.priority, searched=bool(wanted.text))
    return {
        "wanted": wanted,
        "entries": found.entries,
        "standing": stand,
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
