"""Telling subscribers what they are owed: N-EVENT-REPORT on an association of ours (PS3.4 CC.2.4), until it is taken or too old."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog
from pydicom import Dataset
from pynetdicom.presentation import build_context, build_role
from pynetdicom.sop_class import UnifiedProcedureStepEvent, UnifiedProcedureStepPush
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.urgency import Priority
from service.destinations import Subscriber
from service.health import URGENT, back_off
from service.outbox import Outbox
from service.parcel import Trouble
from service.scu import associate
from service.statuses import meaning_of
from service.store.workitem_tables import Workitem, WorkitemNews
from service.workitems.states import SCHEDULED
from service.workitems.untold import note

_BATCH = 50
_LIFE = timedelta(hours=24)
"""Older news is given up, and a person decides: tell it again, or drop it. Who subscribes anew is told how everything stands."""

_log = structlog.get_logger()


def tell_due(outbox: Outbox, subscriber: Subscriber, now: datetime) -> int:
    """Tell a subscriber what is due, oldest first; returns how many were told or tried.

    Raises StoreUnavailableError if the database does not answer.
    """
    with outbox.store.reading() as session:
        news = session.scalars(
            select(WorkitemNews)
            .where(
                WorkitemNews.receiver == subscriber.ae_title,
                WorkitemNews.state == "owed",
                WorkitemNews.try_at <= now,
            )
            .order_by(WorkitemNews.id)
            .limit(_BATCH)
        ).all()
    if not news:
        return 0
    told, trouble = _send(outbox, subscriber, news)
    with outbox.store.session() as session:
        for one in news[:told]:
            _note_told(session, one.id, datetime.now(UTC))
        if trouble:
            # In order: what stands behind waits for it.
            for one in news[told:]:
                _note_trouble(session, one.id, trouble, outbox)
    if trouble:
        _log.warning("workitem_news_postponed", receiver=subscriber.ae_title, error=trouble)
    return len(news)


def serve_subscriber(outbox: Outbox, subscriber: Subscriber, now: datetime) -> int:
    """One round for a subscriber: tell it what is due, alarm; returns how much there was to do."""
    return tell_due(outbox, subscriber, now) + raise_alarms(outbox, subscriber.ae_title, now)


def raise_alarms(outbox: Outbox, receiver: str, now: datetime) -> int:
    """Alarm for each urgent and unread study that a subscriber was not told of within the target of proofs, once; returns how many."""
    limit = now - timedelta(seconds=outbox.settings.proof_target_s)
    late = (
        select(WorkitemNews.id)
        .join(Workitem, WorkitemNews.workitem == Workitem.sop_instance_uid)
        .where(
            WorkitemNews.receiver == receiver,
            WorkitemNews.state == "owed",
            WorkitemNews.created_at <= limit,
            WorkitemNews.alarmed_at.is_(None),
            Workitem.triage_priority.in_(URGENT),
            Workitem.state == SCHEDULED,
        )
    )
    with outbox.store.reading() as session:
        ids = session.scalars(late.order_by(WorkitemNews.id)).all()
    for number in ids:
        with outbox.store.session() as session:
            one = session.get_one(WorkitemNews, number)
            one.alarmed_at = now
            item = session.get_one(Workitem, one.workitem)
            note(session, "workitem_news_late", one, item, now, outcome=one.last_error)
        _log.error("workitem_news_late", receiver=receiver, news_id=number)
    return len(ids)


def give_up_old(outbox: Outbox, now: datetime) -> int:
    """Give up what nobody took within a day, with an alarm; returns how much. It stays in the outbox until a person ends it."""
    old = select(WorkitemNews).where(WorkitemNews.state == "owed", WorkitemNews.created_at <= now - _LIFE)
    with outbox.store.reading() as session:
        ids = [one.id for one in session.scalars(old)]
    if ids:
        with outbox.store.session() as session:
            for number in ids:
                one = session.get_one(WorkitemNews, number)
                one.state = "given_up"
                item = session.get_one(Workitem, one.workitem)
                note(session, "workitem_news_given_up", one, item, now, outcome=one.last_error)
        _log.error("workitem_news_given_up", count=len(ids))
    return len(ids)


def _send(outbox: Outbox, subscriber: Subscriber, news: Sequence[WorkitemNews]) -> tuple[int, str]:
    """Number of events that were taken, and what kept the next one from being."""
    contexts = [build_context(UnifiedProcedureStepEvent)]
    roles = [build_role(UnifiedProcedureStepEvent, scu_role=True, scp_role=True)]
    association, trouble = associate(subscriber, outbox.settings, contexts, roles=roles)
    if association is None:
        return 0, trouble.value
    told = 0
    try:
        if not association.accepted_contexts:
            return 0, Trouble.NO_CONTEXT.value
        for one in news:
            status, _ = association.send_n_event_report(
                Dataset.from_json(one.information),
                one.event_type,
                UnifiedProcedureStepPush,
                one.workitem,
                meta_uid=UnifiedProcedureStepEvent,
            )
            if "Status" not in status:
                return told, Trouble.NO_ANSWER.value
            if not (answer := meaning_of(int(status.Status))).is_stored:
                return told, answer.words
            told += 1
    except (RuntimeError, ValueError):
        return told, Trouble.ABORTED.value
    finally:
        if association.is_established:
            association.release()
    return told, ""


def _note_told(session: Session, number: int, at: datetime) -> None:
    one = session.get_one(WorkitemNews, number)
    one.state, one.told_at, one.last_error = "told", at, ""
    one.tries += 1


def _note_trouble(session: Session, number: int, trouble: str, outbox: Outbox) -> None:
    one = session.get_one(WorkitemNews, number)
    one.tries += 1
    one.last_error = trouble
    # As an urgent result: it may be one.
    one.try_at = datetime.now(UTC) + back_off(one.tries, Priority.P1.value, outbox.settings)
