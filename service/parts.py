"""Whether the parts of the service work, by what each of them shows from outside: the node, the queue, the workers, the desk."""

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from celery import Celery
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules.messages import WORKER_QUEUE
from service.broker import BrokerDownError, waiting_messages
from service.node import NODE_FILE
from service.settings import Settings
from service.store.desk_tables import WorklistState
from service.store.tables import Job, Study, UTCDateTime

_CONNECT_S = 1.0
_UNTAKEN = timedelta(minutes=2)
"""A study that waits so long while no other is in a worker's hands: no worker takes it."""
_LIST_OLD = timedelta(minutes=1)
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a node may listen on, not what we bind


class Standing(StrEnum):
    WELL = "well"
    SILENT = "silent"
    """It should answer and does not."""
    ELSEWHERE = "elsewhere"
    """Not on this machine, so that nothing can be said of it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the service, and how it stands."""

    name: str
    standing: Standing
    words: str
    trace: str = ""
    """What it leaves when it works; empty if nothing."""
    at: datetime | None = None
    """When it left that last."""


def parts(session: Session, settings: Settings, app: Celery, now: datetime) -> tuple[Part, ...]:
    """How the parts stand at `now`; takes some seconds at most where something does not answer.

    app : knows the broker (service.courier.make_app)
    """
    return (_node(session, settings), *_work(session, app, now), _desk(session, now))


def _node(session: Session, settings: Settings) -> Part:
    last = session.scalar(select(func.max(Study.last_received_at)))
    try:
        told = json.loads((settings.data / NODE_FILE).read_text())
    except (OSError, ValueError):
        return Part("Node", Standing.ELSEWHERE, "does not run on this machine", "last object", last)
    address = (_ANY_ADDRESS.get(told["host"], told["host"]), told["port"])
    with contextlib.suppress(OSError), socket.create_connection(address, _CONNECT_S):
        return Part("Node", Standing.WELL, f"answers on port {told['port']}", "last object", last)
    return Part("Node", Standing.SILENT, f"does not answer on port {told['port']}", "last object", last)


def _work(session: Session, app: Celery, now: datetime) -> Iterator[Part]:
    """Queue and workers: what was handed over lies in the queue or is in a worker's hands."""
    handed, oldest = session.execute(
        select(func.count(), func.min(Job.created_at, type_=UTCDateTime())).where(
            Job.state == "owed", Job.rings > 0
        )
    ).one()
    last = session.scalar(select(func.max(Job.done_at)))
    try:
        waiting = min(waiting_messages(app, WORKER_QUEUE), handed)
    except BrokerDownError:
        yield Part("Queue", Standing.SILENT, "the broker does not answer; what is owed waits in the database")
        yield Part("Workers", Standing.ELSEWHERE, "not seen without the queue", "last result", last)
        return
    yield Part("Queue", Standing.WELL, f"answers; studies that wait in it: {waiting}")
    taken = handed - waiting
    if waiting and not taken and now - oldest > _UNTAKEN:
        yield Part("Workers", Standing.SILENT, "studies wait and no worker takes one", "last result", last)
    else:
        yield Part("Workers", Standing.WELL, f"studies in hand: {taken}", "last result", last)


def _desk(session: Session, now: datetime) -> Part:
    at = session.scalar(select(WorklistState.at))
    is_well = at is not None and now - at < _LIST_OLD
    words = "keeps the list up to date" if is_well else "does not keep the list up to date"
    return Part("Desk", Standing.WELL if is_well else Standing.SILENT, words, "last list", at)
