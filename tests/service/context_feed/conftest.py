"""A receiver of HL7 v2 on a real port, and a laboratory that speaks MLLP to it."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hl7apy.parser import parse_message

from rules.context import PatientContext
from rules.context_map import load_context_map
from service.cohort import add, context_of, flagged
from service.cohort_file import entry_of
from service.context_feed.feed_settings import Hl7Feed
from service.context_feed.mllp import Receiver
from service.context_feed.taking import Registry
from service.settings import Settings
from service.store.session import Store
from tests.service.conftest import NOON

START, END = b"\x0b", b"\x1c\r"
PLATELETS = "NM|777-3^Platelets^LN||{value}|10*3/uL|||||{status}|||{at}"


@dataclass(slots=True)
class Laboratory:
    """Speaks to a receiver, one connection for each message."""

    where: Registry
    receiver: Receiver
    count: int = 0

    def flag(self, patient_id: str = "P1", **values: str) -> None:
        given = {
            "patient_id": patient_id,
            "infusion_date": "2026-04-28",
            "birth_date": "1970-01-02",
            **values,
        }
        entry = entry_of(given, source="test", now=NOON, is_observation=True)
        with self.where.store.session() as session:
            add(session, entry, self.where.settings, "tester", NOON)

    def say(self, *observations: str, **fields: str) -> tuple[str, str]:
        """Send an ORU with these OBX (from OBX-2 on); returns the code and error code of its acknowledgement."""
        text = self.message(*observations, **fields)
        return self.send(text.encode())

    def message(
        self,
        *observations: str,
        kind: str = "ORU^R01",
        patient_id: str = "P1",
        born: str = "19700102",
        control_id: str = "",
        more: str = "",
        application: str = "LIS",
    ) -> str:
        self.count += 1
        lines = [
            f"MSH|^~\\&|{application}|HOSP|CARTRIAGE|H|20260504120000+0000||{kind}|{control_id or self.count}|P|2.5.1",
            f"PID|1||{patient_id}^^^HOSP^MR||PHI^SENTINEL||{born}",
            "OBR|1||F1|CBC^count^L|||20260504113000+0000",
            *(f"OBX|{number}|{one}" for number, one in enumerate(observations, 1)),
            *([more] if more else []),
        ]
        return "\r".join(lines) + "\r"

    def platelets(
        self, value: object, at: str = "20260504113000+0000", status: str = "F", **fields: str
    ) -> tuple[str, str]:
        return self.say(PLATELETS.format(value=value, at=at, status=status), **fields)

    def send(self, content: bytes) -> tuple[str, str]:
        with self.connect() as connection:
            connection.sendall(START + content + END)
            return self.answer(connection)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.receiver.server_address[:2], 10)

    def answer(self, connection: socket.socket) -> tuple[str, str]:
        """MSA-1 and ERR-3 of an acknowledgement, read by a parser that was not written here."""
        received = b""
        while not received.endswith(END):
            part = connection.recv(4096)
            if not part:
                return "", ""
            received += part
        text = received.removeprefix(START).removesuffix(END).decode()
        parsed = parse_message(text, find_groups=False)
        code = parsed.err.err_3.err_3_1.value if "ERR" in text else ""
        return parsed.msa.msa_1.value, code

    def held(self) -> PatientContext:
        with self.where.store.reading() as session:
            (patient,) = flagged(session)
            return context_of(patient)


@pytest.fixture
def hl7() -> Hl7Feed:
    return Hl7Feed(port=0, timeout_s=1.0, message_limit_kb=20, maximum_connections=2)


@pytest.fixture
def open_laboratory(store: Store, settings: Settings) -> Iterator[Callable[[Hl7Feed], Laboratory]]:
    opened: list[tuple[Receiver, threading.Thread]] = []

    def make(feed: Hl7Feed) -> Laboratory:
        where = Registry(store, settings, load_context_map())
        receiver = Receiver(feed, where)
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        opened.append((receiver, thread))
        return Laboratory(where, receiver)

    yield make
    for receiver, thread in opened:
        receiver.shutdown()
        receiver.server_close()
        thread.join(10)


@pytest.fixture
def laboratory(open_laboratory: Callable[[Hl7Feed], Laboratory], hl7: Hl7Feed) -> Laboratory:
    return open_laboratory(hl7)


def at(hour: int, minute: int = 0, day: int = 4) -> datetime:
    return datetime(2026, 5, day, hour, minute, tzinfo=UTC)
