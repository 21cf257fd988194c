"""Announcements: what scanners (MPPS, PS3.4 F.7) and archives (Instance Availability Notification, PS3.4 R) tell of a study."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import InstanceAvailabilityNotification, ModalityPerformedProcedureStep
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.messages import Basis
from service import audit
from service.completeness import note_late
from service.errors import StoreUnavailableError
from service.headers import is_uid
from service.store.session import Store
from service.store.tables import Announced

SOP_CLASSES = (ModalityPerformedProcedureStep, InstanceAvailabilityNotification)
_SUCCESS, _FAILURE, _DUPLICATE, _UNKNOWN = 0x0000, 0x0110, 0x0111, 0x0112
_INVALID_VALUE, _MISSING_ATTRIBUTE, _NO_RESOURCES = 0x0106, 0x0120, 0x0213
"""Statuses of PS3.7 annex C."""
_IN_PROGRESS, _FINAL = "IN PROGRESS", ("COMPLETED", "DISCONTINUED")

Answer = tuple[int, Dataset | None]
_log = structlog.get_logger(__name__)


def handlers(store: Store) -> list[tuple[Any, ...]]:
    """What the node binds for them."""
    return [(evt.EVT_N_CREATE, _on_create, [store]), (evt.EVT_N_SET, _on_set, [store])]


@dataclass(frozen=True, slots=True)
class Said:
    """One announcement, as it came."""

    key: str
    """SOP Instance UID of the step or of the notification."""
    study_instance_uid: str
    basis: Basis
    is_final: bool
    series: Mapping[str, int]
    sender: str


def note(session: Session, said: Said, now: datetime) -> bool:
    """Write down an announcement, in place of an earlier one with the same key, with a line in the trail; False if it is no news."""
    known = session.scalar(select(Announced).where(Announced.key == said.key).with_for_update())
    if known is not None and (known.is_final, known.series) == (said.is_final, dict(said.series)):
        return False
    row = known or Announced(key=said.key, created_at=now)
    row.study_instance_uid = said.study_instance_uid
    row.basis = said.basis.value
    row.is_final = said.is_final
    row.series = dict(said.series)
    row.sender = said.sender
    row.changed_at = now
    session.add(row)
    detail = {"basis": said.basis, "is_final": said.is_final, "series": dict(said.series)}
    audit.record(session, "study_announced", said.study_instance_uid, said.sender, now, **detail)
    if said.is_final:
        session.flush()
        note_late(session, said.study_instance_uid, said.sender, now)
    return True


def _on_create(event: Any, store: Store) -> Answer:
    is_step = event.request.AffectedSOPClassUID == ModalityPerformedProcedureStep
    return _answer(event, store, _create_step if is_step else _take_notification)


def _on_set(event: Any, store: Store) -> Answer:
    return _answer(event, store, _set_step)


def _answer(event: Any, store: Store, serve: Any) -> Answer:
    try:
        with store.session() as session:
            status = serve(session, event, datetime.now(UTC))
    except StoreUnavailableError:
        return _NO_RESOURCES, None
    except Exception as error:  # noqa: BLE001 - the sender must be told; a dataset may hold anything
        _log.error("announcement_failed", error=type(error).__name__)
        return _FAILURE, None
    return status, Dataset() if status == _SUCCESS else None


def _create_step(session: Session, event: Any, now: datetime) -> int:
    step = event.attribute_list
    key = str(event.request.AffectedSOPInstanceUID or "")
    scheduled = step.get("ScheduledStepAttributesSequence") or [Dataset()]
    study = str(scheduled[0].get("StudyInstanceUID", ""))
    if not study or not key:
        return _MISSING_ATTRIBUTE
    if not (is_uid(study) and is_uid(key)) or step.get("PerformedProcedureStepStatus") != _IN_PROGRESS:
        return _INVALID_VALUE
    if session.scalar(select(Announced.id).where(Announced.key == key)) is not None:
        return _DUPLICATE
    note(session, Said(key, study, Basis.MPPS, False, _performed(step), _sender(event)), now)
    return _SUCCESS


def _set_step(session: Session, event: Any, now: datetime) -> int:
    key = str(event.request.RequestedSOPInstanceUID or "")
    known = session.scalar(select(Announced).where(Announced.key == key, Announced.basis == Basis.MPPS.value))
    if known is None:
        return _UNKNOWN
    if known.is_final:  # PS3.4 F.7.2.2.2: it may no longer be changed
        return _FAILURE
    change = event.attribute_list
    state = change.get("PerformedProcedureStepStatus", _IN_PROGRESS)
    if state not in (_IN_PROGRESS, *_FINAL):
        return _INVALID_VALUE
    series = _performed(change) or known.series
    said = Said(key, known.study_instance_uid, Basis.MPPS, state in _FINAL, series, _sender(event))
    note(session, said, now)
    return _SUCCESS


def _take_notification(session: Session, event: Any, now: datetime) -> int:
    told = event.attribute_list
    study, key = str(told.get("StudyInstanceUID", "")), str(event.request.AffectedSOPInstanceUID or "")
    if not study or not told.get("ReferencedSeriesSequence"):
        return _MISSING_ATTRIBUTE
    if not (is_uid(study) and is_uid(key)):
        return _INVALID_VALUE
    series = _counted(told.ReferencedSeriesSequence, ("ReferencedSOPSequence",))
    note(session, Said(key, study, Basis.AVAILABILITY, True, series, _sender(event)), now)
    return _SUCCESS


def _performed(step: Dataset) -> dict[str, int]:
    names = ("ReferencedImageSequence", "ReferencedNonImageCompositeSOPInstanceSequence")
    return _counted(step.get("PerformedSeriesSequence") or (), names)


def _counted(series: Iterable[Dataset], names: tuple[str, ...]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for one in series:
        uid = str(one.get("SeriesInstanceUID", ""))
        if is_uid(uid):
            counts[uid] += sum(len(one.get(name) or ()) for name in names)
    return {uid: count for uid, count in counts.items() if count}


def _sender(event: Any) -> str:
    return str(event.assoc.requestor.ae_title).strip()
