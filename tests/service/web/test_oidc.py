"""Signing in through an identity provider: a small real one over HTTP, honest and lying."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey
from playwright.sync_api import expect, sync_playwright
from pydantic import ValidationError

from service.accounts import AccountError, Role, create, deactivate, readmit, reset
from service.settings import Settings
from service.store.desk_tables import Account, SignInBegun
from service.store.session import Store
from service.store.tables import AuditEvent
from tests.peers import need
from tests.service.conftest import NOON
from tests.service.web.conftest import PASSWORD, Hospital
from tests.service.web.eyes import faults
from tests.service.web.provider import CLIENT, SECRET, SmallProvider, running


@pytest.fixture
def provider() -> Iterator[SmallProvider]:
    with running() as made:
        made.host = "localhost"
        yield made


@pytest.fixture
def settings(settings: Settings, provider: SmallProvider) -> Settings:
    """Those of every test here: with the provider."""
    roles = {"neuroradiology": ["radiologist"], "it": ["administrator", "auditor"]}
    asked = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "label": "the clinic",
        "roles": roles,
    }
    return Settings(**{**settings.model_dump(), "oidc": asked})


@pytest.fixture
def visit(hospital: Hospital) -> Iterator[Callable[[], httpx.Client]]:
    with ExitStack() as stack:
        base = f"http://127.0.0.1:{hospital.port}"
        yield lambda: stack.enter_context(httpx.Client(base_url=base, timeout=30))


def walk(client: httpx.Client, path: str = "/sign-in/oidc") -> httpx.Response:
    """From the click to the service's answer."""
    there = client.get(path)
    assert there.status_code == 303, there.text
    back = httpx.get(there.headers["location"])
    return client.get(back.headers["location"])


