"""How fast the reading list is with very many studies: rows made up, the page asked over HTTP on this machine."""

import html
import math
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import uvicorn
from sqlalchemy import insert

from rules.urgency import Priority
from service.accounts import Role, change_password, create
from service.errors import ServiceError
from service.store.desk_tables import WorklistEntry, WorklistState
from service.store.session import Store
from service.store.tables import Study
from service.web.app import make_app
from service.web.house import House

_AT_ONCE = 5000
_PASSWORD = "only for this bench"  # noqa: S105 - of an account in a throw-away database
_SYLLABLES = ("ba", "de", "fi", "go", "ha", "jo", "ka", "li", "mo", "na", "pe", "ro", "sa", "ti", "vu")
_START_LIMIT_S = 30.0
_NEXT = "next page"
_PATHS = {
    "first page": "/",
    "P2 only": "/?priority=P2",
    "not acknowledged": "/?show=waiting",
    "all studies": "/?show=all",
    "search by patient ID": "/?text=MRN0{number:03}",
    "search by name": "/?text=moka",
    "search without a match": "/?text=Nobody",
    _NEXT: "/",
}


class BenchError(ServiceError):
    """The pages did not answer as they should."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Times of one kind of request, in milliseconds."""

    name: str
    median_ms: float
    p95_ms: float
    cpu_ms: float
    """Mean time of the processor, of asking and answering (and of SQLite): it holds on a busy machine too."""


def fill(store: Store, studies: int, now: datetime) -> None:
    """Make up studies and their rows of the list: a third unread, one in fifty a P1, one in ten not flagged."""
    chance = random.Random(1)
    for start in range(0, studies, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, studies))
        rows = [_row(number, now, chance) for number in numbers]
        with store.session() as session:
            session.execute(insert(Study), [_study(row) for row in rows])
            session.execute(insert(WorklistEntry), rows)
    with store.session() as session:
        session.add(WorklistState(id=1, sequence=0, version=1, at=now + timedelta(days=1)))
    with store.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()


def measure(house: House, rounds: int) -> Iterator[Measured]:
    """Ask for each kind of page again and again, signed in, one after the other."""
    with house.store.session() as session:
        now = datetime.now(UTC)
        once = create(session, "bench", "Bench", [Role.RADIOLOGIST], "bench", now)
        session.flush()
        change_password(session, "bench", once, _PASSWORD, now)
    server = uvicorn.Server(uvicorn.Config(make_app(house), port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    limit = time.monotonic() + _START_LIMIT_S
    while not server.started and time.monotonic() < limit:
        time.sleep(0.05)
    connection = HTTPConnection("127.0.0.1", server.servers[0].sockets[0].getsockname()[1], timeout=60)
    try:
        cookie = _sign_in(connection)
        for name, path in _PATHS.items():
            yield _timed(connection, cookie, name, path, rounds)
    finally:
        connection.close()
        server.should_exit = True
        thread.join(_START_LIMIT_S)


def _timed(connection: HTTPConnection, cookie: str, name: str, path: str, rounds: int) -> Measured:
    times = []
    began = time.process_time()
    for number in range(rounds):
        asked = path.format(number=number)
        start = time.perf_counter()
        connection.request("GET", asked, headers={"Cookie": cookie})
        answer = connection.getresponse()
        page = answer.read().decode()
        times.append((time.perf_counter() - start) * 1000)
        if answer.status != 200:
            raise BenchError(f"{asked} answered {answer.status}")
        if name == _NEXT:  # each page leads to the one after it
            path = html.unescape(page.split('rel="next"')[0].rpartition('href="')[2].split('"')[0]) or "/"
    cpu_ms = (time.process_time() - began) * 1000 / rounds
    times.sort()
    return Measured(name, times[len(times) // 2], times[math.ceil(0.95 * len(times)) - 1], cpu_ms)


def _sign_in(connection: HTTPConnection) -> str:
    body = f"name=bench&password={quote(_PASSWORD)}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/sign-in", body, headers)
    answer = connection.getresponse()
    answer.read()
    return (answer.getheader("set-cookie") or "").split(";")[0]


def _row(number: int, now: datetime, chance: random.Random) -> dict[str, Any]:
    priority = chance.choices(list(Priority), [2, 10, 28, 60])[0]
    received = now - timedelta(minutes=number)
    is_read = number >= 1000 and chance.random() < 0.67
    row = {
        "study_instance_uid": f"1.2.826.0.1.3680043.8.498.{number}",
        "is_flagged": chance.random() < 0.9,
        "is_read": is_read,
        "place": {"P1": 0, "P2": 2, "P3": 6, "P4": 8}[priority],
        "order_at": received + timedelta(hours=1),
        "target_at": received + timedelta(hours=1),
        "ages_at": None,
        "patient_id": f"MRN{number:06}",
        "patient_name": f"{''.join(chance.choices(_SYLLABLES, k=3)).title()}^Ines",
        "birth_date": None,
        "accession_number": f"A{number:06}",
        "study_date": received.date(),
        "status": "decided" if chance.random() < 0.9 else "not assessed",
        "is_provisional": False,
        "decided": priority.value,
        "shown": priority.value,
        "why_raised": "",
        "could_be": None,
        "headline": f"{priority.value} {priority.words}: suspected PRES-type distribution",
        "not_assessed": ["comparison with an earlier study: no earlier study"],
        "day": number % 30,
        "icans_grade": number % 5,
        "job_id": "",
        "deliveries": 2,
        "deliveries_stored": 2,
        "received_at": received,
        "decided_at": received,
        "acknowledged_at": received if is_read else None,
        "acknowledged_by": "meyer" if is_read else "",
        "escalated": 0,
        "verdict": "agree" if is_read else "",
    }
    return row | {"search_name": str(row["patient_name"]).upper()}


def _study(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("study_instance_uid", "patient_id", "patient_name", "accession_number", "received_at")
    return {name: row[name] for name in kept} | {
        "issuer": "",
        "description": "",
        "order_priority": "",
        "last_received_at": row["received_at"],
        "settled_snapshot": 1,
        "settled_digest": "",
        "is_open": False,
        "has_identity_conflict": False,
    }
