"""API tokens: what lets another system in, what it may do, and how it ends."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from service.accounts import Role
from service.cli.tokens import tokens
from service.store.desk_tables import ApiToken
from service.store.tables import AuditEvent
from service.tokens import TokenError, holder_of, issue, revoke
from tests.service.web.conftest import DEEP, Browser, Hospital


def made(hospital: Hospital, *roles: Role, days: int = 30) -> str:
    with hospital.store.session() as session:
        return issue(session, "ris", roles, days, "admin", hospital.now)


def ask(hospital: Hospital, secret: str, path: str, method: str = "GET", **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {secret}"}
    url = f"http://127.0.0.1:{hospital.port}{path}"
    return httpx.request(method, url, headers=headers, timeout=30, **more)


def test_a_system_enters_context_without_a_form_and_stands_in_the_trail(hospital: Hospital):
    secret = made(hospital, Role.COORDINATOR)
    answer = ask(hospital, secret, "/api/v1/cohort/P7", "PUT", json={"icans_grade": "3"})
    assert (answer.status_code, answer.json()["is_new"]) == (200, True)
    with hospital.store.reading() as session:
        event = session.query(AuditEvent).filter_by(event="cohort_patient_added").one()
        token = session.query(ApiToken).one()
    assert event.actor == "api:ris"
    assert token.used_at is not None
    assert secret not in (token.digest, token.name)


def test_a_token_never_answers_an_alert_and_opens_no_page(hospital: Hospital):
    uid = hospital.study("DEEP", DEEP)
    secret = made(hospital, *Role)
    assert ask(hospital, secret, f"/api/v1/studies/{uid}").status_code == 200
    assert ask(hospital, secret, f"/api/v1/studies/{uid}/acknowledgement", "POST").status_code == 403
    assert ask(hospital, secret, "/accounts").headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("end", ["revoked", "expired", "guessed"])
def test_a_token_that_ended_lets_nobody_in(hospital: Hospital, end: str):
    secret = made(hospital, Role.AUDITOR, days=1)
    later = hospital.now + timedelta(days=2 if end == "expired" else 0)
    if end == "revoked":
        with hospital.store.session() as session:
            revoke(session, "ris", "admin", hospital.now)
    if end == "guessed":
        secret = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    assert holder_of(hospital.store, f"Bearer {secret}", later) is None
    if end != "expired":
        assert ask(hospital, secret, "/api/v1/worklist").status_code == 401
        with hospital.store.reading() as session:
            assert session.query(AuditEvent).filter_by(event="api_token_refused").count() == 1


def test_guesses_are_not_all_written_down(hospital: Hospital):
    for number in range(8):
        assert ask(hospital, f"ctg_{number}", "/api/v1/worklist").status_code == 401
    with hospital.store.reading() as session:
        assert session.query(AuditEvent).filter_by(event="api_token_refused").count() == 5


def test_an_administrator_makes_and_revokes_on_the_page(hospital: Hospital, browse: Callable[..., Browser]):
    admin = browse(Role.ADMINISTRATOR)
    page = admin.post("/accounts/tokens", name="RIS", roles="coordinator", days="10").text
    secret = page.split('class="once">')[1].split("<")[0]
    assert ask(hospital, secret, "/api/v1/cohort").status_code == 200
    assert secret not in admin.page("/accounts")
    assert "revoked" in admin.post("/accounts/tokens/ris/end").text
    assert ask(hospital, secret, "/api/v1/cohort").status_code == 401
    assert "there is or was a token ris" in admin.post("/accounts/tokens", name="ris", roles="auditor").text
    assert admin.post("/accounts/tokens/nobody/end").status_code == 409


@pytest.mark.parametrize(
    ("name", "roles", "days"), [("R", [Role.AUDITOR], 9), ("ris", [], 9), ("ris", [Role.AUDITOR], 0)]
)
def test_a_token_without_name_role_or_end_is_refused(
    hospital: Hospital, name: str, roles: list[Role], days: int
):
    with pytest.raises(TokenError), hospital.store.session() as session:
        issue(session, name, roles, days, "admin", hospital.now)


def test_the_command_makes_lists_and_revokes(hospital: Hospital, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CARTRIAGE_DATA", str(hospital.settings.data))
    run = CliRunner().invoke
    secret = run(tokens, ["add", "ris", "--role", "auditor"]).output.strip()
    assert ask(hospital, secret, "/api/v1/events").status_code == 200
    assert "ris" in run(tokens, ["list"]).output
    assert run(tokens, ["revoke", "ris"]).exit_code == 0
    assert "revoked" in run(tokens, ["list"]).output
    assert run(tokens, ["revoke", "ris"]).exit_code == 1