def test_a_real_browser_comes_back_from_another_site_with_its_session(hospital: Hospital, provider):
    """127.0.0.1 and localhost are two sites to a browser: its rules for cookies hold."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{hospital.port}/performance")
        assert faults(page) == []
        page.get_by_role("link", name="Sign in with the clinic").click()
        expect(page.get_by_role("heading", name="Performance")).to_be_visible()
        provider.groups = []
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("link", name="Sign in with the clinic").click()
        expect(page.get_by_role("alert")).to_contain_text("none of your groups has a role here")
        assert faults(page) == []
        browser.close()


def told(store: Store, event: str) -> list[AuditEvent]:
    with store.reading() as session:
        return list(session.query(AuditEvent).filter_by(event=event).order_by(AuditEvent.sequence))


def test_somebody_with_a_mapped_group_is_signed_in(hospital: Hospital, provider, visit):
    client = visit()
    assert 'href="/sign-in/oidc?next=/performance"' in client.get("/performance", follow_redirects=True).text
    answer = walk(client, "/sign-in/oidc?next=/performance")
    assert (answer.status_code, provider.faults) == (200, [])
    assert 'content="0; url=/performance"' in answer.text
    assert "Dr. Schmidt" in client.get("/performance").text
    cookies = answer.headers.get_list("set-cookie")
    assert any("cartriage=" in one and "strict" in one.lower() and "HttpOnly" in one for one in cookies)
    (event,) = told(hospital.store, "signed_in")
    assert (event.actor, event.detail["method"], event.detail["roles"]) == (
        "schmidt",
        "oidc",
        ["radiologist"],
    )
    assert client.get("/accounts").status_code == 403


def test_a_role_that_was_taken_away_is_gone_at_the_next_sign_in(hospital: Hospital, provider, visit):
    provider.groups = ["it", "neuroradiology"]
    first = visit()
    walk(first)
    assert first.get("/accounts").status_code == 200
    provider.groups = ["neuroradiology"]
    walk(visit())
    assert first.get("/accounts").status_code == 403
    (event,) = told(hospital.store, "account_roles_changed")
    assert event.detail["roles"] == ["radiologist"]


def test_somebody_without_a_mapped_group_is_turned_away(hospital: Hospital, provider, visit):
    provider.groups = ["cardiology"]
    client = visit()
    answer = walk(client)
    assert answer.status_code == 403
    assert "none of your groups has a role here" in answer.text
    assert client.get("/").status_code == 303
    assert told(hospital.store, "sign_in_refused")[0].detail["reason"] == "NoRole"
    with hospital.store.reading() as session:
        assert session.query(Account).count() == 0


LIES = {
    "the nonce of another sign-in": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "the audience of another service": {"aud": "billing"},
    "a second audience without a word for whom": {"aud": [CLIENT, "billing"]},
    "another authorized party": {"aud": [CLIENT, "billing"], "azp": "billing"},
    "expired": {"exp": int(time.time()) - 3600},
    "no end": {"exp": None},
    "issued tomorrow": {"iat": int(time.time()) + 86400},
    "another issuer": {"iss": "https://evil.example"},
    "nobody": {"sub": None},
    "no name": {"preferred_username": " "},
}


def test_a_token_that_is_not_for_this_sign_in_lets_nobody_in(hospital: Hospital, provider, visit):
    for claims in LIES.values():
        provider.claims = claims
        _expect_untrusted(hospital, visit())
    assert len(told(hospital.store, "sign_in_refused")) == len(LIES)


def test_a_signature_that_is_not_the_providers_lets_nobody_in(hospital: Hospital, provider, visit):
    provider.signing = ECKey.generate_key("P-256", {"kid": "first"})
    _expect_untrusted(hospital, visit())
    provider.signing, provider.algorithm = OctKey.import_key(SECRET.encode() * 2, {"kid": "first"}), "HS256"
    _expect_untrusted(hospital, visit())
    provider.algorithm = "none"
    _expect_untrusted(hospital, visit())
    provider.signing, provider.algorithm = None, "ES256"
    assert walk(visit()).status_code == 200


def _expect_untrusted(hospital: Hospital, client: httpx.Client) -> None:
    answer = walk(client)
    assert answer.status_code == 403
    assert "cannot be trusted" in answer.text
    assert client.get("/").status_code == 303
    assert told(hospital.store, "sign_in_refused")[0].detail["reason"].startswith("NotTrusted")


def test_a_new_key_of_the_provider_is_found(provider, visit):
    assert walk(visit()).status_code == 200
    provider.rotate("second")
    assert walk(visit()).status_code == 200


def test_a_state_works_once_and_in_its_own_browser(hospital: Hospital, provider, visit):
    mine, other = visit(), visit()
    back = httpx.get(mine.get("/sign-in/oidc").headers["location"]).headers["location"]
    other.get("/sign-in/oidc")
    assert "start again" in other.get(back).text
    assert "start again" in mine.get(back).text
    assert mine.get("/").status_code == 303
    back = httpx.get(mine.get("/sign-in/oidc").headers["location"]).headers["location"]
    assert mine.get(back).status_code == 200
    again = mine.get(back)
    assert (again.status_code, "start again" in again.text) == (403, True)
    assert len(told(hospital.store, "signed_in")) == 1


def test_a_sign_in_that_took_too_long_has_to_start_again(hospital: Hospital, visit):
    client = visit()
    back = httpx.get(client.get("/sign-in/oidc").headers["location"]).headers["location"]
    with hospital.store.session() as session:
        session.query(SignInBegun).one().began_at -= timedelta(minutes=11)
    assert "start again" in client.get(back).text


def test_a_code_without_its_verifier_is_worthless(hospital: Hospital, provider, visit):
    thief, victim = visit(), visit()
    stolen = httpx.get(victim.get("/sign-in/oidc").headers["location"]).headers["location"]
    own = httpx.get(thief.get("/sign-in/oidc").headers["location"]).headers["location"]
    code = httpx.URL(stolen).params["code"]
    answer = thief.get(httpx.URL(own).copy_set_param("code", code))
    assert "did not let you in: it does not take the code" in answer.text


def test_what_the_provider_refuses_is_said_and_only_its_own_answer_is_taken(visit):
    client = visit()
    state = httpx.URL(client.get("/sign-in/oidc").headers["location"]).params["state"]
    answer = client.get("/sign-in/oidc/callback", params={"state": state, "error": "access_denied"})
    assert (answer.status_code, "did not let you in: access_denied" in answer.text) == (403, True)
    back = httpx.get(client.get("/sign-in/oidc").headers["location"]).headers["location"]
    answer = client.get(httpx.URL(back).copy_set_param("iss", "https://evil.example"))
    assert "another provider answered" in answer.text


def test_a_provider_that_is_down_is_said_and_comes_back(provider, visit):
    provider.is_broken = True
    client = visit()
    answer = client.get("/sign-in/oidc")
    assert (answer.status_code, "does not answer" in answer.text) == (503, True)
    provider.is_broken = False
    assert walk(client).status_code == 200


def test_what_a_provider_offers_is_checked(provider, visit):
    evil = "http://evil.example/keys"
    for metadata in ({"issuer": "https://evil.example"}, {"token_endpoint": None}, {"jwks_uri": evil}):
        provider.metadata = metadata
        answer = visit().get("/sign-in/oidc")
        assert (answer.status_code, "cannot be trusted" in answer.text) == (403, True)


def test_a_name_opens_no_account_of_somebody_else(hospital: Hospital, provider, visit):
    hospital.person("schmidt", Role.ADMINISTRATOR)
    answer = walk(visit())
    assert (answer.status_code, "belongs to another account" in answer.text) == (403, True)
    provider.name = "weber"
    assert walk(visit()).status_code == 200
    provider.subject = "subject-2"
    assert "belongs to another account" in walk(visit()).text


def test_an_ended_account_stays_out_until_it_is_let_in_again(hospital: Hospital, visit):
    hospital.person("admin", Role.ADMINISTRATOR)
    client = visit()
    walk(client)
    with hospital.store.session() as session:
        deactivate(session, "schmidt", "admin", NOON)
    assert client.get("/").status_code == 303
    assert "was ended here" in walk(client).text
    with hospital.store.session() as session:
        readmit(session, "schmidt", "admin", NOON)
    assert walk(client).status_code == 200


def test_somebody_from_the_provider_has_no_password(hospital: Hospital, visit):
    client = visit()
    walk(client)
    assert "no-password" not in client.get("/account").text
    assert 'type="password"' not in client.get("/account").text
    for password in ("", PASSWORD):
        answer = visit().post("/sign-in", data={"name": "schmidt", "password": password})
        assert answer.status_code in (401, 422)
    with pytest.raises(AccountError, match="identity provider"), hospital.store.session() as session:
        reset(session, "schmidt", "admin", NOON)


def test_signing_out_offers_to_sign_out_there_too(hospital: Hospital, provider, visit):
    client = visit()
    walk(client)
    token = client.get("/account").text.split('name="form_token" value="')[1].split('"')[0]
    left = client.post("/sign-out", data={"form_token": token})
    assert left.headers["location"] == "/sign-in?left=provider"
    assert "/sign-in/oidc/end" in client.get("/sign-in?left=provider").text
    place = httpx.URL(client.get("/sign-in/oidc/end").headers["location"])
    assert str(place).startswith(f"{provider.issuer}/end_session_endpoint?")
    assert place.params["post_logout_redirect_uri"] == f"http://127.0.0.1:{hospital.port}/sign-in"
    assert client.get("/").status_code == 303
    assert told(hospital.store, "signed_out")[0].actor == "schmidt"


class TestEmergency:
    """Passwords for administrators only."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"local_sign_in": "administrators"})

    def test_only_administrators_get_in_with_a_password_and_it_is_told(
        self, hospital: Hospital, provider, visit
    ):
        provider.is_broken = True
        hospital.person("meyer", Role.RADIOLOGIST)
        hospital.person("admin", Role.ADMINISTRATOR)
        assert "Emergency access" in visit().get("/sign-in").text
        assert visit().post("/sign-in", data={"name": "meyer", "password": PASSWORD}).status_code == 401
        assert visit().post("/sign-in", data={"name": "admin", "password": PASSWORD}).status_code == 303
        (event,) = told(hospital.store, "signed_in")
        assert (event.actor, event.detail["is_emergency"]) == ("admin", True)


