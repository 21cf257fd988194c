"""Where an object or a notice goes: the site's routes, asked about a study, give rows of the outbox."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from pydicom.uid import MultiFrameTrueColorSecondaryCaptureImageStorage
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.decision import Status
from rules.identity import derived_uid
from rules.messages import ReportFile, ReportKind, StudyTriaged
from rules.routing import Cargo, Event, Occasion, Routing, event_of, shipments
from rules.routing_file import load_routing
from rules.urgency import Priority
from service import audit
from service.destinations import AnyDestination
from service.errors import ServiceError
from service.settings import Settings
from service.store.tables import Delivery, Instance, Report, Study
from service.workitems import items as workitems


class RoutingError(ServiceError):
    """The routing and the configured destinations do not fit together."""


@cache
def routing_in_force(path: Path | None) -> Routing:
    """The routes by which results are sent; read once, so that they hold until the next start. Raises PolicyError."""
    return load_routing(path)


def check_routing(settings: Settings) -> Routing:
    """The routing in force, checked against the destinations.

    Raises PolicyError if the file must not be used, RoutingError if it names a destination that is not configured.
    """
    routing = routing_in_force(settings.routing)
    missing = routing.named_destinations() - {one.name for one in settings.destinations}
    if missing:
        raise RoutingError(f"no such destination: {', '.join(sorted(missing))}")
    return routing


def routed(settings: Settings, occasion: Occasion) -> list[tuple[AnyDestination, frozenset[Cargo]]]:
    """The destinations of an occasion with what goes to each, of what can be sent that way."""
    routing = routing_in_force(settings.routing)
    found = shipments(routing, occasion, [one.name for one in settings.destinations])
    return [(one, found[one.name] & one.takes) for one in settings.destinations if found.get(one.name)]


def occasion_of_result(session: Session, triaged: StudyTriaged, now: datetime) -> Occasion:
    """What the routes may ask about a result."""
    decision = triaged.decision
    return Occasion(
        event=event_of(triaged.state, is_assessed=decision.is_assessed),
        at=now,
        priority=decision.priority,
        patterns=frozenset(one.rule for one in decision.patterns if one.status is Status.PRESENT),
        senders=_senders(session, triaged.study_instance_uid),
        site=_site(session, triaged.study_instance_uid),
    )


def occasion_of_arrival(session: Session, study_instance_uid: str, now: datetime) -> Occasion:
    """What the routes may ask about a study that settled."""
    return Occasion(
        event=Event.RECEIVED,
        at=now,
        senders=_senders(session, study_instance_uid),
        site=_site(session, study_instance_uid),
    )


def owe_result(session: Session, triaged: StudyTriaged, settings: Settings, now: datetime) -> None:
    """Owe the reports of a result, the study's originals and the notice, wherever a route says so; enter it in our worklist."""
    if settings.worklist:
        workitems.follow(session, triaged, now)
    for destination, cargo in routed(settings, occasion_of_result(session, triaged, now)):
        for file in triaged.reports:
            if _is_wanted(file, triaged, destination, cargo):
                _owe(session, _of_report(triaged, file), destination.name, triaged.decision.priority, now)
        if Cargo.NOTICE in cargo:
            _owe(session, _of_notice(triaged), destination.name, triaged.decision.priority, now)
        if Cargo.ORIGINALS in cargo:
            _owe_originals(
                session, triaged.study_instance_uid, destination.name, triaged.decision.priority, now
            )


def owe_originals(session: Session, study_instance_uid: str, settings: Settings, now: datetime) -> None:
    """Owe the originals of a study that settled wherever a route says so; what is owed already stays as it is."""
    for destination, cargo in routed(settings, occasion_of_arrival(session, study_instance_uid, now)):
        if Cargo.ORIGINALS in cargo:
            _owe_originals(session, study_instance_uid, destination.name, Priority.P4, now)


def give_single_frame(session: Session, delivery: Delivery, now: datetime) -> bool:
    """Send the page alone to a destination that takes no multi-frame secondary capture; False if it is something else.

    The delivery itself becomes that of the single page, so that nothing is owed that cannot arrive.
    """
    if delivery.sop_class_uid != MultiFrameTrueColorSecondaryCaptureImageStorage:
        return False
    page = session.scalar(
        select(Report).where(Report.job_id == delivery.job_id, Report.kind == ReportKind.SC.value)
    )
    if page is None:
        return False
    audit.record(
        session,
        "single_frame_instead",
        delivery.study_instance_uid,
        "delivery",
        now,
        sop_instance_uid=page.sop_instance_uid,
        instead_of=delivery.sop_instance_uid,
        destination=delivery.destination,
    )
    delivery.sop_instance_uid, delivery.sop_class_uid = page.sop_instance_uid, page.sop_class_uid
    delivery.transfer_syntax_uid = page.transfer_syntax_uid
    delivery.path, delivery.sha256 = page.path, page.sha256
    delivery.try_at, delivery.last_error = now, ""
    return True


