"""What may be asked of a workitem by N-ACTION (PS3.4 CC.2.1 to CC.2.3), each with its status."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset
from sqlalchemy.orm import Session

from service import audit
from service.store.workitem_tables import Workitem
from service.workitems import states
from service.workitems.events import ALL, suspend, unwatch, watch
from service.workitems.items import change_state, request_cancel


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    workitem: str
    """SOP Instance UID, or the well-known one of all."""
    information: Dataset
    who: str
    """Calling AE title or user."""
    receivers: Collection[str]
    """AE titles that events can be sent to."""


def act(session: Session, action_type: int, asked: Asked, now: datetime) -> int:
    """Do what is asked; the status to answer."""
    serve = _ACTIONS.get(action_type)
    return states.NO_SUCH_ACTION if serve is None else serve(session, asked, now)


def _change_state(session: Session, asked: Asked, now: datetime) -> int:
    wanted = str(asked.information.get("ProcedureStepState") or "")
    transaction = str(asked.information.get("TransactionUID") or "")
    return change_state(session, asked.workitem, wanted, transaction, asked.who, now)


def _request_cancel(session: Session, asked: Asked, now: datetime) -> int:
    reason = str(asked.information.get("ReasonForCancellation") or "")
    return request_cancel(session, asked.workitem, reason, asked.who, now)


def _subscribe(session: Session, asked: Asked, now: datetime) -> int:
    receiver = _receiver(asked)
    if receiver not in asked.receivers:
        return states.UNKNOWN_RECEIVER
    if asked.workitem != ALL and session.get(Workitem, asked.workitem) is None:
        return states.UNKNOWN
    # A Deletion Lock (CC.2.3.2) changes nothing: no workitem is ever deleted.
    watch(session, asked.workitem, receiver, now)
    audit.record(
        session, "workitems_watched", None, asked.who, now, receiver=receiver, workitem=asked.workitem
    )
    return states.SUCCESS


def _unsubscribe(session: Session, asked: Asked, _now: datetime) -> int:
    if asked.workitem != ALL and session.get(Workitem, asked.workitem) is None:
        return states.UNKNOWN
    unwatch(session, asked.workitem, _receiver(asked))
    return states.SUCCESS


def _suspend(session: Session, asked: Asked, _now: datetime) -> int:
    if asked.workitem != ALL:
        return states.NOT_FOR_THIS
    suspend(session, _receiver(asked))
    return states.SUCCESS


def _receiver(asked: Asked) -> str:
    return str(asked.information.get("ReceivingAE") or "").strip()


_ACTIONS: dict[int, Callable[[Session, Asked, datetime], int]] = {
    1: _change_state,
    2: _request_cancel,
    3: _subscribe,
    4: _unsubscribe,
    5: _suspend,
}
"""Action Type IDs (PS3.4 CC.2)."""
