"""Intake: one received object becomes a durable file, a row and a line in the trail - in this order, or nothing at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import select

from service import audit
from service.entry import Entry
from service.errors import Refusal, RefusedError, StorageFullError, StoreUnavailableError
from service.forwarding import by_sender
from service.headers import Header, file_meta, is_uid, read_header
from service.row_process import DistantRows
from service.row_writer import RowWriter
from service.rows import Rows, withdraw
from service.settings import Settings
from service.space import DiskWatch
from service.store.files import FileStore, Incoming, is_whole
from service.store.session import Store
from service.store.tables import Instance

_CHECK_SPACE_EVERY = 64 << 20
"""A large object is measured against the disk's watermark again after this many bytes."""
_REPAIRED_ROWS = 500
"""So many rows may have been on their way to the disk at most: one for each association."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request to store an object as it came: C-STORE (PS3.7 9.1.1), or a part of STOW-RS (PS3.18 10.5)."""

    transfer_syntax_uid: str
    sop_class_uid: str
    """Affected SOP Class UID of the request."""
    sop_instance_uid: str
    """Affected SOP Instance UID of the request."""
    calling_ae_title: str
    dataset: bytes | memoryview = b""
    """What is there of the dataset already, encoded as sent, without file meta information."""
    study_instance_uid: str = ""
    """Study that it must belong to, where a request names one (STOW-RS)."""


@dataclass(slots=True)
class Arrival:
    """One object that is arriving. It ends with `finish` or `drop`, or with the first RefusedError."""

    intake: "Intake"
    received: Received
    started_at: datetime
    incoming: Incoming
    _unchecked: int = field(default=0, init=False)

    def write(self, data: bytes | memoryview) -> None:
        """Add bytes of the dataset.

        Raises RefusedError if there is no space for them, or if the object is larger than allowed.
        """
        try:
            self._expect_room(len(data))
            self.incoming.write(data)
        except (RefusedError, StorageFullError) as error:
            self.drop()
            raise self.intake.refuse(error, None, self.received, self.started_at) from error

    def finish(self, now: datetime) -> Header:
        """Keep the object; when this returns, bytes and row are durable.

        The same object again with the same bytes changes nothing. With other bytes it is kept beside the first, flagged.

        Raises RefusedError if the object cannot be taken; then nothing of it is left in the database.
        """
        header: Header | None = None
        try:
            self.incoming.hasten()
            with self.incoming.content() as dataset:
                header = read_header(dataset, self.received.transfer_syntax_uid)
            _agree(header, self.received)
            self._enter(header, now)
        except (RefusedError, StorageFullError, StoreUnavailableError) as error:
            raise self.intake.refuse(error, header, self.received, now) from error
        finally:
            self.drop()
        return header

    def drop(self) -> None:
        """Forget what has come; after `finish` this changes nothing."""
        self.incoming.discard()

    def _expect_room(self, length: int) -> None:
        if self.incoming.size_bytes + length > self.intake.object_limit_bytes:
            raise RefusedError(Refusal.OUT_OF_RESOURCES, "larger than allowed")
        self._unchecked += length
        if self._unchecked > _CHECK_SPACE_EVERY:
            self._unchecked = 0
            self.intake.disk.expect_space(self.started_at)

    def _enter(self, header: Header, now: datetime) -> None:
        """File and row become durable side by side, which is half the wait; the sender is told after both.

        A power cut in between may leave a row without its file, of an object that was never acknowledged: `repair` withdraws it.
        """
        stored = self.incoming.keep(header.study_instance_uid)
        request = self.received
        entry = Entry(header, stored, request.transfer_syntax_uid, request.calling_ae_title, now)
        self.intake.rows.enter(entry)
        try:
            self.incoming.sync(stored)
        except Exception:
            entry.wait()
            if entry.was_added:  # else the row belongs to the same object, acknowledged before
                self.intake.rows.withdraw(entry)
            raise
        entry.wait()


