"""Live news for open pages: server-sent events that say only that the list changed; the page fetches it itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from sqlalchemy import select

from rules.urgency import Priority
from service.errors import StoreUnavailableError
from service.store.desk_tables import WorklistEntry, WorklistState
from service.web.guard import Reader
from service.web.house import House, house_of
from service.web.words import iso

router = APIRouter()

_EVERY_S = 1.0
_BEATS = 15
"""A word after so many looks without news: the page knows that the line still stands."""
_LONGEST_LOOKS = 900
"""Then the browser connects again, and has to be signed in still."""


@router.get("/live")
async def live(request: Request, person: Reader) -> StreamingResponse:  # noqa: ARG001 - must be signed in
    """The stream of one page."""
    headers = {"x-accel-buffering": "no"}
    return StreamingResponse(
        _news(request, house_of(request)), media_type="text/event-stream", headers=headers
    )


async def _news(request: Request, house: House) -> AsyncIterator[str]:
    known = -1
    for look in range(_LONGEST_LOOKS):
        if await request.is_disconnected():
            return
        try:
            standing = await run_in_threadpool(_standing, house)
        except StoreUnavailableError:
            standing = None
        if standing is None:
            yield "event: silent\ndata: {}\n\n"
        elif standing["version"] != known or look % _BEATS == 0:
            known = standing["version"]
            yield f"event: list\ndata: {json.dumps(standing)}\n\n"
        await asyncio.sleep(_EVERY_S)


def _standing(house: House) -> dict[str, Any] | None:
    """Version and age of the list, and the urgent studies that wait for an answer: UIDs, never names."""
    waiting = (
        select(WorklistEntry.study_instance_uid, WorklistEntry.shown)
        .where(
            WorklistEntry.is_flagged,
            WorklistEntry.is_read.is_(False),
            WorklistEntry.place < 2,  # decided P1, or raised to it
            WorklistEntry.acknowledged_at.is_(None),
        )
        .limit(50)
    )
    with house.store.reading() as session:
        state = session.get(WorklistState, 1)
        if state is None:
            return None
        urgent = [uid for uid, shown in session.execute(waiting) if shown == Priority.P1]
    return {"version": state.version, "at": iso(state.at), "urgent": urgent}
