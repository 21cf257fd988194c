"""Intake: one received object becomes a durable file, a row and a line in the trail - in this order, or nothing at all."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rules.own import is_own
from service import audit
from service.errors import Refusal, RefusedError, StorageFullError, StoreUnavailableError
from service.headers import Header, file_meta, read_header
from service.settings import Settings
from service.store.files import FileStore, StoredFile
from service.store.session import Store
from service.store.tables import Instance, Report, Study

_INSERT_TRIES = 3
"""Two senders may bring the first object of a study, or the same object, at the same moment."""


@dataclass(frozen=True, slots=True)
class Received:
    """A C-STORE request as it came (PS3.7 9.1.1)."""

    dataset: bytes | memoryview
    """Encoded as sent, without file meta information."""
    transfer_syntax_uid: str
    sop_class_uid: str
    """Affected SOP Class UID of the request."""
    sop_instance_uid: str
    """Affected SOP Instance UID of the request."""
    calling_ae_title: str


@dataclass(frozen=True, slots=True)
class Intake:
    """Where received objects go."""

    store: Store
    files: FileStore
    disk_watermark_mb: int

    def take(self, received: Received, now: datetime) -> Header:
        """Store an object as received; when this returns, bytes and row are durable.

        The same object again with the same bytes changes nothing. With other bytes it is kept beside the first, flagged.

        Raises RefusedError if the object cannot be taken; then nothing of it is left in the database.
        """
        header: Header | None = None
        try:
            self._expect_space()
            header = read_header(received.dataset, received.transfer_syntax_uid)
            _agree(header, received)
            self._keep(header, received, now)
        except StorageFullError as error:
            refused = RefusedError(Refusal.OUT_OF_RESOURCES, "disk full")
            self._refused(refused, header, received, now)
            raise refused from error
        except StoreUnavailableError as error:
            raise RefusedError(Refusal.OUT_OF_RESOURCES, "database unavailable") from error
        except RefusedError as refused:
            self._refused(refused, header, received, now)
            raise
        return header

    def _expect_space(self) -> None:
        if self.files.free_mb() < self.disk_watermark_mb:
            raise RefusedError(Refusal.OUT_OF_RESOURCES, "disk nearly full")

    def _keep(self, header: Header, received: Received, now: datetime) -> None:
        meta = file_meta(header.sop_class_uid, header.sop_instance_uid, received.transfer_syntax_uid)
        stored = self.files.put(meta, received.dataset)
        for attempt in range(1, _INSERT_TRIES + 1):
            try:
                with self.store.session() as session:
                    _enter(session, header, stored, received, now)
            except IntegrityError:
                if attempt == _INSERT_TRIES:
                    raise
            else:
                return

    def _refused(
        self, refused: RefusedError, header: Header | None, received: Received, now: datetime
    ) -> None:
        """Write the refusal into the trail if the database can; the sender is told in any case."""
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
            return


def _agree(header: Header, received: Received) -> None:
    """Request and dataset name the same object (PS3.4 B.2.3, status A9xx)."""
    if header.sop_class_uid != received.sop_class_uid:
        raise RefusedError(Refusal.CLASS_MISMATCH, "SOP Class differs from the request")
    if header.sop_instance_uid != received.sop_instance_uid:
        raise RefusedError(Refusal.CLASS_MISMATCH, "SOP Instance differs from the request")


def _enter(session: Session, header: Header, stored: StoredFile, received: Received, now: datetime) -> None:
    # The study's row first: its lock makes two senders of the same object take turns.
    study = _study(session, header, now)
    known = select(Instance).where(Instance.sop_instance_uid == header.sop_instance_uid)
    twins = session.scalars(known).all()
    twin = next((twin for twin in twins if twin.sha256 == stored.sha256), None)
    if twin is not None:
        _tell(session, "instance_repeated", twin, received.calling_ae_title, now)
        return
    is_ours = session.get(Report, header.sop_instance_uid) is not None or is_own(
        header.study_instance_uid, header.series_instance_uid, header.manufacturer
    )
    instance = _instance(header, stored, received, now)
    instance.is_own = is_ours
    instance.is_conflict = bool(twins)
    session.add(instance)
    conflict_or_not = "instance_conflict" if instance.is_conflict else "instance_stored"
    event = "own_report_received" if is_ours else conflict_or_not
    _tell(session, event, instance, received.calling_ae_title, now)
    if not is_ours:  # our own result, sent back by the PACS, is no news about the patient
        study.last_received_at = now
        study.is_open = True
        _compare_patient(session, study, header, received, now)


def _instance(header: Header, stored: StoredFile, received: Received, now: datetime) -> Instance:
    return Instance(
        study_instance_uid=header.study_instance_uid,
        series_instance_uid=header.series_instance_uid,
        sop_instance_uid=header.sop_instance_uid,
        sop_class_uid=header.sop_class_uid,
        transfer_syntax_uid=received.transfer_syntax_uid,
        modality=header.modality,
        body_part=header.body_part,
        series_description=header.series_description,
        path=stored.path,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        calling_ae_title=received.calling_ae_title,
        received_at=now,
    )


def _study(session: Session, header: Header, now: datetime) -> Study:
    """The study's row, locked until the transaction ends: the assembly never snapshots between row and row."""
    study = session.get(Study, header.study_instance_uid, with_for_update=True)
    if study is None:
        study = Study(
            study_instance_uid=header.study_instance_uid,
            patient_id=header.patient_id,
            issuer=header.issuer,
            patient_name=header.patient_name,
            birth_date=header.birth_date,
            accession_number=header.accession_number,
            description=header.study_description,
            study_date=header.study_date,
            order_priority=header.order_priority,
            received_at=now,
            last_received_at=now,
            is_open=False,
        )
        session.add(study)
        session.flush()
    return study


def _tell(session: Session, event: str, instance: Instance, actor: str, now: datetime) -> None:
    audit.record(
        session,
        event,
        instance.study_instance_uid,
        actor,
        now,
        sop_instance_uid=instance.sop_instance_uid,
        series_instance_uid=instance.series_instance_uid,
        sha256=instance.sha256,
    )


def _compare_patient(
    session: Session, study: Study, header: Header, received: Received, now: datetime
) -> None:
    """A study whose objects name two patients is never fused with anybody's context.

    Derived objects often lack an issuer or a birth date: what is missing contradicts nothing, and is filled in.
    """
    for name in ("patient_id", "issuer", "birth_date"):
        known, said = getattr(study, name), getattr(header, name)
        if said and not known:
            setattr(study, name, said)
        elif said and known != said and not study.has_identity_conflict:
            study.has_identity_conflict = True
            uid = study.study_instance_uid
            detail = {"sop_instance_uid": header.sop_instance_uid, "differs": name}
            audit.record(session, "identity_conflict", uid, received.calling_ae_title, now, **detail)


def open_intake(store: Store, settings: Settings) -> Intake:
    """The intake of the settings; clears what a killed process left half-written."""
    files = FileStore(settings.files)
    files.clean()
    return Intake(store=store, files=files, disk_watermark_mb=settings.disk_watermark_mb)
