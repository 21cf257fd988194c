"""DICOM audit messages: valid by the schema, the right ones for each event, and kept while nobody receives."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from lxml import etree
from pydicom.sr._concepts_dict import concepts

from service import audit
from service.assembly import settle
from service.audit_feed.events import TOLD
from service.audit_feed.feed import feed, run_feed
from service.audit_feed.message import Action, Code, Message, Participant, patient, xml_of
from service.audit_feed.syslog import NotTakenError, Receiver
from service.destinations import Destination, FolderDestination, Tls
from service.processes import planned
from service.settings import Settings
from service.store.desk_tables import AuditFeed
from service.store.session import Store
from service.store.tables import AuditEvent, Delivery, Job
from tests.service.audit_messages import SCHEMA, Syslog, closed_port, name_of, patients, users, valid
from tests.service.conftest import NOON, SENTINEL, STUDY, mr_slice, received
from tests.walk.house import wait_for

PACS = Destination(name="pacs", ae_title="PACS", host="10.0.0.5", port=104)
FOLDER = FolderDestination(name="share", kind="folder", folder=Path("/srv/share"))
SR = "1.2.840.10008.5.1.4.1.1.88.34"
JOB = "0" * 64


@pytest.fixture
def syslog() -> Iterator[Syslog]:
    made = Syslog()
    with closing(made.socket):
        yield made


@pytest.fixture
def told(store: Store, settings: Settings, intake, syslog: Syslog) -> Callable[..., list[etree._Element]]:
    """Record an event about a received study, and take what is sent of it."""
    for number in (1, 2):
        intake.take(received(mr_slice(number)), NOON)
    own = settings.model_copy(update={"destinations": (PACS, FOLDER)})
    feed(store, own, syslog.receiver, NOON)

    def tell(event: str, study: str | None = None, actor: str = "meyer", **detail: object):
        with store.session() as session:
            audit.record(session, event, study, actor, NOON, **detail)
        assert feed(store, own, syslog.receiver, NOON) >= 1
        return syslog.take()

    return tell


def test_every_code_is_the_standards():
    known = {
        code: meaning
        for code, (meaning, _) in ((c, v) for d in concepts["DCM"].values() for c, v in d.items())
    }
    ours = {code.value[0]: code.value[2] for code in Code if code.value[1] == "DCM"}
    assert ours.items() <= known.items()
    assert len(ours) == sum(code.value[1] == "DCM" for code in Code)


def test_the_schema_refuses_what_is_wrong():
    message = Message(Code.EXPORT, Action.READ, NOON, (Participant("a"),), (patient("1", "x"),))
    good = xml_of(message, "us")
    valid(good)
    for wrong in (
        good.replace(b'EventActionCode="R"', b'EventActionCode="X"'),
        good.replace(b' UserID="a"', b""),
        good.replace(b"<ParticipantObjectName>x</ParticipantObjectName>", b""),
        good.replace(b"csd-code", b"code"),
    ):
        assert wrong != good
        assert not SCHEMA.validate(etree.fromstring(wrong))


@pytest.mark.parametrize("text", ["a\x00b\x1b", "<&\"'>", "Grüße 東京", "a\ud800"])
def test_any_text_makes_a_valid_message(text: str):
    message = Message(
        Code.EXPORT, Action.READ, NOON, (Participant(text),), (patient(text, text),), failure=text
    )
    assert valid(xml_of(message, text)).find("ActiveParticipant").get("UserID")


def test_a_received_study_is_transferred_with_its_sender_and_patient(told):
    (message,) = told("study_settled", STUDY, "assembly", snapshot=1)
    assert name_of(message) == "DICOM Instances Transferred"
    assert users(message) == [("SCANNER", "true"), ("CARTRIAGE", "false")]
    assert patients(message) == ["P1"]
    assert message.find(".//SOPClass").get("NumberOfInstances") == "2"
    assert message.find(".//Accession").get("Number") == "ACC1"
    assert SENTINEL in message.xpath("//ParticipantObjectName/text()")


def test_a_delivery_is_begun_and_ended(told, store: Store):
    row = {"study_instance_uid": STUDY, "job_id": JOB, "created_at": NOON}
    with store.session() as session:
        session.add(Job(**row, snapshot=1, state="done"))
        session.flush()
        for number, destination in enumerate(("pacs", "pacs", "share")):
            uid = f"1.2.{number}"
            owed = {"cargo": "SR", "sop_instance_uid": uid, "sop_class_uid": SR, "destination": destination}
            session.add(Delivery(**row, **owed, state="owed", priority="P4", try_at=NOON))
    (begun,) = told("study_triaged", STUDY, "courier", job_id=JOB)
    assert name_of(begun) == "Begin Transferring DICOM Instances"
    assert users(begun) == [("CARTRIAGE", "true"), ("pacs", "false")]
    assert (begun.find(".//SOPClass").get("UID"), begun.find(".//SOPClass").get("NumberOfInstances")) == (
        SR,
        "2",
    )
    (ended,) = told("report_stored", STUDY, "delivery", destination="pacs", sop_instance_uid="1.2.9")
    assert name_of(ended) == "DICOM Instances Transferred"
    assert users(ended) == [("CARTRIAGE", "true"), ("pacs", "false")]
    (failed,) = told("report_not_stored", STUDY, "delivery", destination="pacs", outcome="no answer")
    assert failed.find("EventIdentification").get("EventOutcomeIndicator") == "4"
    assert failed.findtext(".//EventOutcomeDescription") == "no answer"
    (left,) = told("report_stored", STUDY, "delivery", destination="share")
    assert name_of(left) == "Export"
    assert left.find(".//MediaType").get("originalText") == "URI"


@pytest.mark.parametrize(
    ("event", "detail", "name", "kind"),
    [
        ("application_started", {}, "Application Activity", "Application Start"),
        ("application_stopped", {}, "Application Activity", "Application Stop"),
        (
            "association_rejected",
            {"address": "10.0.0.9", "reason": "not listed"},
            "Security Alert",
            "Node Authentication",
        ),
        ("account_created", {"account": "a"}, "Security Alert", "User Security Attributes Changed"),
        ("sign_in_failed", {"address": "10.0.0.9"}, "User Authentication", "Login"),
        ("signed_in", {"address": "10.0.0.9"}, "User Authentication", "Login"),
        ("signed_out", {}, "User Authentication", "Logout"),
        ("viewed_audit", {}, "Audit Log Used", None),
        ("viewed_context", {"patient_id": "P7"}, "Patient Record", None),
    ],
)
def test_each_event_has_its_message(told, event: str, detail: dict, name: str, kind: str | None):
    (message,) = told(event, **detail)
    found = message.find(".//EventTypeCode")
    assert (name_of(message), found.get("originalText") if found is not None else None) == (name, kind)
    is_failure = event in {"association_rejected", "sign_in_failed"}
    outcome = message.find("EventIdentification").get("EventOutcomeIndicator")
    assert outcome == ("4" if is_failure else "0")
    assert sum(requestor == "true" for _, requestor in users(message)) <= 1


def test_a_list_that_was_seen_is_told_study_by_study(told, intake):
    other = f"{STUDY}.9"
    intake.take(received(mr_slice(1, study=other, PatientID="P2")), NOON)
    first, second = told("viewed_worklist", studies=[STUDY, other, "1.9.9"])
    assert {name_of(first), name_of(second)} == {"DICOM Instances Accessed"}
    assert (patients(first), patients(second)) == (["P1"], ["P2"])
    assert users(first)[0] == ("meyer", "true")


def test_a_worklist_that_reads_a_workitem_accesses_its_study(told):
    (message,) = told("workitem_shown", STUDY, "READERS", workitem="2.25.1")
    assert name_of(message) == "DICOM Instances Accessed"
    assert users(message)[0] == ("READERS", "true")


def test_what_is_no_matter_of_the_profile_is_not_sent(told):
    assert "instance_stored" not in TOLD
    assert told("instance_stored", STUDY, "SCANNER") == []
    assert told("viewed_study", "1.9.9") == []


def test_nothing_is_lost_while_nobody_receives(store: Store, settings: Settings, syslog: Syslog):
    feed(store, settings, syslog.receiver, NOON)
    down = Receiver("127.0.0.1", closed_port(), Tls())
    with store.session() as session:
        for name in ("signed_in", "signed_out"):
            audit.record(session, name, None, "meyer", NOON)
    for _ in range(2):
        with pytest.raises(NotTakenError):
            feed(store, settings, down, NOON)
    with store.reading() as session:
        assert session.get_one(AuditFeed, 1).failing_since == NOON
    assert feed(store, settings, syslog.receiver, NOON) == 3
    assert [message.find(".//EventTypeCode").get("originalText") for message in syslog.take()] == [
        "Login",
        "Logout",
    ]
    with store.reading() as session:
        told = [one.event for one in session.query(AuditEvent).order_by(AuditEvent.sequence)]
        assert session.get_one(AuditFeed, 1).failing_since is None
    assert told[-2:] == ["audit_feed_failing", "audit_feed_resumed"]
    feed(store, settings, syslog.receiver, NOON)
    assert syslog.take() == []


def test_it_begins_where_the_trail_ends_and_runs_until_stopped(
    store: Store, settings: Settings, syslog: Syslog, intake
):
    with store.session() as session:
        audit.record(session, "signed_in", None, "before", NOON)
    stop = threading.Event()
    own = settings.model_copy(update={"audit_syslog": f"udp://127.0.0.1:{syslog.receiver.port}"})
    thread = threading.Thread(target=run_feed, args=(own, stop))
    thread.start()
    wait_for(lambda: place(store) is not None, 15, "the feed to begin")
    intake.take(received(mr_slice(1)), NOON)
    with store.session() as session:
        settle(session, own, NOON.replace(year=2027))
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert [name_of(message) for message in syslog.take()] == ["DICOM Instances Transferred"]


def test_it_runs_only_where_somebody_receives(settings: Settings):
    told = settings.model_copy(update={"audit_syslog": "udp://127.0.0.1:514"})
    assert "audit-feed" not in {one.name for one in planned(settings, has_worker=False)}
    assert "audit-feed" in {one.name for one in planned(told, has_worker=False)}


@pytest.mark.parametrize("address", ["syslog", "tcp://a:1", "udp://a", "udp://a:b", "tls://u:p@h:1"])
def test_an_address_that_is_none_is_refused(address: str):
    with pytest.raises(ValueError, match="audit_syslog"):
        Settings(audit_syslog=address)


def test_an_address_may_be_of_version_six():
    settings = Settings(audit_syslog="udp://[::1]:514")
    assert Receiver.of(settings.audit_syslog, settings.audit_syslog_tls) == Receiver("::1", 514, None)


def place(store: Store) -> AuditFeed | None:
    with store.reading() as session:
        return session.get(AuditFeed, 1)
