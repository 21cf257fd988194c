"""Sessions with the database: SQLite beside the files, or PostgreSQL by URL, with the same schema."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.pool import PoolProxiedConnection

from service.errors import CollisionError, StoreUnavailableError
from service.settings import Settings
from service.store.chain import seal

_BUSY_TIMEOUT_S = 20.0
"""How long a writer waits for another one; less than a sender's patience for one C-STORE (30 s)."""
_CHECKPOINT_PAGES = 4000
"""16 MB: whose transaction fills the log waits for three more syncs of the disk, and a received object fills a dozen pages."""
_POOL_SIZE = 5
_POOL_OVERFLOW = 15
_MIGRATION_LOCK = 0x43415254
"""Key of PostgreSQL's advisory lock around migrations."""
_READING = "cartriage_reading"
_BEGIN_WRITING = "BEGIN IMMEDIATE"
_UNAVAILABLE = (OperationalError, InterfaceError, InternalError, PoolTimeoutError)


@dataclass(frozen=True, slots=True)
class Store:
    """The database of one process. Make it after a fork, never before."""

    engine: Engine

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction that may write: committed at the end, rolled back on any error, its events chained last.

        On SQLite its first statement takes the write lock, so that it cannot fail half-way for lack of it.

        Raises StoreUnavailableError if the database does not answer or stays locked.
        """
        with _unavailable_named(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session
            seal(session)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads, and waits for no writer.

        Raises StoreUnavailableError if the database does not answer.
        """
        engine = self.engine.execution_options(**{_READING: True})
        with _unavailable_named(), Session(engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def glance(self) -> Iterator[Session]:
        """As `reading`, for statements that need not see the same moment: on PostgreSQL each stands alone, which spares two round trips.

        Raises StoreUnavailableError if the database does not answer.
        """
        if self.engine.dialect.name == "sqlite":
            with self.reading() as session:
                yield session
            return
        engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        with _unavailable_named(), Session(engine, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


@dataclass(slots=True)
class Writer:
    """Transactions of one thread that follow each other on one connection, with the driver's cursor, for prepared statements.

    A connection from the pool costs as much as two statements, and one that is not always the same knows no page of SQLite's file.
    """

    engine: Engine
    _connection: PoolProxiedConnection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """As `Store.session`, but for the trail: its lines are the caller's to chain.

        Raises StoreUnavailableError if the database does not answer or stays locked, CollisionError if a row is there already.
        """
        driver = self.engine.dialect.loaded_dbapi
        connection = self._take()
        try:
            cursor = connection.cursor()
            if self.engine.dialect.name == "sqlite":
                cursor.execute(_BEGIN_WRITING)
            yield cursor
            connection.commit()
        except driver.IntegrityError as error:
            connection.rollback()
            raise CollisionError from error
        except (driver.OperationalError, driver.InterfaceError, driver.InternalError) as error:
            connection.invalidate()  # whatever state it is in, it takes its transaction with it
            self._connection = None
            raise StoreUnavailableError(type(error).__name__) from error
        except BaseException:
            self.rest()
            raise

    def rest(self) -> None:
        """Give the connection back to the pool, which rolls back what is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _take(self) -> PoolProxiedConnection:
        driver = self.engine.dialect.loaded_dbapi
        if self._connection is None:
            try:
                with _unavailable_named():
                    self._connection = self.engine.raw_connection()
            except (
                driver.OperationalError,
                driver.InterfaceError,
            ) as error:  # the driver's own come as they are
                raise StoreUnavailableError(type(error).__name__) from error
        return self._connection


def open_store(settings: Settings) -> Store:
    """The store of the settings; connects on first use. `upgrade` brings its schema up to date."""
    url = make_url(settings.database)
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        # Parameters of a failed statement hold names and birth dates: never in an error, never in a log.
        hide_parameters=True,
        pool_pre_ping=not is_sqlite,
        pool_size=_POOL_SIZE,
        max_overflow=_POOL_OVERFLOW,
        pool_timeout=_BUSY_TIMEOUT_S,
        pool_use_lifo=True,  # SQLite reads its pages anew on a connection that another one wrote behind
    )
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _prepare_postgresql)
    return Store(engine)


def upgrade(store: Store) -> None:
    """Bring the schema to the newest version; several processes may start at once.

    Raises StoreUnavailableError if the database does not answer.
    """
    config = _alembic()
    head = ScriptDirectory.from_config(config).get_current_head()
    with _unavailable_named(), _one_at_a_time(store.engine), store.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        if MigrationContext.configure(connection).get_current_revision() == head:
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def _unavailable_named() -> Iterator[None]:
    try:
        yield
    except _UNAVAILABLE as error:
        raise StoreUnavailableError(type(error).__name__) from error


@contextmanager
def _one_at_a_time(engine: Engine) -> Iterator[None]:
    """Hold a lock beside an SQLite file: switching to WAL does not wait for other openers, it fails."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        yield
        return
    with Path(engine.url.database).with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={int(_BUSY_TIMEOUT_S * 1000)}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    """Compiling a statement takes longer than any of ours: of the 1.4 s of one over 100,000 results it took 1.0 s."""
    with connection.cursor() as cursor:
        cursor.execute("SET jit = off")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    is_reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if is_reading else _BEGIN_WRITING)
