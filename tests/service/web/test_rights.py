"""Who may do what: every route, asked by nobody and by every role."""

from collections.abc import Callable

import pytest
from fastapi.routing import APIRoute

from service.accounts import Right, Role, rights_of
from service.settings import Settings
from service.store.session import open_store
from service.web.app import _ROUTERS, make_app
from service.web.house import House
from tests.service.web.conftest import Browser, Hospital

ALLOWED: dict[tuple[str, str], Right | None] = {
    ("GET", "/sign-in"): None,
    ("POST", "/sign-in"): None,
    ("GET", "/sign-in/oidc"): None,
    ("GET", "/sign-in/oidc/callback"): None,
    ("GET", "/sign-in/oidc/end"): None,
    ("POST", "/sign-out"): Right.SIGNED_IN,
    ("GET", "/account"): Right.SIGNED_IN,
    ("POST", "/account"): Right.SIGNED_IN,
    ("GET", "/"): Right.READ,
    ("GET", "/live"): Right.READ,
    ("POST", "/views"): Right.READ,
    ("POST", "/views/{number}/removal"): Right.READ,
    ("GET", "/studies/{study_instance_uid}"): Right.READ,
    ("GET", "/studies/{study_instance_uid}/pictures/{sop_instance_uid}.png"): Right.READ,
    ("GET", "/studies/{study_instance_uid}/slices/{sop_instance_uid}.png"): Right.READ,
    ("GET", "/studies/{study_instance_uid}/volumes/{job_id}/{name}"): Right.READ,
    ("POST", "/studies/{study_instance_uid}/acknowledgement"): Right.ANSWER,
    ("POST", "/studies/{study_instance_uid}/assessment"): Right.ANSWER,
    ("GET", "/studies/{study_instance_uid}/assessments/{number}.json"): Right.READ,
    ("GET", "/studies/{study_instance_uid}/assessments/{number}.dcm"): Right.READ,
    ("GET", "/cohort"): Right.READ,
    ("GET", "/cohort/patient"): Right.CONTEXT,
    ("POST", "/cohort/patient"): Right.CONTEXT,
    ("POST", "/cohort/removal"): Right.CONTEXT,
    ("POST", "/cohort/file"): Right.CONTEXT,
    ("GET", "/performance"): Right.READ,
    ("GET", "/operations"): Right.OPERATE,
    ("POST", "/operations/jobs"): Right.OPERATE,
    ("POST", "/operations/deliveries"): Right.OPERATE,
    ("POST", "/operations/audit-messages/{number}/retry"): Right.OPERATE,
    ("POST", "/operations/messages/{number}/retry"): Right.OPERATE,
    ("POST", "/operations/messages/{number}/drop"): Right.OPERATE,
    ("GET", "/audit"): Right.AUDIT,
    ("GET", "/audit/check"): Right.AUDIT,
    ("GET", "/audit/studies/{study_instance_uid}/report"): Right.AUDIT,
    ("GET", "/accounts"): Right.ACCOUNTS,
    ("POST", "/accounts"): Right.ACCOUNTS,
    ("POST", "/accounts/{name}/password"): Right.ACCOUNTS,
    ("POST", "/accounts/{name}/end"): Right.ACCOUNTS,
    ("POST", "/accounts/tokens"): Right.ACCOUNTS,
    ("POST", "/accounts/tokens/{name}/end"): Right.ACCOUNTS,
    ("POST", "/accounts/{name}/return"): Right.ACCOUNTS,
    ("GET", "/api/v1/worklist"): Right.READ,
    ("GET", "/api/v1/studies/{study_instance_uid}"): Right.READ,
    ("GET", "/api/v1/studies/{study_instance_uid}/events"): Right.AUDIT,
    ("GET", "/api/v1/studies/{study_instance_uid}/assessments"): Right.READ,
    ("GET", "/api/v1/studies/{study_instance_uid}/volumes/{job_id}"): Right.READ,
    ("POST", "/api/v1/studies/{study_instance_uid}/acknowledgement"): Right.ANSWER,
    ("POST", "/api/v1/studies/{study_instance_uid}/assessment"): Right.ANSWER,
    ("GET", "/api/v1/cohort"): Right.READ,
    ("PUT", "/api/v1/cohort/{patient_id}"): Right.CONTEXT,
    ("POST", "/api/v1/fhir"): Right.CONTEXT,
    ("GET", "/api/v1/events"): Right.AUDIT,
    ("GET", "/api/v1/performance"): Right.READ,
    ("GET", "/api/v1/operations"): Right.OPERATE,
}
"""The one table of rights, written a second time on purpose. None: anybody."""


def _pages() -> set[tuple[str, str]]:
    routes = [route for router in _ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return {(method, route.path) for route in routes for method in route.methods}


def test_every_route_stands_in_the_table(settings: Settings):
    app = make_app(House(open_store(settings), settings))
    spec = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    assert {key for key in ALLOWED if key[1].startswith("/api")} == spec
    assert {key for key in ALLOWED if not key[1].startswith("/api")} == _pages()
    # What hangs on the application itself is open to anybody: the description of the interface, and our own style and script.
    direct = {route.path for route in app.routes if hasattr(route, "path")}
    assert direct == {"/api/openapi.json", "/static"}
    included = [route for route in app.routes if not hasattr(route, "path")]
    assert len(included) == len(_ROUTERS) + 3, (
        "api, fhir and the list of volumes stand in the description, all others in _ROUTERS"
    )


def test_each_role_may_do_what_its_rights_say_and_nothing_else(
    hospital: Hospital, browse: Callable[..., Browser]
):
    browsers = {role: browse(role) for role in Role}
    for (method, path), right in ALLOWED.items():
        if path in ("/sign-out", "/live"):  # the one ends the session, the other never ends
            continue
        asked = path.format(
            study_instance_uid="9.9",
            sop_instance_uid="9.9",
            name="x",
            patient_id="x",
            number=9,
            job_id="0" * 64,
        )
        for role, browser in browsers.items():
            headers = {"x-form-token": browser.form_token}
            status = browser.client.request(method, asked, headers=headers).status_code
            is_allowed = right is None or right in rights_of([role.value])
            assert (status == 403) is not is_allowed, (method, path, role, status)
            assert status < 500, (method, path, role, status)


def test_nobody_may_do_anything_but_sign_in(hospital: Hospital, browse: Callable[..., Browser]):
    nobody = browse()
    for (method, path), right in ALLOWED.items():
        asked = path.format(
            study_instance_uid="9.9",
            sop_instance_uid="9.9",
            name="x",
            patient_id="x",
            number=9,
            job_id="0" * 64,
        )
        status = nobody.client.request(method, asked).status_code
        expected = {401} if path.startswith("/api") else {303}
        assert status in ({200, 404, 422} if right is None else expected), (method, path, status)


@pytest.mark.parametrize("role", list(Role))
def test_only_radiologists_answer(role: Role):
    assert (Right.ANSWER in rights_of([role])) is (role is Role.RADIOLOGIST)
