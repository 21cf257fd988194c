"""The outbox: each report to each destination until proven stored, urgent ones first, no destination behind another."""

import hashlib
import logging
import random
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from rules.urgency import Priority
from service.audit import record
from service.errors import ForeignPathError, StoreUnavailableError
from service.scu import DESTINATION_TROUBLES, Outcome, Parcel, Trouble, send
from service.settings import Destination, Settings
from service.store.files import FileStore
from service.store.session import Store, open_store
from service.store.tables import Delivery, Job, Report

ACTOR = "delivery"

_POLL_S = 0.5
"""How soon a newly owed delivery is noticed."""
_PAUSE_S = 10.0
"""Wait when the database does not answer."""
_BATCH = 20
"""Objects on one association; a new urgent one waits for no more than these."""
_URGENT = (Priority.P1.value, Priority.P2.value)
_URGENT_BACK_OFF_MAX_S = 60.0
"""An urgent result never waits longer than this after its destination came back."""
_STUCK_EVERY = 10
"""A person is told after so many tries, and again after as many more."""
_JITTER = 0.2

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outbox:
    """What a delivery works with."""

    store: Store
    settings: Settings

    @property
    def files(self) -> FileStore:
        return FileStore(self.settings.files)


def deliver_due(outbox: Outbox, destination: Destination, now: datetime) -> int:
    """Send what is owed to a destination and due at `now`, at most one batch; returns how many were tried.

    Each outcome is committed before the next object is sent: a crash in between sends one object again, with the same
    SOP Instance UID, which changes nothing at the destination.

    Raises StoreUnavailableError if the database does not answer.
    """
    rows = _due(outbox.store, destination, now)
    parcels = []
    for delivery, report in rows:
        if parcel := _parcel(outbox.files, delivery, report):
            parcels.append(parcel)
        else:
            _note(outbox, destination, delivery.id, Outcome(is_stored=False, words=Trouble.FILE.value), now)
    tried = len(rows) - len(parcels)
    settings = outbox.settings
    if parcels:
        for parcel, outcome in send(parcels, destination, settings.ae_title, settings.delivery_timeout_s):
            _note(outbox, destination, parcel.delivery_id, outcome, now)
            tried += 1
    return tried


def run_delivery(settings: Settings, stop: threading.Event) -> None:
    """Deliver until `stop` is set, each destination in a thread of its own.

    A thread that fails takes the process with it, so that the supervisor starts it anew: no destination stays silent.
    """
    outbox = Outbox(open_store(settings), settings)
    if not settings.destinations:
        _log.warning("no_destinations")
        stop.wait()
        return
    with ThreadPoolExecutor(len(settings.destinations)) as pool:
        loops = [pool.submit(_serve, outbox, destination, stop) for destination in settings.destinations]
        done, _ = wait(loops, return_when=FIRST_EXCEPTION)
        stop.set()
        for loop in done:
            loop.result()
    outbox.store.close()


def _serve(outbox: Outbox, destination: Destination, stop: threading.Event) -> None:
    is_quiet = True
    while not stop.wait(_POLL_S if is_quiet else 0):
        try:
            is_quiet = deliver_due(outbox, destination, datetime.now(UTC)) == 0
        except StoreUnavailableError as error:
            _log.warning("delivery_postponed", destination=destination.name, error=error.detail)
            stop.wait(_PAUSE_S)


def _due(store: Store, destination: Destination, now: datetime) -> Sequence[tuple[Delivery, Report]]:
    """Urgent first, then the older result first: a result that supersedes another follows it."""
    with store.reading() as session:
        owed = (
            select(Delivery, Report)
            .join(Report, Report.sop_instance_uid == Delivery.sop_instance_uid)
            .join(Job, Job.job_id == Report.job_id)
            .where(Delivery.state == "owed", Delivery.destination == destination.name, Delivery.try_at <= now)
            .order_by(Delivery.priority, Job.id, Delivery.id)
            .limit(_BATCH)
        )
        return [(row[0], row[1]) for row in session.execute(owed)]


