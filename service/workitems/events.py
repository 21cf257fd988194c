"""Subscriptions to workitems, and the events that subscribers are owed (PS3.4 CC.2.3 and CC.2.4).

Who watches all is entered for each workitem that is open and that comes; so every event has one list of receivers.
"""

from datetime import datetime
from enum import IntEnum
from typing import Any

from pydicom import Dataset
from pynetdicom.sop_class import UPSGlobalSubscriptionInstance
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.store.workitem_tables import Workitem, WorkitemNews, WorkitemWatch
from service.workitems.states import FINAL

ALL = str(UPSGlobalSubscriptionInstance)
"""The well-known UID of a subscription to all workitems."""
_OF_STATE = (
    "ProcedureStepState",
    "InputReadinessState",
    "ScheduledProcedureStepPriority",
    "ProcedureStepProgressInformationSequence",
)


class EventType(IntEnum):
    """Event Type IDs (PS3.4 table CC.2.4-1)."""

    STATE = 1
    CANCEL_REQUESTED = 2
    PROGRESS = 3


def watch(session: Session, workitem: str, receiver: str, now: datetime) -> None:
    """Subscribe to one workitem, or to `ALL`; the subscriber is told at once how each stands (CC.2.3.3.1)."""
    _add(session, workitem, receiver)
    if workitem != ALL:
        owe(session, session.get_one(Workitem, workitem), EventType.STATE, now, receiver)
        return
    for item in session.scalars(select(Workitem).where(Workitem.state.not_in(FINAL))):
        _add(session, item.sop_instance_uid, receiver)
        owe(session, item, EventType.STATE, now, receiver)


def unwatch(session: Session, workitem: str, receiver: str) -> None:
    """End a subscription; ending that to `ALL` ends every other of the receiver too."""
    found = delete(WorkitemWatch).where(WorkitemWatch.receiver == receiver)
    session.execute(found if workitem == ALL else found.where(WorkitemWatch.workitem == workitem))


def suspend(session: Session, receiver: str) -> None:
    """Watch no workitem that comes from now on; those that are watched stay watched."""
    session.execute(
        delete(WorkitemWatch).where(WorkitemWatch.receiver == receiver, WorkitemWatch.workitem == ALL)
    )


def announce(session: Session, item: Workitem, now: datetime) -> None:
    """A workitem that is new: whoever watches all watches it too, and is told."""
    for receiver in session.scalars(select(WorkitemWatch.receiver).where(WorkitemWatch.workitem == ALL)):
        _add(session, item.sop_instance_uid, receiver)
    owe(session, item, EventType.STATE, now)


def owe(
    session: Session,
    item: Workitem,
    kind: EventType,
    now: datetime,
    receiver: str = "",
    **more: str,
) -> None:
    """Owe an event of a workitem to all who watch it, or to one of them."""
    watching = select(WorkitemWatch.receiver).where(WorkitemWatch.workitem == item.sop_instance_uid)
    for one in [receiver] if receiver else session.scalars(watching).all():
        session.add(
            WorkitemNews(
                workitem=item.sop_instance_uid,
                receiver=one,
                event_type=int(kind),
                information=_information(item, more),
                state="owed",
                try_at=now,
                created_at=now,
            )
        )


def _add(session: Session, workitem: str, receiver: str) -> None:
    if session.get(WorkitemWatch, (workitem, receiver)) is None:
        session.add(WorkitemWatch(workitem=workitem, receiver=receiver))
        session.flush()


def _information(item: Workitem, more: dict[str, str]) -> dict[str, Any]:
    whole = Dataset.from_json(item.attributes)
    told = Dataset()
    for keyword in _OF_STATE:
        if keyword in whole:
            told[keyword] = whole[keyword]
    for keyword, value in more.items():
        setattr(told, keyword, value)
    found: dict[str, Any] = told.to_json_dict()
    return found
