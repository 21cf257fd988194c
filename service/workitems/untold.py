"""News of workitems that a subscriber has not taken: for a person to see, to have told again, or to drop."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service import audit
from service.outbox import ACTOR
from service.store.workitem_tables import Workitem, WorkitemNews

UNTOLD = ("owed", "given_up")
"""States of news that its subscriber has not, and that nobody has dropped."""

Untold = tuple[WorkitemNews, Workitem]


def untold(session: Session, at_most: int, receiver: str = "", *, with_all: bool = False) -> list[Untold]:
    """News that waits or was given up, of one receiver or all, most urgent first.

    with_all : also what was told or dropped
    """
    found = select(WorkitemNews, Workitem).join(Workitem, WorkitemNews.workitem == Workitem.sop_instance_uid)
    if receiver:
        found = found.where(WorkitemNews.receiver == receiver)
    if not with_all:
        found = found.where(WorkitemNews.state.in_(UNTOLD))
    ordered = found.order_by(Workitem.triage_priority, WorkitemNews.id).limit(at_most)
    return [(news, item) for news, item in session.execute(ordered)]


def news_numbered(session: Session, number: int) -> Untold | None:
    """One event with its workitem; None if there is none of that number."""
    news = session.get(WorkitemNews, number)
    return None if news is None else (news, session.get_one(Workitem, news.workitem))


def tell_again(session: Session, found: Iterable[Untold], user: str, now: datetime) -> None:
    """Owe news anew, for as long as if it had just happened."""
    for news, item in found:
        news.state, news.try_at, news.created_at = "owed", now, now
        news.told_at = news.alarmed_at = None
        note(session, "workitem_news_retried", news, item, now, user=user)


def drop(session: Session, found: Iterable[Untold], user: str, reason: str, now: datetime) -> None:
    """Tell news to nobody any more, by the decision of a person."""
    for news, item in found:
        was, news.state = news.state, "dropped"
        note(session, "workitem_news_dropped", news, item, now, user=user, reason=reason, was=was)


def note(
    session: Session, event: str, news: WorkitemNews, item: Workitem, at: datetime, **detail: object
) -> None:
    """One line of the trail about news."""
    about = {"receiver": news.receiver, "priority": item.triage_priority, "tries": news.tries}
    audit.record(session, event, item.study_instance_uid, ACTOR, at, **about, **detail)
