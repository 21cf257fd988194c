"""A study of a flagged patient that is still arriving, and a broker."""

import subprocess

import pytest

from service import cohort
from service.broker import is_answering, server_command, socket_url
from service.cohort_file import entry_of
from service.courier import make_app
from service.early import look_early
from tests.service.conftest import NOON, mr_slice, received
from tests.service.early.study import SETTLED
from tests.walk.house import wait_for


@pytest.fixture
def flag(store, settings):
    def flag(**values: str):
        entry = entry_of({"patient_id": "P1", **values}, source="test", now=NOON, is_observation=True)
        with store.session() as session:
            return cohort.add(session, entry, settings, "tester", NOON)

    return flag


@pytest.fixture
def send(intake):
    def send(series: int, *numbers: int, at=NOON, **elements: object) -> None:
        for number in numbers:
            intake.take(received(mr_slice(number, series=series, **elements)), at)

    return send


@pytest.fixture
def look(store, settings):
    def look(now=SETTLED) -> None:
        look_early(store, settings, now, {})

    return look


@pytest.fixture
def ringing(settings):
    return settings.model_copy(update={"redis_url": socket_url(settings.data)})


@pytest.fixture
def app(ringing):
    """An application on a real Redis server of its own."""
    server = subprocess.Popen(server_command(ringing), stdout=subprocess.DEVNULL)
    app = make_app(ringing)
    try:
        wait_for(lambda: is_answering(app), 10, "the broker")
        yield app
    finally:
        app.close()
        server.terminate()
        server.wait(10)
