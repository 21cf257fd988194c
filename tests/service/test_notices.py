"""One decision told by every adapter: to peers that speak the protocol, and always with the same priority."""

import contextlib
import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fhir.resources.R4B.bundle import Bundle
from hl7apy.parser import parse_message
from hl7apy.validation import Validator
from pynetdicom import AE, evt
from pynetdicom.sop_class import UnifiedProcedureStepPush

from rules.messages import ResultState
from rules.notice import Notice, NoticedPatient, NoticedReport
from rules.urgency import Priority
from service.courier import take
from service.delivery import Outbox, deliver_due
from service.destinations import (
    FhirDestination,
    Hl7Destination,
    MailDestination,
    UpsDestination,
    WebhookDestination,
)
from service.fhir import bundle_of
from service.hints import hint_of, mail_of
from service.hl7 import message_of
from service.store.tables import Delivery
from service.ups import workitem_of
from tests.service.sending import NOON, STUDY, owe_job, result

HL7 = Hl7Destination(name="ris", kind="hl7", host="127.0.0.1", port=2575, application="RIS", facility="A")
MAIL = MailDestination(
    name="team", kind="mail", host="127.0.0.1", sender="triage@a.example", recipients=("b@a.example",)
)


def notice(priority=Priority.P1, **changes):
    told = Notice(
        uid="2.25.1234567890",
        study_instance_uid=STUDY,
        accession_number="ACC^1",
        study_description="MR brain",
        patient=NoticedPatient("P|1", "HOSPITAL-A", "Müller^Anna^B^Dr^Jr", date(1970, 1, 2)),
        state=ResultState.CONFIRMED,
        priority=priority,
        is_assessed=True,
        headline=f"{priority} {priority.words}: suspected PRES-type distribution",
        sentences=("Suspected PRES-type distribution: 22.5 mL & more.",),
        present=(("R03", "PRES-type distribution"),),
        not_assessed=("Diffusion: no series",),
        disclaimers=("Triage aid. Not for diagnosis.",),
        decided_at=datetime(2026, 5, 4, 12, 1, tzinfo=UTC),
        reports=(NoticedReport("SR", "1.2.840.10008.5.1.4.1.1.88.34", "2.25.7", "2.25.8"),),
        device="Cartriage 0.1",
        policy="cart 1 sha256:00",
    )
    return replace(told, **changes)


def observations(text):
    """OBX-3 code to (OBX-5, OBX-8), as another parser reads them."""
    rows = [line.split("|") for line in text.split("\r") if line.startswith("OBX")]
    return {row[3].split("^")[0]: (row[5], row[8] if len(row) > 8 else "") for row in rows}


@pytest.mark.parametrize("priority", list(Priority))
def test_every_encoding_says_the_same_priority(priority):
    told = notice(priority)
    text = message_of(told, HL7)
    said = observations(text)
    bundle = bundle_of(told)
    kinds = {one["resource"]["resourceType"]: one["resource"] for one in bundle["entry"]}
    item = workitem_of(told)
    observation = kinds["Observation"]
    raises = priority is not Priority.P4
    # The priority by our own code, in all of them.
    assert said["priority"][0].split("^")[0] == priority.value
    assert observation["valueCodeableConcept"]["coding"][0]["code"] == priority.value
    assert item.ReasonForRequestedProcedureCodeSequence[0].CodeValue == priority.value
    assert hint_of(told)["priority"] == priority.value
    assert mail_of(told, MAIL)["Subject"].startswith(f"Cartriage: {priority.value}")
    # The ACR category, in all of them, and in none for routine.
    acr = {Priority.P1: "RID49480", Priority.P2: "RID49481", Priority.P3: "RID49482"}.get(priority)
    assert said.get("actionable", ("",))[0].split("^")[0] == (acr or "")
    assert [one["code"] for one in observation["valueCodeableConcept"]["coding"][1:]] == [acr] * raises
    assert [one.CodeValue for one in item.ReasonForRequestedProcedureCodeSequence[1:]] == [acr] * raises
    # Actionable is AA, and the native priority only ever raises.
    assert said["priority"][1] == ("AA" if raises else "")
    assert ("interpretation" in observation) is raises
    assert ("Task" in kinds) is ("Flag" in kinds) is raises
    assert ("TQ1|" in text) is raises
    assert item.ScheduledProcedureStepPriority != "LOW"


def test_the_hl7_message_is_one_that_its_library_accepts_and_keeps_every_delimiter():
    text = message_of(notice(), HL7)
    parsed = parse_message(text, find_groups=True)
    assert Validator.validate(parsed)
    flat = parse_message(text, find_groups=False)
    assert flat.pid.pid_3.pid_3_1.value == "P\\F\\1"
    assert flat.pid.pid_5.value == "Müller^Anna^B^Jr^Dr"
    assert flat.obr.obr_3.value == "ACC\\S\\1"
    assert "22.5 mL \\T\\ more" in text
    assert {row.split("|")[11] for row in text.split("\r") if row.startswith("OBX")} == {"P"}
    assert text == message_of(notice(), HL7), "the same notice gives the same message"


@pytest.mark.parametrize("priority", list(Priority))
def test_the_fhir_bundle_is_one_that_its_models_accept(priority):
    bundle = Bundle.model_validate(bundle_of(notice(priority)))
    assert {one.request.method for one in bundle.entry} == {"PUT"}
    for one in bundle.entry:
        assert "identifier=urn:dicom:uid|urn:oid:2.25.1234567890" in one.request.url


