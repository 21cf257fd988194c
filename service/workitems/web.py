"""Our worklist over the web: UPS-RS (PS3.18 11) for the callers whose tokens are known; events by WebSocket (8.11)."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pydicom import Dataset
from pynetdicom.sop_class import UnifiedProcedureStepPush
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from service import audit
from service.errors import StoreUnavailableError
from service.settings import Settings
from service.store.session import Store
from service.store.workitem_tables import Workitem, WorkitemNews
from service.workitems import states
from service.workitems.actions import Asked, act
from service.workitems.items import shown, update
from service.workitems.query import QueryError, keys_of, number_of
from service.workitems.scp import find

_JSON = "application/dicom+json"
_ROOT = "/dicom-web"
_BODY_AT_MOST = 1_000_000
_PAGE, _PAGE_AT_MOST = 200, 1000
_LOOK_EACH_S = 0.5
"""How soon an event reaches an open channel."""
_HTTP = {
    states.SUCCESS: 200,
    states.NOT_ALL_SUPPORTED: 200,
    states.UNKNOWN: 404,
    states.UNKNOWN_RECEIVER: 403,
    states.INVALID_ARGUMENT: 400,
    states.PROCESSING_FAILURE: 400,
}
"""DIMSE status to HTTP status (PS3.18 11.4 to 11.12); any other is a conflict with the state of the workitem."""
_CHANGE_STATE, _REQUEST_CANCEL, _SUBSCRIBE, _UNSUBSCRIBE, _SUSPEND = range(1, 6)
Who = Callable[[str], str]
"""Authorization header to the AE title of who sends it; empty if it is nobody's."""


def routes(store: Store, settings: Settings, who: Who, anonymous: str) -> list[BaseRoute]:
    """The routes of the worklist; none where it is not offered.

    anonymous : the AE title that `who` gives while no callers are listed; it may watch under any title
    """
    if not settings.worklist:
        return []
    desk = _Desk(store, settings, who, anonymous)
    one = f"{_ROOT}/workitems/{{uid}}"
    return [
        Route(f"{_ROOT}/workitems", desk.search, methods=["GET"]),
        Route(one, desk.retrieve, methods=["GET"]),
        Route(one, desk.change, methods=["POST"]),
        Route(f"{one}/state", partial(desk.act, _CHANGE_STATE), methods=["PUT"]),
        Route(f"{one}/cancelrequest", partial(desk.act, _REQUEST_CANCEL), methods=["POST"]),
        Route(f"{one}/subscribers/{{ae_title}}", partial(desk.act, _SUBSCRIBE), methods=["POST"]),
        Route(f"{one}/subscribers/{{ae_title}}", partial(desk.act, _UNSUBSCRIBE), methods=["DELETE"]),
        Route(f"{one}/subscribers/{{ae_title}}/suspend", partial(desk.act, _SUSPEND), methods=["POST"]),
        WebSocketRoute(f"{_ROOT}/subscribers/{{ae_title}}", desk.channel),
    ]


