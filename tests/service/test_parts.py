"""What the page of operations says of the node, the queue, the workers and the desk, by what they show."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from service import parts as module
from service.courier import make_app
from service.node import NODE_FILE
from service.parts import Standing, parts
from service.settings import Settings
from service.store.session import Store
from service.store.tables import Job
from tests.service.conftest import NOON
from tests.service.web.conftest import HEALTHY, Hospital, hospital  # noqa: F401


def seen(store: Store, settings: Settings, at) -> dict[str, tuple[Standing, str]]:
    with store.reading() as session:
        return {
            one.name: (one.standing, one.words) for one in parts(session, settings, make_app(settings), at)
        }


@pytest.fixture
def listening(settings: Settings) -> Iterator[socket.socket]:
    """Something that listens where the node says that it does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = {"pid": 1, "host": "0.0.0.0", "port": server.getsockname()[1]}  # noqa: S104 - in a file
        settings.data.mkdir(parents=True, exist_ok=True)
        (settings.data / NODE_FILE).write_text(json.dumps(told))
        yield server


def test_a_node_is_elsewhere_or_answers_or_is_silent(store: Store, settings: Settings, listening):
    at = NOON
    assert seen(store, settings, at)["Node"][0] is Standing.WELL
    listening.close()
    assert seen(store, settings, at)["Node"][0] is Standing.SILENT
    (settings.data / NODE_FILE).unlink()
    assert seen(store, settings, at)["Node"][0] is Standing.ELSEWHERE


def test_a_broker_that_is_down_is_told_and_a_desk_that_stopped(store: Store, settings: Settings):
    found = seen(store, settings, NOON)
    assert found["Queue"] == (
        Standing.SILENT,
        "the broker does not answer; what is owed waits in the database",
    )
    assert found["Workers"][0] is Standing.ELSEWHERE
    assert found["Desk"][0] is Standing.SILENT


def test_studies_that_no_worker_takes_are_told(hospital: Hospital, monkeypatch: pytest.MonkeyPatch):  # noqa: F811
    hospital.study("CALM", HEALTHY)
    hospital.flag("WAIT")
    uid = hospital.receive("WAIT")
    with hospital.store.session() as session:
        session.execute(update(Job).where(Job.study_instance_uid == uid).values(rings=1))
    soon, later = hospital.now, hospital.now + timedelta(minutes=5)
    monkeypatch.setattr(module, "waiting_messages", lambda *_: 2)  # one is of nobody
    assert seen(hospital.store, hospital.settings, soon)["Workers"][0] is Standing.WELL
    found = seen(hospital.store, hospital.settings, later)
    assert found["Queue"] == (Standing.WELL, "answers; studies that wait in it: 1")
    assert found["Workers"] == (Standing.SILENT, "studies wait and no worker takes one")
    monkeypatch.setattr(module, "waiting_messages", lambda *_: 0)
    taken = seen(hospital.store, hospital.settings, later)["Workers"]
    assert taken == (Standing.WELL, "studies in hand: 1")
