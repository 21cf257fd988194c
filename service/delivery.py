"""The delivery: each object to each destination until proven there, urgent ones first, no destination behind another."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from functools import partial

import structlog

from rules.routing import Cargo
from service import fhir, folder, hints, hl7, scu, stow, ups
from service.destinations import AnyDestination
from service.errors import ForeignPathError, StoreUnavailableError
from service.notices import notice_of
from service.outbox import Outbox, due, note, raise_alarms
from service.parcel import Parcel, Sender, Trouble, failed
from service.proof import prove_due
from service.routing import check_routing
from service.settings import Settings
from service.store.session import open_store
from service.store.tables import Delivery
from service.workitems.telling import give_up_old, serve_subscriber

__all__ = ["Outbox", "deliver_due", "run_delivery", "serve"]

_POLL_S = 0.5
"""How soon a newly owed delivery is noticed."""
_PAUSE_S = 10.0
"""Wait when the database does not answer."""

SENDERS: dict[str, Sender] = {
    "dimse": scu.send,
    "stow": stow.send,
    "folder": folder.send,
    "hl7": hl7.send,
    "fhir": fhir.send,
    "ups": ups.send,
    "webhook": hints.post,
    "mail": hints.mail,
}
"""Kind of a destination to its way of sending."""

_log = structlog.get_logger()


def deliver_due(outbox: Outbox, destination: AnyDestination, now: datetime) -> int:
    """Send what is owed to a destination and due at `now`, at most one batch; returns how many were tried.

    Each outcome is committed before the next object is sent: a crash in between sends one object again, with the same
    SOP Instance UID, which changes nothing at the destination.

    Raises StoreUnavailableError if the database does not answer.
    """
    parcels, tried = [], 0
    for delivery in due(outbox.store, destination.name, now):
        if parcel := _parcel(outbox, delivery):
            parcels.append(parcel)
        else:
            note(outbox, destination, delivery.id, failed(Trouble.FILE), now)
            tried += 1
    if parcels:
        for parcel, outcome in SENDERS[destination.kind](parcels, destination, outbox.settings):
            note(outbox, destination, parcel.delivery_id, outcome, now)
            tried += 1
    return tried


def serve(outbox: Outbox, destination: AnyDestination, now: datetime) -> int:
    """One round for a destination: send, ask for proof, alarm; returns how much there was to do."""
    done = deliver_due(outbox, destination, now)
    done += prove_due(outbox, destination, now)
    return done + raise_alarms(outbox, destination.name, now)


def run_delivery(settings: Settings, stop: threading.Event) -> None:
    """Deliver until `stop` is set, each destination in a thread of its own.

    A thread that fails takes the process with it, so that the supervisor starts it anew: no destination stays silent.
    Raises PolicyError or RoutingError at once if the routing must not be used.
    """
    check_routing(settings)
    outbox = Outbox(open_store(settings), settings)
    subscribers = settings.worklist_subscribers if settings.worklist else ()
    tasks = [
        *(partial(serve, outbox, destination) for destination in settings.destinations),
        *(partial(serve_subscriber, outbox, subscriber) for subscriber in subscribers),
        *([partial(give_up_old, outbox)] if settings.worklist else []),
    ]
    if not tasks:
        _log.warning("no_destinations")
        stop.wait()
        return
    with ThreadPoolExecutor(len(tasks)) as pool:
        loops = [pool.submit(_repeat, task, stop) for task in tasks]
        done, _ = wait(loops, return_when=FIRST_EXCEPTION)
        stop.set()
        for loop in done:
            loop.result()
    outbox.store.close()


def _repeat(task: Callable[[datetime], int], stop: threading.Event) -> None:
    is_quiet = True
    while not stop.wait(_POLL_S if is_quiet else 0):
        try:
            is_quiet = task(datetime.now(UTC)) == 0
        except StoreUnavailableError as error:
            _log.warning("delivery_postponed", error=error.detail)
            stop.wait(_PAUSE_S)


def _parcel(outbox: Outbox, delivery: Delivery) -> Parcel | None:
    """What is behind a row: a notice, or a file; None if it is gone or not the one that was announced."""
    if delivery.cargo == Cargo.NOTICE.value:
        with outbox.store.reading() as session:
            notice = notice_of(session, delivery)
        if notice is None:
            return None
        return Parcel(delivery.id, delivery.sop_instance_uid, delivery.study_instance_uid, notice=notice)
    try:
        file = outbox.files.resolve(delivery.path)
        with file.open("rb") as opened:
            is_same = hashlib.file_digest(opened, "sha256").hexdigest() == delivery.sha256
    except (ForeignPathError, OSError):
        return None
    if not is_same:
        return None
    return Parcel(
        delivery_id=delivery.id,
        sop_instance_uid=delivery.sop_instance_uid,
        study_instance_uid=delivery.study_instance_uid,
        series_instance_uid=delivery.series_instance_uid,
        sop_class_uid=delivery.sop_class_uid,
        transfer_syntax_uid=delivery.transfer_syntax_uid,
        file=file,
        sha256=delivery.sha256,
    )
