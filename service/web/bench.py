"""How fast the pages are with very many studies: asked over HTTP on this machine, from several databases in turn."""

import html
import math
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection
from urllib.parse import quote

import uvicorn

from service.accounts import Role, change_password, create
from service.errors import ServiceError
from service.web.app import make_app
from service.web.house import House

_PASSWORD = "only for this bench"  # noqa: S105 - of an account in a throw-away database
_START_LIMIT_S = 30.0
_NEXT = "next page"
_PERFORMANCE = "performance page"
_PATHS = {
    "first page": "/",
    "P2 only": "/?priority=P2",
    "not acknowledged": "/?show=waiting",
    "all studies": "/?show=all",
    "search by patient ID": "/?text=MRN0{number:03}",
    "search by name": "/?text=moka",
    "search without a match": "/?text=Nobody",
    _NEXT: "/",
    _PERFORMANCE: "/performance?days=3650",
}
_SLOW_ROUNDS = 5
"""Of the page of performance, whose target is seconds."""


class BenchError(ServiceError):
    """The pages did not answer as they should."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Times of one kind of request, in milliseconds."""

    name: str
    database: str
    median_ms: float
    p95_ms: float
    cpu_ms: float
    """Mean time of the processor, of asking and answering (and of SQLite): it holds on a busy machine too."""


@dataclass(slots=True)
class _Reader:
    """Somebody who is signed in at one house, and how long its answers took."""

    connection: HTTPConnection
    cookie: str
    path: str = ""
    times_ms: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0

    def ask(self, path: str) -> str:
        start, began = time.perf_counter(), time.process_time()
        self.connection.request("GET", path, headers={"Cookie": self.cookie})
        answer = self.connection.getresponse()
        page = answer.read().decode()
        self.times_ms.append((time.perf_counter() - start) * 1000)
        self.cpu_ms += (time.process_time() - began) * 1000
        if answer.status != 200:
            raise BenchError(f"{path} answered {answer.status}")
        return page


def measure(houses: Mapping[str, House], rounds: int) -> Iterator[Measured]:
    """Ask for each kind of page again and again, signed in, one after the other; of every house in turn, so that they share the load.

    houses : by the name of their database; nobody may have an account there yet
    """
    with ExitStack() as stack:
        readers = {name: stack.enter_context(_reading(house)) for name, house in houses.items()}
        for name, path in _PATHS.items():
            for reader in readers.values():
                reader.path, reader.times_ms, reader.cpu_ms = path, [], 0.0
            for number in range(_SLOW_ROUNDS if name == _PERFORMANCE else rounds):
                for reader in readers.values():
                    page = reader.ask(reader.path.format(number=number))
                    if name == _NEXT:  # each page leads to the one after it
                        reader.path = _next_of(page) or "/"
            for database, reader in readers.items():
                times = sorted(reader.times_ms)
                p95_ms = times[math.ceil(0.95 * len(times)) - 1]
                cpu_ms = reader.cpu_ms / len(times)
                yield Measured(name, database, times[len(times) // 2], p95_ms, cpu_ms)


def _next_of(page: str) -> str:
    return html.unescape(page.split('rel="next"', maxsplit=1)[0].rpartition('href="')[2].split('"')[0])


@contextmanager
def _reading(house: House) -> Iterator[_Reader]:
    with house.store.session() as session:
        now = datetime.now(UTC)
        once = create(session, "bench", "Bench", [Role.RADIOLOGIST], "bench", now)
        session.flush()
        change_password(session, "bench", once, _PASSWORD, now)
    config = uvicorn.Config(make_app(house), port=0, log_config=None, access_log=False)
    config.timeout_keep_alive = 600  # while other databases are asked, nobody hangs up
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    limit = time.monotonic() + _START_LIMIT_S
    while not server.started and time.monotonic() < limit:
        time.sleep(0.05)
    connection = HTTPConnection("127.0.0.1", server.servers[0].sockets[0].getsockname()[1], timeout=60)
    try:
        yield _Reader(connection, _sign_in(connection))
    finally:
        connection.close()
        server.should_exit = True
        thread.join(_START_LIMIT_S)


def _sign_in(connection: HTTPConnection) -> str:
    body = f"name=bench&password={quote(_PASSWORD)}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/sign-in", body, headers)
    answer = connection.getresponse()
    answer.read()
    return (answer.getheader("set-cookie") or "").split(";")[0]
