"""Sign in and out through the site's identity provider."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from service.oidc.errors import OidcError, ProviderDownError
from service.oidc.provider import Provider
from service.web.guard import anybody
from service.web.house import House, Person, house_of, now
from service.web.oidc_flow import PATIENCE, Returned, begin, finish
from service.web.pages import page
from service.web.routes.signing_in import sign_in_page
from service.web.signing_in import inside, set_cookie

router = APIRouter(prefix="/sign-in/oidc")

_ERROR = re.compile(r"[a-z_]{1,40}")
Anybody = Annotated[Person | None, Depends(anybody)]
Text = Annotated[str, Query(max_length=4096)]


@router.get("")
def leave_for_provider(
    request: Request,
    person: Anybody,  # noqa: ARG001 - counts the requests
    next: Annotated[str, Query(max_length=1024)] = "/",  # noqa: A002 - a word of the URL
) -> Response:
    """Send the browser to the provider."""
    house, provider = house_of(request), _provider(request)
    try:
        begun = begin(house, provider, _redirect_uri(request), inside(next), now())
    except OidcError as error:
        return _refused(request, error)
    response = RedirectResponse(begun.url, 303)
    _set_secret(response, house, begun.secret)
    return response


@router.get("/callback")
def come_back(
    request: Request,
    person: Anybody,  # noqa: ARG001 - counts the requests
    state: Text = "",
    code: Text = "",
    error: Text = "",
    iss: Text = "",
) -> Response:
    """Begin a session, or say why there is none."""
    house, provider = house_of(request), _provider(request)
    secret = request.cookies.get(_cookie_name(house), "")
    said = error if _ERROR.fullmatch(error) else "an error" if error else ""
    address = request.client.host if request.client else "unknown"
    returned = Returned(state, secret, code, said, iss)
    try:
        token, wanted = finish(house, provider, returned, _redirect_uri(request), address, now())
    except OidcError as refusal:
        response = _refused(request, refusal)
        _set_secret(response, house, "")
        return response
    # The cookie is SameSite=Strict and this request came from the provider: only a step from a page of ours takes it along.
    response = page(request, "signed_in", None, next=inside(wanted))
    set_cookie(response, house, token)
    _set_secret(response, house, "")
    return response


@router.get("/end")
def leave_provider(request: Request, person: Anybody) -> Response:  # noqa: ARG001 - counts the requests
    """Sign out at the provider too."""
    provider = _provider(request)
    try:
        place = provider.sign_out_url(_here(request, "/sign-in"))
    except OidcError as error:
        return _refused(request, error)
    if place is None:
        raise HTTPException(404, f"{provider.oidc.label} offers no sign-out of its own.")
    return RedirectResponse(place, 303)


def _provider(request: Request) -> Provider:
    found: Provider | None = request.app.state.provider
    if found is None:
        raise HTTPException(404, "No identity provider is set up here.")
    return found


def _refused(request: Request, error: OidcError) -> Response:
    status = 503 if isinstance(error, ProviderDownError) else 403
    sentence = (type(error).__doc__ or "").strip().removesuffix(".")
    words = f"{sentence}: {error.detail}." if error.detail else f"{sentence}."
    return sign_in_page(request, status, error=words)


def _redirect_uri(request: Request) -> str:
    return _here(request, "/sign-in/oidc/callback")


def _here(request: Request, path: str) -> str:
    """Our own address as the browser knows it; the host was checked already."""
    base = house_of(request).settings.web_url or str(request.base_url).rstrip("/")
    return f"{base}{path}"


def _cookie_name(house: House) -> str:
    return "__Host-cartriage-oidc" if house.settings.is_web_secure else "cartriage-oidc"


def _set_secret(response: Response, house: House, secret: str) -> None:
    """Lax, not strict: the way back leads here from the provider."""
    response.set_cookie(
        _cookie_name(house),
        secret,
        max_age=int(PATIENCE.total_seconds()) if secret else 0,
        path="/",
        secure=house.settings.is_web_secure,
        httponly=True,
        samesite="lax",
    )
