"""Our worklist over the web: UPS-RS as httpx asks for it, events over a real WebSocket (PS3.18 11)."""

import json

import httpx
import pytest
from sqlalchemy import select
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from rules.urgency import Priority
from service.settings import WebSender
from service.store.tables import AuditEvent
from service.workitems.events import ALL
from service.workitems.query import QueryError, keys_of
from tests.service.sending import STUDY
from tests.service.test_stow_scp import serving
from tests.service.workitems.worklist import decide

TOKEN = "a token that nobody guesses"  # noqa: S105 - of nobody
OTHER = f"{STUDY}.2"
KEY = "2.25.77"


@pytest.fixture
def offering(settings):
    """A service that offers its worklist to one reading worklist that it knows."""
    readers = WebSender(ae_title="READERS", token=TOKEN)
    return settings.model_copy(update={"worklist": True, "dicomweb_senders": (readers,)})


@pytest.fixture
def peer(store, offering):
    with (
        serving(offering) as base,
        httpx.Client(base_url=base, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20) as client,
    ):
        yield client


def value(item, tag):
    return item[tag]["Value"][0]


def state(wanted, key=KEY):
    return json.dumps(
        [{"00741000": {"vr": "CS", "Value": [wanted]}, "00081195": {"vr": "UI", "Value": [key]}}]
    )


def test_a_decided_study_is_found_claimed_and_finished(store, offering, peer):
    decide(store, offering, Priority.P2)
    decide(store, offering, Priority.P3, 2, OTHER)
    everything = peer.get("/workitems", params={"ProcedureStepState": "SCHEDULED"})
    assert everything.headers["content-type"] == "application/dicom+json"
    assert [value(one, "00741200") for one in everything.json()] == ["HIGH", "MEDIUM"]
    (high,) = peer.get("/workitems", params={"00741200": "HIGH", "limit": "1"}).json()
    query = {"ReferencedRequestSequence.StudyInstanceUID": OTHER}
    (medium,) = peer.get("/workitems", params=query).json()
    assert value(medium, "00080018") != value(high, "00080018")
    assert peer.get("/workitems", params={"offset": "2"}).status_code == 204
    assert peer.get("/workitems", params={"NoSuchThing": "1"}).status_code == 400

    path = f"/workitems/{value(high, '00080018')}"
    assert value(peer.get(path).json()[0], "00741000") == "SCHEDULED"
    assert peer.put(f"{path}/state", content=state("COMPLETED")).status_code == 409
    assert peer.post(f"{path}/cancelrequest").status_code == 409, "nothing takes it off the list"
    assert peer.put(f"{path}/state", content=state("IN PROGRESS")).status_code == 200
    refused = peer.put(f"{path}/state", content=state("IN PROGRESS", "2.25.78"))
    assert (refused.status_code, refused.headers["warning"]) == (409, '299 cartriage "0xC302"')
    assert peer.post(f"{path}/cancelrequest").status_code == 202
    done = json.dumps({"00741216": {"vr": "SQ", "Value": [{"00400254": {"vr": "LO", "Value": ["read"]}}]}})
    assert peer.post(path, content=done).status_code == 409, "without the key nobody changes it"
    assert peer.post(path, params={"transaction-uid": KEY}, content=done).status_code == 200
    assert peer.put(f"{path}/state", content=state("COMPLETED")).status_code == 200
    (shown,) = peer.get(path).json()
    assert (value(shown, "00741000"), "00081195" in shown) == ("COMPLETED", False)
    assert peer.get("/workitems/1.2.3").status_code == 404
    with store.reading() as session:
        events = session.scalars(select(AuditEvent.event).where(AuditEvent.actor == "READERS")).all()
    assert {"workitems_found", "workitem_shown", "workitem_changed", "workitem_updated"} <= set(events)


@pytest.mark.parametrize("body", [b"{", b"[1]", b'{"00741000": 3}', b"x" * 1_000_001])
def test_what_is_not_understood_changes_nothing(store, offering, peer, body):
    decide(store, offering, Priority.P2)
    (item,) = peer.get("/workitems").json()
    answer = peer.put(f"/workitems/{value(item, '00080018')}/state", content=body)
    assert answer.status_code == 400
    assert value(peer.get("/workitems").json()[0], "00741000") == "SCHEDULED"


def test_strangers_are_turned_away(store, offering, peer):
    decide(store, offering, Priority.P2)
    assert httpx.get(f"{peer.base_url}workitems", timeout=20).status_code == 401
    wrong = {"Authorization": "Bearer guessed"}
    assert httpx.get(f"{peer.base_url}workitems", headers=wrong, timeout=20).status_code == 401
    assert peer.post(f"/workitems/{ALL}/subscribers/SOMEONE").status_code == 403
    channel = f"{peer.base_url}subscribers/READERS".replace("http", "ws")
    with pytest.raises((InvalidStatus, ConnectionClosed)), connect(channel) as socket:
        socket.recv(timeout=5)


def test_a_watching_worklist_is_told_over_its_channel(store, offering, peer):
    decide(store, offering, Priority.P4)
    answer = peer.post(f"/workitems/{ALL}/subscribers/READERS")
    assert answer.status_code == 201
    channel = answer.headers["content-location"]
    header = {"Authorization": f"Bearer {TOKEN}"}
    with connect(channel, additional_headers=header) as socket:
        told = json.loads(socket.recv(timeout=10))
        assert (value(told, "00001002"), value(told, "00741200")) == (1, "MEDIUM")
        decide(store, offering, Priority.P1, 2, OTHER)
        told = json.loads(socket.recv(timeout=10))
        assert value(told, "00741200") == "HIGH"
    decide(store, offering, Priority.P1, 3)
    with connect(channel, additional_headers=header) as socket:
        told = json.loads(socket.recv(timeout=10))
        assert value(told, "00741200") == "HIGH", "what came while the channel was closed"
    assert peer.post(f"/workitems/{ALL}/subscribers/READERS/suspend").status_code == 200
    assert peer.delete(f"/workitems/{ALL}/subscribers/READERS").status_code == 200


@pytest.mark.parametrize(
    "name", ["PatientID.PatientName", "A.B.C.D.E", "0040A370", "zzzzzzzz", "00991234", "Patient"]
)
def test_a_search_names_attributes_of_the_dictionary(name):
    with pytest.raises(QueryError):
        keys_of([(name, "x")])
