"""FHIR R4 asked of a server: what changed, page by page, and nothing twice."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import delete

from rules.context_map import load_context_map
from service.cohort import add
from service.cohort_file import entry_of
from service.context_feed.feed_settings import FhirFeed
from service.context_feed.polling import PollError, poll
from service.context_feed.taking import Registry
from service.settings import Settings
from service.store.feed_tables import ContextMessage, ContextPoll
from service.store.session import Store
from tests.service.conftest import NOON
from tests.service.context_feed.resources import PATIENT, held, infusion, observation


class FhirServer(ThreadingHTTPServer):
    """A server with a few resources, which pages them one by one and tells what it was asked."""

    resources: list[dict[str, Any]]
    asked: list[str]
    status: int = 200
    next_base: str = ""


class _Answer(BaseHTTPRequestHandler):
    server: FhirServer

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        since = datetime.fromisoformat(query["_lastUpdated"].removeprefix("ge"))
        found = [
            one
            for one in self.server.resources
            if url.path.endswith(f"/{one['resourceType']}")
            and datetime.fromisoformat(one["meta"]["lastUpdated"]) >= since
        ]
        page = int(query.get("page", "0"))
        made: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": []}
        made["entry"] = [
            {"resource": one} for one in (*found[page : page + 1], *([PATIENT] if found else []))
        ]
        if page + 1 < len(found):
            base = self.server.next_base or f"http://127.0.0.1:{self.server.server_port}"
            made["link"].append(
                {"relation": "next", "url": f"{base}{self.path.split('&page')[0]}&page={page + 1}"}
            )
        body = json.dumps(made).encode()
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(*resources: dict[str, Any]) -> Iterator[FhirServer]:
    server = FhirServer(("127.0.0.1", 0), _Answer)
    server.resources, server.asked = list(resources), []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_server_is_asked_for_what_changed_and_for_no_more(store: Store, settings: Settings):
    where = Registry(store, settings, load_context_map())
    grades = [observation("icans_grade", {"valueInteger": grade}, str(grade)) for grade in (1, 2, 9)]
    for minute, one in enumerate(grades):
        one["effectiveDateTime"] = f"2026-05-04T11:3{minute}:00Z"
    with serving(infusion(), *grades[:2]) as server:
        feed = FhirFeed(url=f"http://127.0.0.1:{server.server_port}/r4", back_days=4000)
        assert poll(where, feed, datetime.now(UTC)) == 3
        assert (held(store).product, held(store).icans_grade.value) == ("axicabtagene ciloleucel", 2)
        server.resources[2]["meta"]["lastUpdated"] = "2026-05-05T12:00:00Z"
        server.resources.append(grades[2])
        assert poll(where, feed, datetime.now(UTC)) == 4
        assert held(store).icans_grade.value == 2
        assert poll(where, feed, datetime.now(UTC)) == 2  # the newest of each kind, again
        with store.reading() as session:
            assert session.get_one(ContextPoll, "Observation").since == datetime(2026, 5, 5, 12, tzinfo=UTC)
            assert [row.state for row in session.query(ContextMessage).filter_by(fault="VALUE")] == [
                "set_aside"
            ]
        assert "code=http%3A%2F%2Floinc.org%7C777-3" in "".join(server.asked)
        server.next_base = "http://evil.example"
        with store.session() as session:
            session.execute(delete(ContextPoll))
        with pytest.raises(PollError, match="another server"):
            poll(where, feed, datetime.now(UTC))
        server.status = 503
        with pytest.raises(PollError, match="status 503"):
            poll(where, feed, datetime.now(UTC))


def test_the_past_of_a_patient_who_is_flagged_later_is_asked_for(store: Store, settings: Settings):
    where = Registry(store, settings, load_context_map())
    with serving(observation("icans_grade", {"valueInteger": 3})) as server:
        feed = FhirFeed(url=f"http://127.0.0.1:{server.server_port}", back_days=4000)
        poll(where, feed, datetime.now(UTC))
        server.resources.append(observation("ice_score", {"valueInteger": 4}, "9"))
        poll(where, feed, datetime.now(UTC))
        entry = entry_of({"patient_id": "P1"}, source="test", now=NOON, is_observation=True)
        with store.session() as session:
            add(session, entry, settings, "meyer", datetime.now(UTC))
        poll(where, feed, datetime.now(UTC))
    assert (held(store).icans_grade.value, held(store).ice_score.value) == (3, 4)