@dataclass(frozen=True, slots=True)
class Intake:
    """Where received objects go."""

    store: Store
    files: FileStore
    disk: DiskWatch
    object_limit_bytes: int
    rows: RowWriter

    def begin(self, received: Received, now: datetime) -> Arrival:
        """Begin to take an object.

        Raises RefusedError if there is no space for it.
        """
        try:
            _expect_uid(received)
            self.disk.expect_space(now)
            meta = file_meta(received.sop_class_uid, received.sop_instance_uid, received.transfer_syntax_uid)
            arrival = Arrival(self, received, now, self.files.begin(meta))
        except (RefusedError, StorageFullError) as error:
            raise self.refuse(error, None, received, now) from error
        arrival.write(received.dataset)
        return arrival

    def take(self, received: Received, now: datetime) -> Header:
        """Store an object that is there as a whole, as `begin` and `finish` do."""
        return self.begin(received, now).finish(now)

    def refuse(
        self, error: Exception, header: Header | None, received: Received, now: datetime
    ) -> RefusedError:
        """The refusal that an error means; it stands in the trail, if the database can take it. The sender is told in any case."""
        match error:
            case RefusedError():
                refused = error
            case StorageFullError():
                refused = RefusedError(Refusal.OUT_OF_RESOURCES, "disk full")
            case _:
                return RefusedError(Refusal.OUT_OF_RESOURCES, "database unavailable")
        try:
            with self.store.session() as session:
                audit.record(
                    session,
                    "instance_refused",
                    header.study_instance_uid if header else None,
                    received.calling_ae_title,
                    now,
                    reason=str(refused),
                    status=f"0x{refused.refusal.value:04X}",
                    sop_class_uid=received.sop_class_uid[:64],
                    sop_instance_uid=received.sop_instance_uid[:64],
                )
        except StoreUnavailableError:
            return refused
        return refused


def _expect_uid(received: Received) -> None:
    if not is_uid(received.sop_instance_uid):
        raise RefusedError(Refusal.INVALID_INSTANCE, "SOP Instance UID of the request")


def _agree(header: Header, received: Received) -> None:
    """Request and dataset name the same object (PS3.4 B.2.3, status A9xx)."""
    if header.sop_class_uid != received.sop_class_uid:
        raise RefusedError(Refusal.CLASS_MISMATCH, "SOP Class differs from the request")
    if header.sop_instance_uid != received.sop_instance_uid:
        raise RefusedError(Refusal.CLASS_MISMATCH, "SOP Instance differs from the request")
    if received.study_instance_uid and header.study_instance_uid != received.study_instance_uid:
        raise RefusedError(Refusal.STUDY_MISMATCH)


@contextmanager
def open_intake(store: Store, settings: Settings, *, are_rows_apart: bool = False) -> Iterator[Intake]:
    """The intake of the settings; clears first what a killed process or a power cut left half-done.

    are_rows_apart : a process of their own writes the rows, which ends with the intake
    """
    files = FileStore(settings.files)
    files.clean()
    repair(store, files, datetime.now(UTC))
    rows = RowWriter(store, DistantRows(settings) if are_rows_apart else Rows(store, by_sender(settings)))
    rows.start()
    try:
        yield Intake(
            store=store,
            files=files,
            disk=DiskWatch(store, files, settings.disk_watermark_mb),
            object_limit_bytes=settings.object_limit_mb * 1_000_000,
            rows=rows,
        )
    finally:
        rows.stop()


def repair(store: Store, files: FileStore, now: datetime) -> int:
    """Withdraw rows of the last objects whose files a power cut took; returns how many. Their senders were never told `stored`.

    Raises StoreUnavailableError if the database does not answer.
    """
    with store.reading() as session:
        last = session.scalars(select(Instance).order_by(Instance.id.desc()).limit(_REPAIRED_ROWS)).all()
    lost = [row for row in last if not is_whole(files.resolve(row.path), row.sha256, row.size_bytes)]
    if not lost:
        return 0
    with store.session() as session:
        for row in lost:
            withdraw(session, row.sop_instance_uid, row.sha256)
            detail = {"sop_instance_uid": row.sop_instance_uid, "sha256": row.sha256}
            audit.record(session, "instance_withdrawn", row.study_instance_uid, "node", now, **detail)
    return len(lost)
