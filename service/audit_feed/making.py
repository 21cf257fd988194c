"""From an event and what the rows know of it to the syslog messages that tell it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from socket import gethostname

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.audit_feed.events import Held, Patient, Receiver, Told, messages
from service.audit_feed.message import xml_of
from service.audit_feed.syslog import framed
from service.destinations import NOTICES, AnyDestination
from service.settings import Settings
from service.store.tables import AuditEvent, CohortPatient, Delivery, Instance, Study

_MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError)
"""What an event raises whose details another version, or a mistake, wrote in another shape."""


@dataclass(frozen=True, slots=True)
class Made:
    """The messages of one event."""

    sequence: int
    lines: tuple[bytes, ...] = ()
    trouble: str = ""
    """Why there are none, if they cannot be made."""


def made(session: Session, event: AuditEvent, settings: Settings, now: datetime) -> Made:
    """The messages of an event, or what is wrong with it: one event must not keep all others from being told."""
    try:
        return Made(event.sequence, tuple(_lines(session, event, settings, now)))
    except _MISSHAPEN as error:
        return Made(event.sequence, trouble=f"its messages cannot be made ({type(error).__name__})")


def _lines(session: Session, event: AuditEvent, settings: Settings, now: datetime) -> Iterator[bytes]:
    told = Told(
        event,
        settings.ae_title,
        gethostname(),
        _held(session, event.study_instance_uid or ""),
        [held for uid in _named(event) if (held := _held(session, uid))],
        _patient(session, event),
        {one.name: _receiver(one) for one in settings.destinations},
        _owed(session, event.detail.get("job_id")),
    )
    for message in messages(told):
        yield framed(xml_of(message, settings.ae_title), is_failure=bool(message.failure), now=now)


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