def test_hints_tell_nothing_of_the_patient():
    for said in (json.dumps(hint_of(notice())), mail_of(notice(), MAIL).as_string()):
        for secret in ("P|1", "Anna", "Müller", "1970", "ACC", "HOSPITAL"):
            assert secret not in said
    assert STUDY not in mail_of(notice(), MAIL).as_string()


@contextmanager
def mllp(*codes):
    """An MLLP receiver that acknowledges each message with the next code; None closes, and "" says nothing."""
    heard = []
    listener = socket.create_server(("127.0.0.1", 0))
    answers = iter(codes)

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                received = b""
                while part := connection.recv(65536):
                    received += part
                    if not received.endswith(b"\x1c\r"):
                        continue
                    heard.append(received.strip(b"\x0b\x1c\r").decode())
                    code, received = next(answers), b""
                    if code is None:
                        break
                    if code:
                        about = heard[-1].split("|")[9]
                        ack = f"MSH|^~\\&|RIS|A|CARTRIAGE||20260504||ACK^R01^ACK|1|P|2.5.1\rMSA|{code}|{about}\r"
                        connection.sendall(b"\x0b" + ack.encode() + b"\x1c\r")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield HL7.model_copy(update={"port": listener.getsockname()[1]}), heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@contextmanager
def http(*statuses):
    heard = []
    answers = iter(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(next(answers))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def tell(store, settings):
    """Decide a study whose notice is owed to a destination, and return what tries it and shows its row."""
    outbox = Outbox(store, settings.model_copy(update={"delivery_timeout_s": 1.0}))

    def telling(destination, priority=Priority.P1):
        sending = settings.model_copy(update={"destinations": (destination,)})
        take(store, result(owe_job(store), (), priority=priority), sending, NOON)
        later = (datetime.now(UTC) + timedelta(days=days) for days in range(1, 10))

        def attempt():
            deliver_due(outbox, destination, next(later))
            with store.reading() as session:
                (row,) = session.query(Delivery).all()
            return row.state, row.last_error

        return attempt

    return telling


def test_an_hl7_receiver_is_told_until_it_acknowledges(tell):
    with mllp("AE", "AA") as (destination, heard):
        attempt = tell(destination)
        assert attempt() == ("owed", "refused")
        assert attempt() == ("proven", "")
    assert len(heard) == 2
    assert heard[0] == heard[1], "the same message with the same control ID"


def test_an_hl7_receiver_that_hangs_or_closes_is_told_again(tell):
    with mllp("", None, "CA") as (destination, heard):
        attempt = tell(destination)
        assert attempt() == ("owed", "no answer: timed out or cut off")
        assert attempt() == ("owed", "no connection to the destination")
        assert attempt() == ("proven", "")
    assert {control_id_of(one) for one in heard} == {control_id_of(heard[0])}


def control_id_of(text):
    return text.split("|")[9]


@pytest.mark.parametrize("kind", [FhirDestination, WebhookDestination])
def test_a_server_is_posted_to_until_it_takes_it(tell, kind):
    with http(503, 200) as (url, heard):
        name = {FhirDestination: "fhir", WebhookDestination: "webhook"}[kind]
        attempt = tell(kind(name="server", kind=name, url=url))
        assert attempt() == ("owed", "out of resources")
        assert attempt() == ("proven", "")
    assert heard[0] == heard[1]
    assert len(heard) == 2


def test_a_ups_peer_gets_one_workitem_and_a_second_attempt_changes_nothing(tell):
    created = {}

    def on_create(event):
        uid = event.request.AffectedSOPInstanceUID
        if uid in created:
            return 0x0111, None
        created[uid] = event.attribute_list
        return 0x0000, event.attribute_list

    ae = AE(ae_title="RIS")
    ae.add_supported_context(UnifiedProcedureStepPush)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_CREATE, on_create)])
    try:
        port = server.socket.getsockname()[1]
        attempt = tell(UpsDestination(name="ris", kind="ups", ae_title="RIS", host="127.0.0.1", port=port))
        assert attempt() == ("proven", "")
    finally:
        server.shutdown()
    (item,) = created.values()
    assert item.ScheduledProcedureStepPriority == "HIGH"
    assert item.ProcedureStepState == "SCHEDULED"
    assert item.InputInformationSequence[0].StudyInstanceUID == STUDY


@contextmanager
def relay(final):
    """A mail relay that answers the end of each mail with the next of `final`."""
    heard = []
    listener = socket.create_server(("127.0.0.1", 0))
    answers = iter(final)

    def talk(connection):
        lines = connection.makefile("rb")
        connection.sendall(b"220 relay\r\n")
        is_body, body = False, []
        for line in lines:
            if is_body and line != b".\r\n":
                body.append(line.decode())
                continue
            if is_body:
                heard.append("".join(body))
                connection.sendall(next(answers).encode() + b"\r\n")
                is_body, body = False, []
                continue
            is_body = line.upper().startswith(b"DATA")
            connection.sendall(b"354 go on\r\n" if is_body else b"250 ok\r\n")

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_a_mail_goes_out_until_the_relay_takes_it_and_names_nobody(tell):
    with relay(["451 later", "250 queued"]) as (port, heard):
        attempt = tell(MAIL.model_copy(update={"port": port, "tls": None}))
        assert attempt() == ("owed", "no connection to the destination")
        assert attempt() == ("proven", "")
    assert len(heard) == 2
    assert "Subject: Cartriage: P1 critical" in heard[1]
    assert STUDY not in heard[1]


def test_nothing_is_told_to_anybody_until_somebody_is_configured(store, settings):
    take(store, result(owe_job(store), ()), settings, NOON)
    with store.reading() as session:
        assert session.query(Delivery).count() == 0
