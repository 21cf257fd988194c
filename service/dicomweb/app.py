"""The web service: who may store, and how long a request may take (PS3.18 10.5)."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from service import audit
from service.accepted import storage_classes
from service.dicomweb.answer import report, status_of
from service.dicomweb.body import DICOM, Body, BodyError, Outcome, Target, media_type
from service.errors import StoreUnavailableError
from service.headers import is_uid
from service.intake import Intake
from service.settings import Settings
from service.workitems import web as worklist

JSON = "application/dicom+json"
ANONYMOUS = "STOW"
"""Sender while no senders are listed, which holds on this machine only."""
_TAKEN_ANSWERS = frozenset({JSON, "application/json", "application/*", "*/*"})
_TRY_AGAIN_S = "30"

_log = structlog.get_logger(__name__)


def make_app(intake: Intake, settings: Settings) -> Starlette:
    """The application; objects go to the intake."""
    routes: list[BaseRoute] = [
        Route("/dicom-web/studies", _store, methods=["POST"]),
        Route("/dicom-web/studies/{study}", _store, methods=["POST"]),
    ]
    routes += worklist.routes(intake.store, settings, partial(sender_of, settings=settings), ANONYMOUS)
    app = Starlette(routes=routes)
    app.state.intake, app.state.settings = intake, settings
    app.state.classes = storage_classes(settings.storage_classes)
    return app


async def _store(request: Request) -> Response:
    settings: Settings = request.app.state.settings
    sender = sender_of(request.headers.get("authorization", ""), settings)
    if not sender:
        await run_in_threadpool(_note_stranger, request)
        return PlainTextResponse("Who are you?", 401, {"WWW-Authenticate": "Bearer"})
    kind, parameters = media_type(request.headers.get("content-type", ""))
    boundary = parameters.get("boundary", "")
    if kind != "multipart/related" or parameters.get("type", DICOM) != DICOM or not boundary:
        return PlainTextResponse('Only multipart/related; type="application/dicom" is taken.', 415)
    if not _is_answer_taken(request.headers.get("accept", "*/*")):
        return PlainTextResponse(f"Answers are {JSON}.", 406)
    study = request.path_params.get("study", "")
    if study and not is_uid(study):
        return PlainTextResponse("The study is no UID.", 400)
    target = Target(request.app.state.intake, request.app.state.classes, sender, study)
    return await _take(request, Body(target, boundary), settings)


def sender_of(authorization: str, settings: Settings) -> str:
    """The AE title of whom a bearer token belongs to (RFC 6750); empty if to nobody."""
    if not settings.dicomweb_senders:
        return ANONYMOUS
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return ""
    given = token.strip().encode()
    known = [
        one.ae_title
        for one in settings.dicomweb_senders
        if hmac.compare_digest(one.token.get_secret_value().encode(), given)
    ]
    return known[0] if known else ""


async def _take(request: Request, body: Body, settings: Settings) -> Response:
    try:
        async with asyncio.timeout(settings.association_timeout_s):
            async for data in _pieces(request, settings.network_timeout_s):
                _expect_progress(body, settings.message_timeout_s)
                await run_in_threadpool(body.feed, data)
    except (BodyError, TimeoutError, ClientDisconnect) as error:
        _log.warning("request_cut_off", error=type(error).__name__, stored=len(body.outcomes))
        status = 408 if isinstance(error, TimeoutError) else 400
        return _answer(body.outcomes, status)
    finally:
        body.drop()
    if not body.is_whole or not body.outcomes:
        return _answer(body.outcomes, 400)
    return _answer(body.outcomes, status_of(body.outcomes))


async def _pieces(request: Request, idle_s: float) -> AsyncIterator[bytes]:
    """The body as it comes. Raises TimeoutError if nothing comes for `idle_s`, ClientDisconnect."""
    stream = request.stream().__aiter__()
    while True:
        try:
            async with asyncio.timeout(idle_s):
                data = await anext(stream)
        except StopAsyncIteration:
            return
        if data:
            yield data


def _expect_progress(body: Body, limit_s: float) -> None:
    if body.part_began_at is not None and time.monotonic() - body.part_began_at > limit_s:
        raise TimeoutError


def _answer(outcomes: list[Outcome], status: int) -> Response:
    headers = {"Retry-After": _TRY_AGAIN_S} if status == 503 else None
    return JSONResponse(report(outcomes).to_json_dict(), status, headers, media_type=JSON)


def _is_answer_taken(accept: str) -> bool:
    return any(media_type(one)[0] in _TAKEN_ANSWERS for one in accept.split(","))


def _note_stranger(request: Request) -> None:
    address = request.client.host if request.client else ""
    _log.warning("association_rejected", reason="unknown token", address=address)
    intake: Intake = request.app.state.intake
    try:
        with intake.store.session() as session:
            detail = {"reason": "unknown token", "address": address}
            audit.record(session, "association_rejected", None, ANONYMOUS, datetime.now(UTC), **detail)
    except StoreUnavailableError as error:
        _log.error("audit_failed", audit_event="association_rejected", error=error.detail)