def _is_wanted(
    file: ReportFile, triaged: StudyTriaged, destination: AnyDestination, cargo: frozenset[Cargo]
) -> bool:
    """The secondary capture goes as one page or with the key slices, never as both."""
    if file.kind not in (ReportKind.SC, ReportKind.SCM):
        return Cargo(file.kind.value) in cargo
    has_frames = any(one.kind is ReportKind.SCM for one in triaged.reports)
    takes_frames = has_frames and getattr(destination, "is_multiframe", True)
    return Cargo.SC in cargo and (file.kind is ReportKind.SCM) == takes_frames


def _owe_originals(
    session: Session, study_instance_uid: str, destination: str, priority: Priority, now: datetime
) -> None:
    for instance in _originals(session, study_instance_uid):
        _owe(session, _of_original(instance), destination, priority, now)


def _owe(session: Session, fresh: Delivery, destination: str, priority: Priority, now: datetime) -> None:
    """Enter a delivery; one that is there already is owed again only if its bytes are new, and never becomes less urgent."""
    found = session.scalar(
        select(Delivery).where(
            Delivery.sop_instance_uid == fresh.sop_instance_uid, Delivery.destination == destination
        )
    )
    if found is None:
        fresh.destination, fresh.priority, fresh.state = destination, priority.value, "owed"
        fresh.try_at = fresh.created_at = now
        session.add(fresh)
        return
    found.priority = min(found.priority, priority.value)
    if found.sha256 != fresh.sha256:
        found.path, found.sha256 = fresh.path, fresh.sha256
        found.state, found.try_at, found.created_at = "owed", now, now
        found.stored_at = found.proven_at = found.alarmed_at = found.transaction_uid = None
        found.asks, found.proof = 0, ""


def _of_report(triaged: StudyTriaged, file: ReportFile) -> Delivery:
    return Delivery(
        study_instance_uid=triaged.study_instance_uid,
        job_id=triaged.job_id,
        cargo=Cargo.SC.value if file.kind is ReportKind.SCM else Cargo(file.kind.value).value,
        sop_instance_uid=file.sop_instance_uid,
        sop_class_uid=file.sop_class_uid,
        series_instance_uid=file.series_instance_uid,
        transfer_syntax_uid=file.transfer_syntax_uid,
        path=file.path,
        sha256=file.sha256,
    )


def _of_notice(triaged: StudyTriaged) -> Delivery:
    return Delivery(
        study_instance_uid=triaged.study_instance_uid,
        job_id=triaged.job_id,
        cargo=Cargo.NOTICE.value,
        sop_instance_uid=derived_uid({"job": triaged.job_id, "kind": Cargo.NOTICE.value}),
    )


def _of_original(instance: Instance) -> Delivery:
    return Delivery(
        study_instance_uid=instance.study_instance_uid,
        cargo=Cargo.ORIGINALS.value,
        sop_instance_uid=instance.sop_instance_uid,
        sop_class_uid=instance.sop_class_uid,
        series_instance_uid=instance.series_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        path=instance.path,
        sha256=instance.sha256,
    )


def _originals(session: Session, study_instance_uid: str) -> Sequence[Instance]:
    """As they first came, without conflicting copies and without what we made ourselves."""
    ours = select(Report.sop_instance_uid)
    found = select(Instance).where(
        Instance.study_instance_uid == study_instance_uid,
        Instance.is_conflict.is_(False),
        Instance.is_own.is_(False),
        Instance.sop_instance_uid.not_in(ours),
    )
    return session.scalars(found.order_by(Instance.id)).all()


def _senders(session: Session, study_instance_uid: str) -> frozenset[str]:
    found: Iterable[str] = session.scalars(
        select(Instance.calling_ae_title)
        .where(Instance.study_instance_uid == study_instance_uid, Instance.is_own.is_(False))
        .distinct()
    )
    return frozenset(found)


def _site(session: Session, study_instance_uid: str) -> str:
    study = session.get(Study, study_instance_uid)
    return study.issuer if study else ""
