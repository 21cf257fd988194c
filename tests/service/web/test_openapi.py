"""The REST interface as it describes itself: asked at random by schemathesis, it answers nothing that it does not document."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import hypothesis
import hypothesis.strategies as st
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from service.accounts import Role
from service.web.limits import Limiter
from tests.service.web.conftest import PRES, Browser, Hospital

EXAMPLES = int(os.environ.get("EXAMPLES", "5"))
"""For each operation; `make fuzz-web` takes more."""
CHECKS = (
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and which study and patient there really are."""

    headers: dict[str, str]
    known: dict[str, str]


def _asked(hospital: Hospital, asker: Asker) -> dict[str, set[int]]:
    """Every operation, with made-up values that fit its description and values that do not; operation to its statuses."""
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{hospital.port}/api/openapi.json")
    seen: dict[str, set[int]] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        seen[operation.label] = _ask(operation, asker)
    return seen


def _ask(operation: schemathesis.APIOperation, asker: Asker) -> set[int]:
    statuses: set[int] = set()
    fitting = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    unfitting = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=fitting | unfitting, is_known=st.booleans())
    def ask(case: schemathesis.Case, *, is_known: bool) -> None:
        if is_known:
            case.path_parameters = {name: asker.known[name] for name in case.path_parameters or {}}
        response = case.call(headers=asker.headers, timeout=20)
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    ask()
    return statuses


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of requests a minute is tested elsewhere."""
    monkeypatch.setattr(Limiter, "count", lambda *_: True)


@pytest.fixture
def everybody(hospital: Hospital, browse: Callable[..., Browser]) -> Asker:
    """Somebody who may do everything."""
    known = {"study_instance_uid": hospital.study("PRES", PRES), "patient_id": "PRES", "job_id": "0" * 64}
    hospital.person("all", *Role)
    browser = browse()
    browser.sign_in("all")
    cookies = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    return Asker({"cookie": cookies, "x-form-token": browser.form_token}, known)


def test_every_answer_is_as_the_description_says(hospital: Hospital, everybody: Asker):
    seen = _asked(hospital, everybody)
    assert all(200 in statuses for name, statuses in seen.items() if name.startswith("GET")), seen
    assert len(seen) >= 10


def test_every_refusal_of_a_stranger_is_as_the_description_says(hospital: Hospital):
    seen = _asked(
        hospital,
        Asker({}, {"study_instance_uid": "1.2.3", "patient_id": "nobody", "job_id": "0" * 64}),
    )
    assert all(401 in statuses for statuses in seen.values()), seen
    assert set().union(*seen.values()) <= {400, 401, 404, 405, 413}, seen
