"""make faults: what becomes of deliveries to a PACS that refuses, loses, hangs, cuts, shows a wrong certificate, is down, restarts.

Each fault with objects and a peer of its own. Counted: objects that were owed, tries, objects that the peer has in the end, objects that
are proven. Real sockets and real time-outs; only the waits between two tries are skipped, and the hour is faked.
"""

import argparse
import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rules.urgency import Priority
from service.courier import take
from service.delivery import Outbox, deliver_due, serve
from service.destinations import Tls
from service.settings import Destination, Settings
from service.store.session import open_store, upgrade
from service.store.tables import Delivery
from tests.bench.page import table, write_section
from tests.service.sending import STUDY, archive, grow, owe_job, result, write_report
from tests.service.wrong_peers import certificate, cutting_relay
from tests.walk.orthanc import free_port, running_orthanc

_ROUNDS = 60
_DAY = timedelta(days=1)
"""Past every wait that a failed try can set."""
_HEAD = ("fault", "objects", "tries", "there in the end", "proven", "stuck")

Row = tuple[str, int, int, int, int, int]


@dataclass(slots=True)
class Case:
    """One fault's outbox, and the clock that it is served by."""

    outbox: Outbox
    folder: Path
    now: datetime

    def owe(self, destination: Destination, count: int) -> None:
        """Owe objects of every priority to a destination."""
        sending = self.outbox.settings.model_copy(update={"destinations": (destination,)})
        for number in range(1, count + 1):
            report = write_report(self.outbox.settings.files, f"1.2.3.{number}")
            job = owe_job(self.outbox.store, f"{number:064x}")
            priority = list(Priority)[number % 4]
            take(self.outbox.store, result(job, (report,), priority=priority), sending, self.now)

    def until_proven(self, destination: Destination) -> None:
        """Serve, a day later each time, until everything is proven or nothing more comes of it."""
        for _ in range(_ROUNDS):
            if not self.unproven():
                return
            self.now += _DAY
            serve(self.outbox, destination, self.now)

    def rows(self) -> list[Delivery]:
        with self.outbox.store.reading() as session:
            return session.query(Delivery).all()

    def unproven(self) -> int:
        return sum(one.state != "proven" for one in self.rows())

    def row(self, fault: str, there: set[str]) -> Row:
        """The counts of a fault."""
        rows = self.rows()
        tries = sum(one.tries for one in rows)
        return fault, len(rows), tries, len(there), len(rows) - self.unproven(), self.unproven()


@contextmanager
def case(root: Path, **changes: object) -> Iterator[Case]:
    folder = Path(tempfile.mkdtemp(dir=root))
    settings = Settings(data=folder / "data", delivery_timeout_s=1.0, proof_timeout_s=1.0, **changes)
    store = open_store(settings)
    upgrade(store)
    try:
        yield Case(Outbox(store, settings), folder, datetime.now(UTC))
    finally:
        store.close()


def refuses(one: Case, count: int) -> Row:
    """Refuses each object twice."""
    asked: Counter[str] = Counter()

    def answer(uid: str) -> int:
        asked[uid] += 1
        return 0xA700 if asked[uid] <= 2 else 0x0000

    with archive(answer) as pacs:
        one.owe(pacs.destination, count)
        one.until_proven(pacs.destination)
    return one.row("refuses each object twice (0xA700)", set(pacs.stored))


def loses(one: Case, count: int) -> Row:
    """An Orthanc that took everything and lost it; it is asked by C-FIND."""
    with running_orthanc(one.folder) as orthanc:
        pacs = Destination(
            name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=orthanc.dicom_port, proof="read_back"
        )
        one.owe(pacs, count)
        while any(row.state == "owed" for row in one.rows()):
            deliver_due(one.outbox, pacs, one.now)
        orthanc.forget(STUDY)
        one.until_proven(pacs)
        there = {found["MainDicomTags"]["SOPInstanceUID"] for found in orthanc.instances(STUDY)}
    return one.row("accepts all and loses all (Orthanc)", there)


def hangs(one: Case, count: int) -> Row:
    """Does not answer the first three objects within the time-out."""
    gate, asked = threading.Event(), iter(range(10**6))

    def answer(_uid: str) -> int:
        return 0x0000 if next(asked) >= 3 or gate.wait(3) else 0xA700

    with archive(answer) as pacs:
        one.owe(pacs.destination, count)
        one.until_proven(pacs.destination)
        gate.set()
    return one.row("hangs on three objects", set(pacs.stored))


def cuts(one: Case, count: int) -> Row:
    """The first connection ends in the middle of an object."""
    with archive() as pacs, cutting_relay(pacs.destination.port, after=20_000) as port:
        relayed = pacs.destination.model_copy(update={"port": port})
        one.owe(relayed, count)
        for row in one.rows():
            grow(one.outbox.settings.files, one.outbox.store, row.sop_instance_uid)
        one.until_proven(relayed)
    return one.row("closes in mid-transfer", set(pacs.stored))


def shows_another_certificate(one: Case, count: int) -> Row:
    """Shows a certificate that is not trusted, three times; then the site names the right one."""
    ours, key = certificate(one.folder, "pacs")
    other, _ = certificate(one.folder, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours, key)
    with archive(tls=context) as pacs:
        wrong = pacs.destination.model_copy(update={"tls": Tls(ca=other)})
        one.owe(wrong, count)
        for _ in range(3):
            one.now += _DAY
            serve(one.outbox, wrong, one.now)
        one.until_proven(pacs.destination.model_copy(update={"tls": Tls(ca=ours)}))
    return one.row("wrong certificate, three times", set(pacs.stored))


def down_for_an_hour(one: Case, count: int) -> Row:
    """Nobody listens for an hour of the faked clock, looked at every ten seconds."""
    port = free_port()
    pacs_down = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port)
    one.owe(pacs_down, count)
    for _ in range(360):
        one.now += timedelta(seconds=10)
        serve(one.outbox, pacs_down, one.now)
    with archive(port=port) as pacs:
        one.until_proven(pacs.destination)
    return one.row("down for an hour", set(pacs.stored))


def restarts(one: Case, count: int) -> Row:
    """Takes three objects, refuses more, goes away, and comes back, over and over."""
    port, there = free_port(), set()
    pacs_there = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port)
    one.owe(pacs_there, count)
    for _ in range(_ROUNDS):
        if not one.unproven():
            break
        left = iter(range(3))
        with archive(
            lambda _, left=left: 0x0000 if next(left, None) is not None else 0xA701, port=port
        ) as pacs:
            for _ in range(2):
                one.now += _DAY
                serve(one.outbox, pacs_there, one.now)
        there |= set(pacs.stored)
        one.now += _DAY
        serve(one.outbox, pacs_there, one.now)
    return one.row("full and restarted after every third object", there)


FAULTS: tuple[Callable[[Case, int], Row], ...] = (
    refuses,
    loses,
    hangs,
    cuts,
    shows_another_certificate,
    down_for_an_hour,
    restarts,
)


def run(root: Path, count: int) -> list[Row]:
    rows = []
    for fault in FAULTS:
        with case(root) as one:
            rows.append(fault(one, count))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=40, help="objects of each fault")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as root:
        rows = run(Path(root), arguments.count)
    write_section("faults", table(_HEAD, list(rows)))
    print(table(_HEAD, list(rows)))  # noqa: T201 - the figures are what it is for
    if any(row[-1] for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
