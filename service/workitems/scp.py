"""Our worklist over DIMSE: UPS Pull and Watch as an SCP (PS3.4 annex CC), on the node's port, for its known callers."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import (
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepQuery,
    UnifiedProcedureStepWatch,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from service import audit
from service.errors import StoreUnavailableError
from service.settings import Settings
from service.store.session import Store
from service.store.workitem_tables import Workitem
from service.workitems import states
from service.workitems.actions import Asked, act
from service.workitems.items import shown, update
from service.workitems.matching import matches, may_match, wanted_of

SOP_CLASSES = (UnifiedProcedureStepPull, UnifiedProcedureStepWatch, UnifiedProcedureStepQuery)
"""What the node accepts; UPS Push is not, for our workitems come from results alone."""
_PENDING, _CANCEL, _UNABLE = 0xFF00, 0xFE00, 0xC001
_NO_RESOURCES = 0x0213

Answer = tuple[int, Dataset | None]
_log = structlog.get_logger(__name__)


def beside(bound: Sequence[tuple[Any, ...]], store: Store, settings: Settings) -> list[tuple[Any, ...]]:
    """What the node binds, with our worklist added: a request for a workitem comes here, any other goes where it went."""
    if not settings.worklist:
        return list(bound)
    ours = {
        evt.EVT_C_FIND: _on_find,
        evt.EVT_N_GET: _on_get,
        evt.EVT_N_SET: _on_set,
        evt.EVT_N_ACTION: _on_action,
    }
    others = {event: (handler, tuple(*more)) for event, handler, *more in bound if event in ours}
    kept = [one for one in bound if one[0] not in ours]
    return [
        *kept,
        *((event, _either, [serve, store, settings, others.get(event)]) for event, serve in ours.items()),
    ]


def _either(
    event: Any, serve: Any, store: Store, settings: Settings, other: tuple[Any, tuple[Any, ...]] | None
) -> Any:
    uid = getattr(event.request, "RequestedSOPClassUID", None) or event.request.AffectedSOPClassUID
    if uid in (UnifiedProcedureStepPush, *SOP_CLASSES):
        return serve(event, store, settings)
    if other is None:
        raise NotImplementedError  # pynetdicom answers 0x0211
    handler, arguments = other
    return handler(event, *arguments)


def find(session: Session, keys: Dataset) -> Iterator[Dataset]:
    """The workitems that keys ask for, most urgent first, then oldest first, as peers see them."""
    known = select(Workitem).order_by(
        Workitem.triage_priority, Workitem.created_at, Workitem.sop_instance_uid
    )
    if state := str(keys.get("ProcedureStepState") or ""):
        known = known.where(Workitem.state == state)
    for item in session.scalars(known):
        if not may_match(item.attributes, keys):
            continue
        ds = shown(item)
        ds.SOPClassUID, ds.SOPInstanceUID = UnifiedProcedureStepPush, item.sop_instance_uid
        if matches(ds, keys):
            yield ds


def _with_names(answer: Dataset, item: Dataset) -> Dataset:
    """What every match says besides (PS3.4 CC.2.8.1.2)."""
    answer.SpecificCharacterSet = item.SpecificCharacterSet
    answer.SOPClassUID, answer.SOPInstanceUID = item.SOPClassUID, item.SOPInstanceUID
    return answer


def caller_of(event: Any) -> str:
    return str(event.assoc.requestor.ae_title).strip()


def _on_find(event: Any, store: Store, _settings: Settings) -> Iterator[Answer]:
    try:
        keys = event.identifier
        with store.reading() as session:
            found = [_with_names(wanted_of(one, keys), one) for one in find(session, keys)]
        with store.session() as session:
            audit.record(
                session, "workitems_found", None, caller_of(event), datetime.now(UTC), count=len(found)
            )
    except StoreUnavailableError:
        yield _NO_RESOURCES, None
        return
    except Exception as error:  # noqa: BLE001 - the caller must be told; an identifier may hold anything
        _log.error("workitem_failed", error=type(error).__name__)
        yield _UNABLE, None
        return
    for one in found:
        if event.is_cancelled:
            yield _CANCEL, None
            return
        yield _PENDING, one


def _on_get(event: Any, store: Store, _settings: Settings) -> Answer:
    def serve(session: Session, now: datetime) -> Answer:
        item = session.get(Workitem, str(event.request.RequestedSOPInstanceUID))
        if item is None:
            return states.UNKNOWN, None
        audit.record(
            session,
            "workitem_shown",
            item.study_instance_uid,
            caller_of(event),
            now,
            workitem=item.sop_instance_uid,
        )
        ds, wanted = shown(item), event.attribute_identifiers
        if not wanted:
            return states.SUCCESS, ds
        some = Dataset()
        for tag in wanted:
            if tag in ds:
                some[tag] = ds[tag]
        if "SpecificCharacterSet" in ds:
            some.SpecificCharacterSet = ds.SpecificCharacterSet
        return states.SUCCESS, some

    return _answered(store, serve)


def _on_set(event: Any, store: Store, _settings: Settings) -> Answer:
    uid = str(event.request.RequestedSOPInstanceUID)
    return _answered(
        store,
        lambda session, now: (update(session, uid, event.modification_list, caller_of(event), now), None),
    )


def _on_action(event: Any, store: Store, settings: Settings) -> Answer:
    def serve(session: Session, now: datetime) -> Answer:
        information = event.action_information if event.request.ActionInformation else Dataset()
        receivers = [one.ae_title for one in settings.worklist_subscribers]
        asked = Asked(uid, information, caller_of(event), receivers)
        return act(session, event.action_type, asked, now), None

    uid = str(event.request.RequestedSOPInstanceUID)
    return _answered(store, serve)


def _answered(store: Store, serve: Callable[[Session, datetime], Answer]) -> Answer:
    try:
        with store.session() as session:
            return serve(session, datetime.now(UTC))
    except StoreUnavailableError:
        return _NO_RESOURCES, None
    except Exception as error:  # noqa: BLE001 - the caller must be told; a dataset may hold anything
        _log.error("workitem_failed", error=type(error).__name__)
        return states.PROCESSING_FAILURE, None