class _Desk:
    """Serves the requests of one process."""

    def __init__(self, store: Store, settings: Settings, who: Who, anonymous: str) -> None:
        self.store, self.settings, self.who, self.anonymous = store, settings, who, anonymous

    async def search(self, request: Request) -> Response:
        return await self._served(request, self._search)

    async def retrieve(self, request: Request) -> Response:
        return await self._served(request, self._retrieve)

    async def change(self, request: Request) -> Response:
        return await self._served(request, self._change)

    async def act(self, action_type: int, request: Request) -> Response:
        return await self._served(request, partial(self._act, action_type))

    async def channel(self, socket: WebSocket) -> None:
        """Tell a subscriber what it is owed, as long as it listens."""
        title = socket.path_params["ae_title"]
        if title not in self._titles(self.who(socket.headers.get("authorization", "")), title):
            await socket.close(1008)
            return
        await socket.accept()
        gone = asyncio.ensure_future(_until_closed(socket))
        try:
            async with asyncio.timeout(self.settings.association_timeout_s):
                while not gone.done():
                    for number, message in await run_in_threadpool(self._owed, title):
                        await socket.send_text(message)
                        await run_in_threadpool(self._told, number)
                    await asyncio.wait({gone}, timeout=_LOOK_EACH_S)
        except TimeoutError:
            await socket.close(1001)
        except (WebSocketDisconnect, RuntimeError, StoreUnavailableError):
            return  # what was not told stays owed
        finally:
            gone.cancel()

    async def _served(self, request: Request, serve: Callable[..., Response]) -> Response:
        caller = self.who(request.headers.get("authorization", ""))
        if not caller:
            return PlainTextResponse("Who are you?", 401, {"WWW-Authenticate": "Bearer"})
        try:
            given = await _body(request)
            return await run_in_threadpool(serve, request, caller, given)
        except StoreUnavailableError:
            return PlainTextResponse("The database does not answer.", 503, {"Retry-After": "30"})
        except QueryError as error:
            return PlainTextResponse(f"Not an attribute: {error}", 400)
        except (ValueError, TypeError, KeyError, AttributeError):
            # The error's text may quote what was sent.
            return PlainTextResponse("The request is not understood.", 400)

    def _search(self, request: Request, caller: str, _given: Dataset) -> Response:
        parameters = request.query_params.multi_items()
        keys = keys_of(parameters)
        limit = min(number_of(parameters, "limit", _PAGE), _PAGE_AT_MOST)
        first = number_of(parameters, "offset", 0)
        with self.store.session() as session:
            found = list(find(session, keys))
            audit.record(session, "workitems_found", None, caller, datetime.now(UTC), count=len(found))
        page = found[first : first + limit]
        return _json(page, 200) if page else Response(status_code=204)

    def _retrieve(self, request: Request, caller: str, _given: Dataset) -> Response:
        uid = request.path_params["uid"]
        with self.store.session() as session:
            item = session.get(Workitem, uid)
            if item is None:
                return PlainTextResponse("There is no such workitem.", 404)
            audit.record(
                session, "workitem_shown", item.study_instance_uid, caller, datetime.now(UTC), workitem=uid
            )
            return _json([_named(shown(item), uid)], 200)

    def _change(self, request: Request, caller: str, given: Dataset) -> Response:
        if transaction := request.query_params.get("transaction-uid"):
            given.TransactionUID = transaction
        uid = request.path_params["uid"]
        return self._answered(lambda session, now: update(session, uid, given, caller, now))

    def _act(self, action_type: int, request: Request, caller: str, given: Dataset) -> Response:
        uid, title = request.path_params["uid"], request.path_params.get("ae_title", "")
        if title:
            given.ReceivingAE = title
            if title not in self._titles(caller, title):
                return _status(states.UNKNOWN_RECEIVER)
        asked = Asked(uid, given, caller, self._titles(caller, title))
        answer = self._answered(lambda session, now: act(session, action_type, asked, now))
        if action_type == _SUBSCRIBE and answer.status_code == 200:
            scheme = "wss" if request.url.scheme == "https" else "ws"
            place = f"{scheme}://{request.url.netloc}{_ROOT}/subscribers/{title}"
            return Response(status_code=201, headers={"Content-Location": place})
        if action_type == _REQUEST_CANCEL and answer.status_code == 200:
            answer.status_code = 202
        return answer

    def _titles(self, caller: str, wanted: str) -> set[str]:
        """The titles under which a caller may watch: its own."""
        if not caller:
            return set()
        return {wanted} if caller == self.anonymous else {caller}

    def _answered(self, serve: Callable[[Session, datetime], int]) -> Response:
        with self.store.session() as session:
            return _status(serve(session, datetime.now(UTC)))

    def _owed(self, title: str) -> list[tuple[int, str]]:
        owed = select(WorkitemNews).where(WorkitemNews.receiver == title, WorkitemNews.state == "owed")
        with self.store.reading() as session:
            return [
                (one.id, _event(one)) for one in session.scalars(owed.order_by(WorkitemNews.id).limit(50))
            ]

    def _told(self, number: int) -> None:
        with self.store.session() as session:
            one = session.get_one(WorkitemNews, number)
            one.state, one.told_at, one.tries = "told", datetime.now(UTC), one.tries + 1


async def _until_closed(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        continue  # a subscriber has nothing to say


async def _body(request: Request) -> Dataset:
    """The dataset of a request. Raises ValueError if it is too long or is none."""
    read = bytearray()
    async for piece in request.stream():
        read += piece
        if len(read) > _BODY_AT_MOST:
            raise ValueError
    if not read:
        return Dataset()
    plain = json.loads(read)
    return Dataset.from_json(plain[0] if isinstance(plain, list) else plain)


def _named(ds: Dataset, uid: str) -> Dataset:
    ds.SOPClassUID, ds.SOPInstanceUID = UnifiedProcedureStepPush, uid
    return ds


def _event(news: WorkitemNews) -> str:
    """An event as a subscriber gets it (PS3.18 11.13): command elements, then the event's information."""
    told: dict[str, Any] = {
        "00000002": {"vr": "UI", "Value": [str(UnifiedProcedureStepPush)]},
        "00001000": {"vr": "UI", "Value": [news.workitem]},
        "00001002": {"vr": "US", "Value": [news.event_type]},
        **news.information,
    }
    return json.dumps(told)


def _status(status: int) -> Response:
    code = _HTTP.get(status, 409)
    headers = {} if status == states.SUCCESS else {"Warning": f'299 cartriage "0x{status:04X}"'}
    return Response(status_code=code, headers=headers)


def _json(items: list[Dataset], status: int) -> Response:
    return JSONResponse([one.to_json_dict() for one in items], status, media_type=_JSON)
