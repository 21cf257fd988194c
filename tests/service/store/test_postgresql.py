"""The production database: the service's own code on a real PostgreSQL server."""

import json
import os
import pwd
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg.pq import TransactionStatus
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from rules.context_map import load_context_map
from rules.policy import load
from rules.urgency import Priority
from service.assembly import settle
from service.audit import record
from service.audit_check import verify
from service.audit_purge import purge_events
from service.cohort import add
from service.cohort_file import entry_of
from service.context_feed.quarantine import receive
from service.context_feed.taking import Arrived, Registry, name_of
from service.courier import Taken, take
from service.intake import Intake, open_intake
from service.settings import Destination, Settings
from service.store.desk_tables import WorklistState
from service.store.feed_tables import ContextMessage
from service.store.session import Store, open_store, upgrade
from service.store.tables import AuditEvent, Base, Delivery, Instance, Job, Report
from service.worklist import worklist
from tests.peers import need
from tests.service.conftest import NOON, mr_slice, received
from tests.service.context_feed.conftest import Laboratory, hl7, laboratory, open_laboratory  # noqa: F401 - fixtures
from tests.service.context_feed.resources import bundle, held, infusion, observation
from tests.service.sending import result, write_report

QUIET = NOON + timedelta(seconds=31)


def _as_postgres(*command: str) -> None:
    """Run a server's program; it refuses to run as root."""
    account = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    subprocess.run(command, check=True, capture_output=True, timeout=60, cwd="/", **account)  # type: ignore[call-overload]


def _programs() -> Path:
    """Folder of initdb and pg_ctl: Debian keeps them out of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else Path(need("initdb")).parent


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Path]:
    """Folder of the socket of a server of our own, on no network port."""
    programs = _programs()
    # Unix socket names are short, and the server's account may not enter pytest's folders.
    folder = Path(f"/tmp/cartriage-pg-{os.getpid()}")  # noqa: S108
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    try:
        _as_postgres(
            str(programs / "initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", "cartriage", "-E", "UTF8"
        )
        options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
        _as_postgres(
            str(programs / "pg_ctl"),
            "-D",
            f"{folder}/data",
            "-w",
            "-l",
            f"{folder}/log",
            "-o",
            options,
            "start",
        )
        folder.chmod(0o755)
        yield folder
        _as_postgres(str(programs / "pg_ctl"), "-D", f"{folder}/data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def settings(server: Path, tmp_path: Path) -> Settings:
    return Settings(
        data=tmp_path / "data",
        database_url=f"postgresql+psycopg://cartriage@/postgres?host={server}",
        disk_watermark_mb=0,
        destinations=(Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=104),),
    )


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_store(settings)
    Base.metadata.drop_all(opened.engine)
    with opened.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")
    upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def intake(store: Store, settings: Settings) -> Iterator[Intake]:
    with open_intake(store, settings) as opened:
        yield opened


def test_migrations_make_exactly_the_models(store: Store):
    upgrade(store)
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_study_walks_from_its_images_to_its_deliveries(store: Store, intake: Intake, settings: Settings):
    entry = entry_of(
        {"patient_id": "P1", "infusion_date": "2026-04-26"}, source="test", now=NOON, is_observation=True
    )
    with store.session() as session:
        add(session, entry, settings, "tester", NOON)
    for number in (1, 2, 2):
        intake.take(received(mr_slice(number)), NOON)
    with store.session() as session:
        (settled,) = settle(session, settings, QUIET)
    assert settled.state == "owed"

    answer = result(settled.job_id, (write_report(settings.files, "1.2.3.4"),))
    assert take(store, answer, settings, QUIET) is Taken.STORED
    assert take(store, answer, settings, QUIET) is Taken.REPEATED
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Instance)) == 2
        assert session.scalars(select(Delivery.state)).all() == ["owed"]
        assert session.scalar(select(Report.job_id)) == session.scalar(select(Job.job_id)) == settled.job_id
        (row,) = worklist(session, load(), QUIET, days=14)
        assert (row.priority, row.received_at) == (Priority.P2, NOON)
        assert "study_admitted" in session.scalars(select(AuditEvent.event)).all()


def test_senders_at_once_bring_each_object_once(store: Store, intake: Intake):
    def send() -> None:
        for number in range(1, 11):
            intake.take(received(mr_slice(number)), NOON)

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Instance)) == 10
        stored = select(func.count()).select_from(AuditEvent).where(AuditEvent.event == "instance_stored")
        assert session.scalar(stored) == 10


def test_writers_at_once_make_one_chain_that_shows_a_change(store: Store):
    def write() -> None:
        for number in range(20):
            with store.session() as session:
                record(session, "x", None, "tester", NOON, number=number, share=0.1)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    with store.reading() as session:
        assert (verify(session).events, verify(session).faults) == (80, ())
    with pytest.raises(DBAPIError, match="append-only"), store.engine.begin() as connection:
        connection.execute(text("UPDATE audit_event SET actor = 'x' WHERE sequence = 7"))
    with store.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_event_append_only ON audit_event"))
        connection.execute(text("UPDATE audit_event SET actor = 'x' WHERE sequence = 7"))
    with store.reading() as session:
        assert [fault.sequence for fault in verify(session).faults] == [7]


def test_old_events_go_below_a_checkpoint_only(store: Store, settings: Settings, tmp_path: Path):
    with store.session() as session:
        for number in range(6):
            record(session, "x", None, "tester", NOON + timedelta(days=number), number=number)
        session.add(WorklistState(id=1, sequence=6, version=1, at=NOON))
    kept = settings.model_copy(update={"retention_event_days": 365, "retention_archive": tmp_path / "old"})
    made = purge_events(store, kept, "tester", NOON + timedelta(days=365 + 3))
    assert made is not None
    with store.reading() as session:
        assert (made.sequence, verify(session).events, verify(session).faults) == (3, 4, ())
    with pytest.raises(DBAPIError, match="append-only"), store.engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_event WHERE sequence = 4"))


def test_context_comes_by_hl7_and_fhir(
    laboratory: Laboratory,  # noqa: F811
    store: Store,
    settings: Settings,
):
    """Taken once, set aside if its unit is unknown, and put together with what the other feed says."""
    laboratory.flag()
    for _ in range(2):
        assert laboratory.platelets(18, control_id="7") == ("AA", "")
    assert laboratory.say("NM|777-3^^LN||18|Gpt/l|||||F")[0] == "AE"
    told = observation("icans_grade", {"valueInteger": 3})
    where = Registry(store, settings, load_context_map())
    content = json.dumps(bundle(told, infusion())).encode()
    receive(where, Arrived("fhir", "EHR", "Bundle", content, name_of("fhir", "EHR", "1")), NOON)
    context = held(store)
    assert (context.platelets.value, context.icans_grade.value) == (18, 3)
    assert str(context.infusion_date) == "2026-04-28"
    with store.reading() as session:
        states = session.scalars(select(ContextMessage.state).order_by(ContextMessage.id)).all()
    assert list(states) == ["taken", "set_aside", "taken"]


def test_a_glance_opens_no_transaction(store: Store):
    """Each page of the list is two glances; a transaction would cost each of them two more round trips."""
    for look, is_open in ((store.glance, False), (store.reading, True)):
        with look() as session:
            session.scalar(select(func.count()).select_from(Job))
            driver = session.connection().connection.driver_connection
            assert (driver.info.transaction_status != TransactionStatus.IDLE) is is_open
