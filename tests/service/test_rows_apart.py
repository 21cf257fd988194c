"""Rows that a process of their own writes: the same outcome as in the node's, whatever happens to that process."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from service import row_process
from service.errors import Refusal, RefusedError
from service.intake import Intake, open_intake
from service.settings import Settings
from service.store.session import Store
from service.store.tables import AuditEvent, Instance
from tests.bench.peers import cartriage
from tests.service.conftest import NOON, mr_slice, received

SENDERS = 4


@pytest.fixture
def apart(store: Store, settings: Settings) -> Iterator[Intake]:
    with open_intake(store, settings, are_rows_apart=True) as opened:
        yield opened


def rows(store: Store, table: type) -> list:
    with store.reading() as session:
        return list(session.scalars(select(table)))


def writer() -> psutil.Process:
    (found,) = [one for one in psutil.Process().children() if "rows" in one.cmdline()]
    return found


def test_the_same_again_is_one_row_and_other_bytes_are_kept_beside(apart: Intake, store: Store):
    """All at the same moment, so that some share a batch and others follow."""
    same = [received(mr_slice())] * 6
    others = [received(mr_slice(PatientName=f"N{number}")) for number in range(2)]
    with ThreadPoolExecutor(8) as senders:
        list(senders.map(lambda one: apart.take(one, NOON), [*same, *others]))
    stored = rows(store, Instance)
    assert len(stored) == 3
    assert sorted(row.is_conflict for row in stored) == [False, True, True]
    assert [row.event for row in rows(store, AuditEvent)].count("instance_repeated") == 5


def test_a_writer_that_is_killed_costs_nobody_an_object(apart: Intake, store: Store):
    acknowledged: set[str] = set()

    def send(series: int) -> None:
        for number in range(1, 31):
            ds = mr_slice(number, series=series)
            apart.take(received(ds), NOON)
            acknowledged.add(ds.SOPInstanceUID)

    killed = threading.Thread(target=kill_some, args=(acknowledged,))
    with ThreadPoolExecutor(SENDERS) as senders:
        killed.start()
        list(senders.map(send, range(1, SENDERS + 1)))
    killed.join()
    assert len(acknowledged) == SENDERS * 30
    assert {row.sop_instance_uid for row in rows(store, Instance)} == acknowledged
    assert len(rows(store, Instance)) == len(acknowledged), "nothing twice"
    last = writer()
    last.kill()  # while nothing comes
    until = time.monotonic() + 30
    while not [one for one in psutil.Process().children() if one != last and "rows" in one.cmdline()]:
        assert time.monotonic() < until
        threading.Event().wait(0.05)
    apart.take(received(mr_slice(series=SENDERS + 1)), NOON)


def kill_some(acknowledged: set[str]) -> None:
    for count in (10, 60):
        until = time.monotonic() + 30
        while len(acknowledged) < count and time.monotonic() < until:
            threading.Event().wait(0.001)
        writer().kill()


def test_a_database_that_is_away_refuses_and_leaves_nothing(store: Store, settings: Settings, tmp_path: Path):
    lost = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}"})  # a folder, no database
    with open_intake(store, lost, are_rows_apart=True) as intake, pytest.raises(RefusedError) as caught:
        intake.take(received(mr_slice()), NOON)
    assert caught.value.refusal is Refusal.OUT_OF_RESOURCES
    assert rows(store, Instance) == []


def test_without_a_writer_objects_are_refused_until_there_is_one(
    store: Store, settings: Settings, monkeypatch
):
    def broken(*_: object) -> None:
        raise OSError("no more processes")

    with monkeypatch.context() as patched:
        patched.setattr(row_process, "attach", broken)
        with open_intake(store, settings, are_rows_apart=True) as intake:
            with pytest.raises(RefusedError):
                intake.take(received(mr_slice()), NOON)
            patched.undo()
            intake.take(received(mr_slice()), NOON)
    assert len(rows(store, Instance)) == 1


def test_it_ends_with_the_node_even_with_one_that_is_killed(tmp_path: Path):
    with cartriage(tmp_path) as node:
        (one,) = node.process.children()
        node.process.kill()
        assert psutil.wait_procs([one], timeout=10)[1] == []