class TestPasswordsOff:
    """No local account gets in."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"local_sign_in": "nobody"})

    def test_nobody_gets_in_with_a_password(self, hospital: Hospital, visit):
        hospital.person("admin", Role.ADMINISTRATOR)
        client = visit()
        assert 'type="password"' not in client.get("/sign-in").text
        answer = client.post("/sign-in", data={"name": "admin", "password": PASSWORD})
        assert (answer.status_code, "switched off" in answer.text) == (403, True)
        assert walk(client).status_code == 200


def test_settings_that_let_nobody_in_or_trust_anybody_are_refused():
    with pytest.raises(ValidationError, match="nobody could sign in"):
        Settings(local_sign_in="nobody")
    asked = {"client_id": "x", "roles": {"g": ["radiologist"]}}
    for issuer in ("http://login.example", "https://login.example/?a=b", "login.example"):
        with pytest.raises(ValidationError, match="https URL"):
            Settings(oidc={**asked, "issuer": issuer})
    with pytest.raises(ValidationError):
        Settings(oidc={**asked, "issuer": "https://login.example", "roles": {"g": ["king"]}})


def test_the_roles_of_the_settings_are_those_of_the_service(store: Store):
    given = Settings(
        oidc={"issuer": "https://a.example", "client_id": "x", "roles": {"g": [one.value for one in Role]}}
    )
    assert given.oidc is not None
    with store.session() as session:
        create(session, "all", "", [Role(one) for one in given.oidc.roles["g"]], "tester", NOON)
