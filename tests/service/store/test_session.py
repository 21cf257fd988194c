import multiprocessing
import sqlite3
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, text

from service.audit import record
from service.errors import StoreUnavailableError
from service.settings import Settings
from service.store.session import Store, open_store, upgrade
from service.store.tables import AuditEvent, Base, CohortPatient
from tests.service.conftest import NOON


def test_migrations_make_exactly_the_models(store: Store):
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_upgrading_twice_changes_nothing(store: Store):
    upgrade(store)
    with store.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM alembic_version")) == 1


def _open_and_upgrade(settings: Settings) -> None:
    upgrade(open_store(settings))


def test_several_processes_may_upgrade_at_once(settings: Settings):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_open_and_upgrade, args=(settings,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]


def test_sqlite_is_durable_and_keeps_references(store: Store):
    with store.reading() as session:
        pragmas = [
            session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]


def _patient() -> CohortPatient:
    return CohortPatient(patient_id="P1", context={}, context_digest="0", added_at=NOON, changed_at=NOON)


def test_an_error_rolls_everything_back(store: Store):
    def fail() -> None:
        with store.session() as session:
            session.add(_patient())
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.reading() as session:
        assert session.query(CohortPatient).count() == 0


def test_a_reader_waits_for_no_writer(store: Store):
    with store.session() as writer, store.reading() as reader:
        writer.add(_patient())
        writer.flush()
        assert reader.query(CohortPatient).count() == 0


def _impatient(settings: Settings) -> Store:
    store = open_store(settings)
    event.listen(store.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=50"))
    return store


def test_a_locked_database_is_unavailable_not_silent(store: Store, settings: Settings):
    impatient = _impatient(settings)
    with store.session() as holder:
        holder.execute(text("SELECT 1"))
        with pytest.raises(StoreUnavailableError), impatient.session() as session:
            session.execute(text("SELECT 1"))
    impatient.close()


def test_an_error_never_quotes_the_values_of_its_statement(store: Store):
    with pytest.raises(StoreUnavailableError) as caught, store.session() as session:
        session.execute(text("INSERT INTO nowhere VALUES (:name)"), {"name": "PHI^SENTINEL"})
    assert "SENTINEL" not in f"{caught.value!r} {caught.value.__cause__}"


def test_writers_in_several_threads_take_turns(store: Store):
    def write() -> None:
        for _ in range(20):
            with store.session() as session:
                record(session, "x", None, "test", NOON)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as session:
        assert session.query(AuditEvent).count() == 80


def test_the_database_is_the_one_of_the_settings(store: Store, settings: Settings):
    with sqlite3.connect(settings.data / "cartriage.sqlite3") as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    connection.close()
    assert set(Base.metadata.tables) <= tables
