"""Who gets in: passwords, sessions, limits, tokens, and the headers of every answer."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from service.accounts import AccountError, Role, create_first, deactivate
from service.store.desk_tables import SignIn
from service.store.session import Store
from service.store.tables import AuditEvent
from tests.service.conftest import NOON
from tests.service.web.conftest import PASSWORD, Browser, Hospital


def events(store: Store) -> list[str]:
    with store.reading() as session:
        return [event.event for event in session.query(AuditEvent).order_by(AuditEvent.sequence)]


def test_nobody_sees_anything_before_signing_in(hospital: Hospital, browse: Callable[..., Browser]):
    uid = hospital.study("P1", {})
    nobody = browse()
    for path in ("/", f"/studies/{uid}", "/cohort", "/audit", "/live"):
        answer = nobody.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path}")
    answer = nobody.get("/api/v1/worklist")
    assert (answer.status_code, answer.json()) == (401, {"error": "Sign in first."})


def test_the_first_password_works_once_and_must_be_changed(
    hospital: Hospital, browse: Callable[..., Browser]
):
    with hospital.store.session() as session:
        once = create_first(session, NOON)
    assert once
    with hospital.store.session() as session:
        assert create_first(session, NOON) is None
    admin = browse()
    assert admin.sign_in("admin", once).status_code == 303
    assert admin.get("/").headers["location"].startswith("/sign-in")
    assert "Choose your password" in admin.page("/account")
    short = admin.post("/account", old=once, new="short", again="short")
    assert "12 to 256 characters" in short.text
    assert admin.post("/account", old=once, new=PASSWORD, again=PASSWORD).headers["location"] == "/"
    assert "Reading worklist" in admin.page("/")
    assert browse().sign_in("admin", once).status_code == 401


def test_a_wrong_password_tells_nothing_and_soon_has_to_wait(
    hospital: Hospital, browse: Callable[..., Browser]
):
    hospital.person("meyer", Role.RADIOLOGIST)
    guesser = browse()
    known = guesser.sign_in("meyer", "wrong")
    unknown = guesser.sign_in("nobody", "wrong")
    assert (known.status_code, unknown.status_code) == (401, 401)
    assert re.sub("nobody", "meyer", unknown.text) == known.text
    for _ in range(3):
        guesser.sign_in("meyer", "wrong")
    assert guesser.sign_in("meyer", PASSWORD).status_code == 429
    assert events(hospital.store).count("sign_in_failed") == 5


def test_a_cookie_is_out_of_reach_of_scripts_and_other_sites(
    hospital: Hospital, browse: Callable[..., Browser]
):
    hospital.person("meyer", Role.RADIOLOGIST)
    cookie = browse().sign_in("meyer").headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/"))
    token = cookie.split("=")[1].split(";")[0]
    with hospital.store.reading() as session:
        assert token not in {held.token_digest for held in session.query(SignIn)}


@pytest.mark.parametrize("column", ["seen_at", "began_at"])
def test_a_session_ends_by_itself(hospital: Hospital, browse: Callable[..., Browser], column: str):
    reader = browse(Role.RADIOLOGIST)
    assert reader.get("/").status_code == 200
    with hospital.store.session() as session:
        held = session.query(SignIn).one()
        setattr(held, column, held.began_at - timedelta(hours=13))
    assert reader.get("/").status_code == 303


def test_signing_out_ends_the_session(browse: Callable[..., Browser]):
    reader = browse(Role.RADIOLOGIST)
    cookies = dict(reader.client.cookies)
    assert reader.post("/sign-out").headers["location"] == "/sign-in"
    reader.client.cookies.update(cookies)
    assert reader.get("/").status_code == 303


def test_an_ended_account_is_out_at_once_and_the_last_administrator_stays(
    hospital: Hospital, browse: Callable[..., Browser]
):
    reader = browse(Role.RADIOLOGIST)
    hospital.person("admin", Role.ADMINISTRATOR)
    with hospital.store.session() as session:
        deactivate(session, "radiologist", "admin", NOON)
    assert reader.get("/").status_code == 303
    assert browse().sign_in("radiologist").status_code == 401
    with pytest.raises(AccountError, match="no administrator"), hospital.store.session() as session:
        deactivate(session, "admin", "admin", NOON)


def test_a_form_without_its_token_or_from_elsewhere_is_refused(
    hospital: Hospital, browse: Callable[..., Browser]
):
    uid = hospital.study("P1", {})
    reader = browse(Role.RADIOLOGIST)
    path = f"/studies/{uid}/acknowledgement"
    assert reader.client.post(path, data={"form_token": "guess"}).status_code == 403
    assert reader.client.post(f"/api/v1{path}").status_code == 403
    headers = {"origin": "http://evil.example", "x-form-token": reader.form_token}
    assert reader.client.post(path, headers=headers).status_code == 403
    assert reader.client.post(path, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert "alert_acknowledged" not in events(hospital.store)


def test_only_our_own_host_names_are_served(browse: Callable[..., Browser]):
    assert browse().get("/sign-in", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_a_sign_in_leads_nowhere_else(hospital: Hospital, browse: Callable[..., Browser], target: str):
    hospital.person("meyer", Role.RADIOLOGIST)
    fields = {"name": "meyer", "password": PASSWORD, "next": target}
    assert browse().client.post("/sign-in", data=fields).headers["location"] == "/"


def test_every_answer_carries_the_headers_that_protect_it(browse: Callable[..., Browser]):
    for path in ("/sign-in", "/nowhere", "/static/app.css", "/api/v1/worklist"):
        headers = browse().get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
        assert ("cache-control" not in headers) or headers["cache-control"] == "no-store" or "static" in path
