"""The application: its routes, its pages, and how it says that something is wrong."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from service.errors import ServiceError, StoreUnavailableError
from service.oidc.provider import provider_of
from service.web.guard import API, BadRequestError, Headers, NotAllowedError, SignInNeededError
from service.web.house import House
from service.web.pages import problem
from service.web.routes import (
    accounts,
    api,
    assessments,
    audit,
    cohort,
    fhir,
    live,
    oidc,
    operations,
    performance,
    signing_in,
    studies,
    volumes,
    worklist,
)

_STATIC = Path(__file__).parent / "static"
_ROUTERS = (
    signing_in.router,
    oidc.router,
    worklist.router,
    live.router,
    studies.router,
    volumes.router,
    assessments.router,
    cohort.router,
    performance.router,
    operations.router,
    audit.router,
    accounts.router,
)


def make_app(house: House) -> FastAPI:
    """The application of a house; nothing is connected yet."""
    app = FastAPI(
        title="Cartriage",
        description="Reading list, studies, answers, context and trail. In parallel to the standard of care; not for diagnosis.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.house = house
    app.state.provider = provider_of(house.settings)
    app.add_middleware(Headers, house=house)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    for router in _ROUTERS:
        app.include_router(router, include_in_schema=False)
    app.include_router(api.router)
    app.include_router(fhir.router)
    app.include_router(volumes.described)
    for error, answer in _ANSWERS.items():
        app.add_exception_handler(error, answer)
    return app


def _say(request: Request, status: int, words: str) -> Response:
    if request.url.path.startswith(API):
        return JSONResponse({"error": words}, status)
    return problem(request, status, words)


def _sign_in(request: Request, _error: Exception) -> Response:
    if request.url.path.startswith(API) or request.headers.get("x-part"):
        return JSONResponse({"error": "Sign in first."}, 401)
    return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", 303)


def _not_allowed(request: Request, _error: Exception) -> Response:
    return _say(request, 403, "Your role does not allow this.")


def _bad(request: Request, error: Exception) -> Response:
    assert isinstance(error, BadRequestError)  # noqa: S101 - as it is registered
    return _say(request, error.status, error.words)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as it is registered
    return _say(request, error.status_code, error.detail)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as it is registered
    fields = ", ".join(sorted({str(one["loc"][-1]) for one in error.errors()}))
    return _say(request, 422, f"Not understood: {fields}.")


def _unavailable(request: Request, _error: Exception) -> Response:
    return _say(request, 503, "The database does not answer. Nothing is lost; try again in a moment.")


def _refused(request: Request, error: Exception) -> Response:
    return _say(request, 409, str(error))


_ANSWERS: dict[type[Exception], Callable[[Request, Exception], Response]] = {
    SignInNeededError: _sign_in,
    NotAllowedError: _not_allowed,
    BadRequestError: _bad,
    HTTPException: _http,
    RequestValidationError: _invalid,
    StoreUnavailableError: _unavailable,
    ServiceError: _refused,
}
"""What went wrong to what is said; Starlette takes the most special one."""
