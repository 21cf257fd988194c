"""Follows the trail and sends what the profile asks for; its place stands in the database, so nothing is lost while nobody receives.

The trail is the spool: an event is sent once it is committed, and again if it is not known that its messages were taken.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from socket import gethostname

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service import audit
from service.audit_feed.events import TOLD, Held, Patient, Receiver, Told, messages
from service.audit_feed.message import xml_of
from service.audit_feed.syslog import NotTakenError, framed, send
from service.audit_feed.syslog import Receiver as Syslog
from service.destinations import NOTICES, AnyDestination
from service.errors import StoreUnavailableError
from service.settings import Settings
from service.store.desk_tables import AuditFeed
from service.store.session import Store, open_store, upgrade
from service.store.tables import AuditEvent, AuditHead, CohortPatient, Delivery, Instance, Study

ACTOR = "audit-feed"

_TICK_S = 1.0
_TICK_MAX_S = 300.0
"""Longest wait for a receiver that is down."""
_AT_ONCE = 200
"""Events at a time."""

_log = structlog.get_logger(__name__)


def run_feed(settings: Settings, stop: threading.Event) -> None:
    """Send until `stop` is set, and once more then; outlives a receiver or a database that is down."""
    receiver = Syslog.of(settings.audit_syslog, settings.audit_syslog_tls)
    store = open_store(settings)
    upgrade(store)
    wait_s, is_last = 0.0, False
    while not is_last:
        is_last = stop.wait(wait_s)
        try:
            wait_s = 0.0 if feed(store, settings, receiver, datetime.now(UTC)) else _TICK_S
            is_last = is_last and wait_s > 0  # all of it, while it is taken
        except (NotTakenError, StoreUnavailableError) as error:
            wait_s = min(max(wait_s, _TICK_S) * 2, _TICK_MAX_S)
            _log.warning("audit_messages_postponed", error=str(error), wait_s=wait_s)
    store.close()


def feed(store: Store, settings: Settings, receiver: Syslog, now: datetime) -> int:
    """Send the messages of the next events; returns how many events were passed. Without a place yet, it begins at the trail's end.

    Raises NotTakenError if the receiver does not take them, StoreUnavailableError if the database does not answer.
    """
    with store.reading() as session:
        place = session.get(AuditFeed, 1)
        told = _next(session, place.sequence, settings) if place else []
        last = _last(session, place.sequence) if place else 0
    if place is None:
        _begin(store)
        return 0
    if not last:
        return 0
    lines = [
        framed(xml_of(message, settings.ae_title), is_failure=bool(message.failure), now=now)
        for one in told
        for message in messages(one)
    ]
    try:
        if lines:
            send(lines, receiver)
    except NotTakenError as error:
        _note_failing(store, error, now)
        raise
    _note_sent(store, last, len(lines), now)
    return last - place.sequence


def _begin(store: Store) -> None:
    with store.session() as session:
        end = session.scalar(select(AuditHead.sequence).where(AuditHead.id == 1)) or 0
        session.add(AuditFeed(id=1, sequence=end))


def _last(session: Session, sequence: int) -> int:
    window = select(AuditEvent.sequence).where(AuditEvent.sequence > sequence)
    window = window.order_by(AuditEvent.sequence).limit(_AT_ONCE)
    return session.scalar(select(func.max(window.subquery().c.sequence))) or 0


def _next(session: Session, sequence: int, settings: Settings) -> list[Told]:
    found = select(AuditEvent).where(AuditEvent.sequence > sequence).order_by(AuditEvent.sequence)
    events = [event for event in session.scalars(found.limit(_AT_ONCE)) if event.event in TOLD]
    uids = {uid for event in events for uid in _uids(event)}
    held = {uid: study for uid in uids if (study := _held(session, uid))}
    receivers = {one.name: _receiver(one) for one in settings.destinations}
    return [
        Told(
            event,
            settings.ae_title,
            gethostname(),
            held.get(event.study_instance_uid or ""),
            [held[uid] for uid in _named(event) if uid in held],
            _patient(session, event),
            receivers,
            _owed(session, event.detail.get("job_id")),
        )
        for event in events
    ]


def _uids(event: AuditEvent) -> Iterable[str]:
    return (*([event.study_instance_uid] if event.study_instance_uid else []), *_named(event))


def _named(event: AuditEvent) -> Sequence[str]:
    named = event.detail.get("studies")
    return [str(uid) for uid in named] if isinstance(named, list) else []


def _held(session: Session, uid: str) -> Held | None:
    study = session.get(Study, uid)
    if study is None:
        return None
    counted = select(Instance.sop_class_uid, Instance.calling_ae_title, func.count()).where(
        Instance.study_instance_uid == uid, Instance.is_own.is_(False)
    )
    sop_classes, senders = Counter[str](), set[str]()
    for sop_class, sender, count in session.execute(
        counted.group_by(Instance.sop_class_uid, Instance.calling_ae_title)
    ):
        sop_classes[sop_class] += count
        senders.add(sender)
    whom = Patient(study.patient_id, study.patient_name)
    return Held(uid, whom, study.accession_number, sop_classes, sorted(senders))


def _patient(session: Session, event: AuditEvent) -> Patient | None:
    if patient_id := event.detail.get("patient_id"):
        return Patient(str(patient_id))
    number = event.detail.get("cohort_patient")
    entry = session.get(CohortPatient, number) if isinstance(number, int) else None
    return Patient(entry.patient_id) if entry else None


def _owed(session: Session, job_id: object) -> Mapping[str, Mapping[str, int]]:
    if not isinstance(job_id, str):
        return {}
    counted = select(Delivery.destination, Delivery.sop_class_uid, func.count()).where(
        Delivery.job_id == job_id, Delivery.sop_class_uid != ""
    )
    owed: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, sop_class, count in session.execute(
        counted.group_by(Delivery.destination, Delivery.sop_class_uid)
    ):
        owed[name][sop_class] = count
    return owed


def _receiver(one: AnyDestination) -> Receiver:
    return Receiver(one.name, one.address, is_export=one.kind == "folder" or one.takes == NOTICES)


def _note_sent(store: Store, sequence: int, count: int, now: datetime) -> None:
    with store.session() as session:
        place = session.get_one(AuditFeed, 1, with_for_update=True)
        place.sequence = sequence
        if count:
            place.sent_at = now
        if place.failing_since is not None:
            audit.record(session, "audit_feed_resumed", None, ACTOR, now, since=place.failing_since)
            place.failing_since = None


def _note_failing(store: Store, error: NotTakenError, now: datetime) -> None:
    with store.session() as session:
        place = session.get_one(AuditFeed, 1, with_for_update=True)
        if place.failing_since is None:
            place.failing_since = now
            audit.record(session, "audit_feed_failing", None, ACTOR, now, error=error.detail)