def _parcel(files: FileStore, delivery: Delivery, report: Report) -> Parcel | None:
    """The file behind a row, or None if it is not the one that the workers announced."""
    try:
        file = files.resolve(report.path)
        with file.open("rb") as opened:
            is_same = hashlib.file_digest(opened, "sha256").hexdigest() == report.sha256
    except (ForeignPathError, OSError):
        return None
    if not is_same:
        return None
    return Parcel(
        delivery.id, file, report.sop_class_uid, report.sop_instance_uid, report.transfer_syntax_uid
    )


def _note(
    outbox: Outbox, destination: Destination, delivery_id: int, outcome: Outcome, now: datetime
) -> None:
    with outbox.store.session() as session:
        delivery = session.get_one(Delivery, delivery_id)
        study = _study_of(session, delivery)
        if outcome.is_stored:
            _note_stored(session, delivery, study, outcome)
            _wake(session, destination, now)
        else:
            _note_failed(session, delivery, study, outcome, outbox.settings)


def _note_stored(session: Session, delivery: Delivery, study: str | None, outcome: Outcome) -> None:
    stored_at = datetime.now(UTC)
    delivery.state, delivery.stored_at, delivery.last_error = "stored", stored_at, ""
    delivery.tries += 1
    event = "report_stored_with_warning" if outcome.is_warning else "report_stored"
    _tell(session, event, delivery, study, outcome, stored_at)
    _log.info(
        event,
        destination=delivery.destination,
        sop_instance_uid=delivery.sop_instance_uid,
        tries=delivery.tries,
    )


def _note_failed(
    session: Session, delivery: Delivery, study: str | None, outcome: Outcome, settings: Settings
) -> None:
    # The wait counts from the end of the try: a time-out may have taken longer than the wait itself.
    at = datetime.now(UTC)
    is_news = outcome.words != delivery.last_error
    delivery.tries += 1
    delivery.last_error = outcome.words
    delivery.try_at = at + back_off(delivery.tries, delivery.priority, settings)
    # An archive that is down for a day must not fill the trail: the 1st, 2nd, 4th, 8th … failure, and each new reason.
    if is_news or delivery.tries & (delivery.tries - 1) == 0:
        _tell(session, "report_not_stored", delivery, study, outcome, at)
    is_stuck = delivery.tries % _STUCK_EVERY == 0
    if is_stuck:
        _tell(session, "delivery_stuck", delivery, study, outcome, at)
    _log.log(
        logging.ERROR if is_stuck else logging.WARNING,
        "delivery_stuck" if is_stuck else "report_not_stored",
        destination=delivery.destination,
        sop_instance_uid=delivery.sop_instance_uid,
        tries=delivery.tries,
        error=outcome.words,
        status=outcome.status,
    )


def back_off(tries: int, priority: str, settings: Settings) -> timedelta:
    """Wait before the next try: doubles with each, with a limit (a lower one for urgent results) and 20 % jitter."""
    longest = settings.delivery_backoff_max_s
    if priority in _URGENT:
        longest = min(longest, _URGENT_BACK_OFF_MAX_S)
    seconds = min(settings.delivery_backoff_s * 2.0 ** min(tries - 1, 30), longest)
    return timedelta(seconds=seconds * random.uniform(1 - _JITTER, 1 + _JITTER))


def _wake(session: Session, destination: Destination, now: datetime) -> None:
    """A destination that answers again is due for all that waited for it."""
    session.execute(
        update(Delivery)
        .where(
            Delivery.state == "owed",
            Delivery.destination == destination.name,
            Delivery.last_error.in_([trouble.value for trouble in DESTINATION_TROUBLES]),
            Delivery.try_at > now,
        )
        .values(try_at=now)
    )


def _study_of(session: Session, delivery: Delivery) -> str | None:
    return session.scalar(
        select(Job.study_instance_uid)
        .join(Report, Report.job_id == Job.job_id)
        .where(Report.sop_instance_uid == delivery.sop_instance_uid)
    )


def _tell(
    session: Session, event: str, delivery: Delivery, study: str | None, outcome: Outcome, at: datetime
) -> None:
    record(
        session,
        event,
        study,
        ACTOR,
        at,
        sop_instance_uid=delivery.sop_instance_uid,
        destination=delivery.destination,
        tries=delivery.tries,
        outcome=outcome.words,
        status=outcome.status,
    )
