"""A reading worklist as the peer of ours: it queries, claims and watches over DIMSE, and takes events."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    UnifiedProcedureStepEvent,
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepWatch,
)

from rules.urgency import Priority
from service.courier import take
from service.destinations import Subscriber
from service.settings import Settings
from service.store.session import Store
from tests.service.sending import NOON, STUDY, owe_job, result

PERFORMED = "UnifiedProcedureStepPerformedProcedureSequence"


def decide(store: Store, settings: Settings, priority: Priority, number: int = 1, study: str = STUDY) -> str:
    """A decided study, as the courier brings its result home; the job's ID."""
    job = owe_job(store, f"{number:064x}", study=study)
    take(store, result(job, (), priority=priority, study=study), settings, NOON)
    return job


@dataclass(slots=True)
class Reader:
    """The worklist's side of an association."""

    association: object
    key: str = field(default_factory=lambda: str(generate_uid(prefix=None)))

    def find(self, **keys: object) -> list[Dataset]:
        asked = Dataset()
        for keyword, value in {"ScheduledProcedureStepPriority": "", **keys}.items():
            setattr(asked, keyword, value)
        answers = list(self.association.send_c_find(asked, UnifiedProcedureStepPull))
        assert answers[-1][0].Status == 0
        return [ds for status, ds in answers if status.Status == 0xFF00]

    def get(self, uid: str, tags: list[int] | None = None) -> tuple[int, Dataset | None]:
        status, ds = self.association.send_n_get(
            tags or [], UnifiedProcedureStepPush, uid, meta_uid=UnifiedProcedureStepPull
        )
        return status.Status, ds

    def set(self, uid: str, key: str | None = None, **changes: object) -> int:
        ds = Dataset()
        ds.TransactionUID = self.key if key is None else key
        for keyword, value in changes.items():
            setattr(ds, keyword, value)
        status, _ = self.association.send_n_set(
            ds, UnifiedProcedureStepPush, uid, meta_uid=UnifiedProcedureStepPull
        )
        return status.Status

    def act(self, action_type: int, uid: str, **information: object) -> int:
        ds = Dataset()
        for keyword, value in information.items():
            setattr(ds, keyword, value)
        meta = UnifiedProcedureStepPull if action_type == 1 else UnifiedProcedureStepWatch
        status, _ = self.association.send_n_action(
            ds, action_type, UnifiedProcedureStepPush, uid, meta_uid=meta
        )
        return status.Status

    def claim(self, uid: str, wanted: str = "IN PROGRESS", key: str | None = None) -> int:
        return self.act(1, uid, ProcedureStepState=wanted, TransactionUID=key or self.key)


@contextmanager
def reader(port: int, title: str = "READERS") -> Iterator[Reader]:
    """A worklist that is associated with ours."""
    ae = AE(title)
    ae.add_requested_context(UnifiedProcedureStepPull)
    ae.add_requested_context(UnifiedProcedureStepWatch)
    association = ae.associate("127.0.0.1", port, ae_title="CARTRIAGE")
    assert association.is_established
    assert {str(one.abstract_syntax) for one in association.accepted_contexts} == {
        UnifiedProcedureStepPull,
        UnifiedProcedureStepWatch,
    }
    yield Reader(association)
    association.release()
    ae.shutdown()


@dataclass(slots=True)
class Watching:
    """What a watching worklist was told: event type and information, by workitem."""

    subscriber: Subscriber
    told: list[tuple[str, int, Dataset]] = field(default_factory=list)
    status: int = 0


@contextmanager
def watching(title: str = "READERS") -> Iterator[Watching]:
    """A worklist that takes events."""
    kept: Watching
    gate = threading.Lock()

    def on_report(event: evt.Event) -> tuple[int, None]:
        with gate:
            if kept.status == 0:
                uid = str(event.request.AffectedSOPInstanceUID)
                kept.told.append((uid, event.event_type, event.event_information))
            return kept.status, None

    ae = AE(title)
    ae.add_supported_context(UnifiedProcedureStepEvent, scu_role=True, scp_role=True)
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, on_report)]
    )
    kept = Watching(Subscriber(ae_title=title, host="127.0.0.1", port=server.socket.getsockname()[1]))
    try:
        yield kept
    finally:
        server.shutdown()
