"""Jobs, results and report files as the sending half meets them, and a PACS that can be told to misbehave."""

import hashlib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage
from pynetdicom import AE, evt
from sqlalchemy.orm import Session

from rules.codec import to_plain
from rules.context import PatientContext
from rules.decision import Decision, PolicyIdentity
from rules.messages import Basis, Completeness, ReportFile, ReportKind, StudyReady, StudyTriaged
from rules.urgency import Priority
from service.settings import Destination
from service.store.session import Store
from service.store.tables import Delivery, Job, Study

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
STUDY = "1.2.826.0.1.3680043.8.498.1"


def owe_job(store: Store, job_id: str = "a" * 64, *, study: str = STUDY, at: datetime = NOON) -> str:
    """An owed job, with its study."""
    ready = StudyReady(
        job_id=job_id,
        study_instance_uid=study,
        snapshot=1,
        instances=(),
        completeness=Completeness(Basis.QUIET_TIME, 0),
        context=PatientContext(patient_id="P1", birth_date=date(1970, 1, 2)),
        policy_digest="0" * 64,
        requested_at=at,
    )
    with store.session() as session:
        if session.get(Study, study) is None:
            session.add(
                Study(
                    study_instance_uid=study,
                    patient_id="P1",
                    received_at=at,
                    last_received_at=at,
                    is_open=False,
                )
            )
            session.flush()
        session.add(
            Job(
                job_id=job_id,
                study_instance_uid=study,
                snapshot=1,
                state="owed",
                ready=to_plain(ready),
                ring_at=at,
                created_at=at,
            )
        )
    return job_id


def write_report(root: Path, uid: str, kind: ReportKind = ReportKind.SC) -> ReportFile:
    """A small secondary capture in the outbox of a file store."""
    ds = Dataset()
    ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.SOPInstanceUID = uid
    ds.StudyInstanceUID = STUDY
    ds.SeriesInstanceUID = f"{uid}.1"
    ds.PatientID = "P1"
    ds.PatientName = "PHI^SENTINEL"
    ds.Modality = "OT"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = uid
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = root / "reports" / f"{uid}.dcm"
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, ds, enforce_file_format=True)
    return ReportFile(
        kind=kind,
        sop_class_uid=ds.SOPClassUID,
        sop_instance_uid=uid,
        series_instance_uid=ds.SeriesInstanceUID,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        path=f"reports/{uid}.dcm",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def grow(root: Path, store: Store, uid: str) -> None:
    """Make a report of the outbox large enough to be cut in its middle."""
    path = root / "reports" / f"{uid}.dcm"
    ds = dcmread(path)
    ds.ImageComments = "x" * 9000
    ds.save_as(path)
    with store.session() as session:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        session.query(Delivery).filter(Delivery.sop_instance_uid == uid).update({"sha256": digest})


def result(
    job_id: str,
    reports: tuple[ReportFile, ...],
    *,
    study: str = STUDY,
    priority: Priority = Priority.P2,
    failure: str = "",
) -> StudyTriaged:
    """What the workers would answer."""
    decision = Decision(
        priority=priority,
        imaging_priority=priority,
        floors=(),
        patterns=(),
        is_assessed=not failure,
        not_assessed=(failure,) if failure else (),
        could_be=None,
        headline=f"{priority} {priority.words}",
        sentences=(f"Priority {priority}.",),
        disclaimers=(),
        day_after_infusion=None,
        policy=PolicyIdentity("cart", "1", "0" * 64),
    )
    return StudyTriaged(
        job_id=job_id,
        study_instance_uid=study,
        snapshot=1,
        decision=decision,
        findings=(),
        series=(),
        reports=reports,
        stages=(),
        versions={"cartriage": "0"},
        failure=failure,
    )


def count(session: Session, table: type) -> int:
    return session.query(table).count()


@dataclass(slots=True)
class Archive:
    """A PACS in a thread: keeps what it is sent, in order; `answer` gives the status of each object."""

    destination: Destination
    stored: list[str] = field(default_factory=list)
    associations: int = 0


@contextmanager
def archive(
    answer: Callable[[str], int] = lambda _: 0x0000,
    port: int = 0,
    name: str = "pacs",
    tls: ssl.SSLContext | None = None,
) -> Iterator[Archive]:
    kept: Archive
    gate = threading.Lock()

    def on_store(event: evt.Event) -> int:
        uid = event.request.AffectedSOPInstanceUID
        status = answer(uid)
        with gate:
            if status == 0:
                kept.stored.append(uid)
        return status

    def on_accepted(_event: evt.Event) -> None:
        kept.associations += 1

    ae = AE(ae_title="PACS")
    ae.add_supported_context(SecondaryCaptureImageStorage, ExplicitVRLittleEndian)
    handlers = [(evt.EVT_C_STORE, on_store), (evt.EVT_ACCEPTED, on_accepted)]
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers, ssl_context=tls)
    kept = Archive(
        Destination(name=name, ae_title="PACS", host="127.0.0.1", port=server.socket.getsockname()[1])
    )
    try:
        yield kept
    finally:
        server.shutdown()
