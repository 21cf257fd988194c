"""An alert that nobody acknowledged reaches whom the ladder names, and shows when it does not."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from service.accounts import Role
from service.answers import acknowledge
from service.delivery import deliver_due
from service.destinations import FhirDestination, MailDestination, WebhookDestination
from service.escalation import escalate_due
from service.fhir import bundle_of
from service.gate import policy_in_force
from service.hints import mail_of
from service.notices import notice_of
from service.outbox import Outbox
from service.settings import Settings, Step
from service.store.tables import AuditEvent, Delivery
from tests.service.web.conftest import DEEP, Browser, Hospital

MAIL = MailDestination(
    name="call", kind="mail", host="127.0.0.1", sender="a@a.example", recipients=("b@a.example",)
)


class _Pager(BaseHTTPRequestHandler):
    got: ClassVar[list[dict[str, Any]]]
    status = 503

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(type(self).status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def owed(hospital: Hospital) -> list[Delivery]:
    with hospital.store.reading() as session:
        return session.query(Delivery).order_by(Delivery.id).all()


def test_each_step_is_told_until_it_is_taken(hospital: Hospital, browse: Callable[..., Browser]):
    class Pager(_Pager):
        got: ClassVar[list[dict[str, Any]]] = []

    server = HTTPServer(("127.0.0.1", 0), Pager)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    pager = WebhookDestination(name="pager", kind="webhook", url=f"http://127.0.0.1:{server.server_port}/")
    outbox = Outbox(hospital.store, hospital.settings)
    uid = hospital.study("DEEP", DEEP)
    ladder = (Step(priority="P1", after_min=15, tell="on call", by=("pager",)),)
    later = datetime.now(UTC) + timedelta(minutes=16)
    for _ in range(2):
        escalate_due(hospital.store, ladder, later)
        hospital.follow()
    (delivery,) = owed(hospital)
    assert (delivery.cargo, delivery.priority, delivery.state) == ("notice", "P1", "owed")

    deliver_due(outbox, pager, later)
    page = browse(Role.ADMINISTRATOR).page("/operations")
    assert "pager: " in page.split("Failed or stuck")[-1]
    Pager.status = 200
    with hospital.store.session() as session:
        acknowledge(session, uid, "meyer", policy_in_force(None), later)
    deliver_due(outbox, pager, later + timedelta(hours=1))
    assert owed(hospital)[0].state == "proven"
    first, second = Pager.got
    assert (first["event"], first["study_instance_uid"], first["id"]) == (
        "alert_escalated",
        uid,
        second["id"],
    )
    assert first["escalation"].startswith("Step 1, for on call: P1 alert not acknowledged at")
    assert second["escalation"].endswith("acknowledged meanwhile")
    assert "DEEP" not in json.dumps(first)
    with hospital.store.reading() as session:
        told = [one.event for one in session.query(AuditEvent).filter_by(study_instance_uid=uid)]
        assert session.query(AuditEvent).filter_by(event="alert_escalated").one().detail["by"] == ["pager"]
    assert {"report_not_stored", "report_proven"} <= set(told)
    server.shutdown()
    server.server_close()


def test_mail_and_fhir_say_that_nobody_answered(hospital: Hospital):
    hospital.study("DEEP", DEEP)
    ladder = (Step(priority="P1", after_min=1, tell="head of the department", by=("call",)),)
    escalate_due(hospital.store, ladder, datetime.now(UTC) + timedelta(minutes=2))
    with hospital.store.reading() as session:
        notice = notice_of(session, session.query(Delivery).one())
    assert notice is not None
    mail = mail_of(notice, MAIL)
    assert mail["Subject"].startswith("Cartriage: NOT ACKNOWLEDGED: P1")
    assert "for head of the department" in mail.get_content()
    (entry,) = bundle_of(notice)["entry"]
    assert entry["resource"]["resourceType"] == "Task"
    assert entry["resource"]["focus"]["identifier"]["value"] == f"urn:oid:{notice.study_instance_uid}"
    assert entry["resource"]["description"].startswith("Step 1, for head of the department")


def test_a_ladder_that_leads_nowhere_is_refused():
    step = {"priority": "P1", "after_min": 1, "tell": "on call", "by": ["call"]}
    with pytest.raises(ValidationError, match="no mail, webhook, HL7 or FHIR destination is named call"):
        Settings(escalation=(step,))
    fhir = FhirDestination(name="call", kind="fhir", url="https://fhir.example")
    assert Settings(escalation=(step,), destinations=(fhir,)).escalation[0].by == ("call",)
