"""Saved views: filters and search of the reading list that somebody named for themselves."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from rules.urgency import Priority
from service.errors import ServiceError
from service.listing import Show, Wanted
from service.store.desk_tables import SavedView

MOST = 20
"""Of one person."""
MAX_NAME = 40


class ViewError(ServiceError):
    """The view cannot be saved."""


def save(session: Session, account_name: str, name: str, wanted: Wanted, now: datetime) -> SavedView:
    """Keep a view, in place of an earlier one of the same name.

    Raises ViewError.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME:
        raise ViewError(f"a name has 1 to {MAX_NAME} characters")
    mine = select(SavedView).where(SavedView.account_name == account_name)
    found = session.scalar(mine.where(SavedView.name == name).with_for_update())
    if found is None and (session.scalar(select(func.count()).select_from(mine.subquery())) or 0) >= MOST:
        raise ViewError(f"at most {MOST}; remove one first")
    view = found or SavedView(account_name=account_name, name=name, created_at=now)
    view.show, view.priority = wanted.show.value, wanted.priority.value if wanted.priority else ""
    view.text = wanted.text
    session.add(view)
    session.flush()
    return view


def remove(session: Session, account_name: str, number: int) -> None:
    """Let go of one of one's own views; of others' nothing happens."""
    session.execute(delete(SavedView).where(SavedView.id == number, SavedView.account_name == account_name))


def views_of(session: Session, account_name: str) -> Sequence[SavedView]:
    """Somebody's views, by name."""
    mine = select(SavedView).where(SavedView.account_name == account_name)
    return session.scalars(mine.order_by(SavedView.name)).all()


def wanted_of(view: SavedView) -> Wanted:
    """What a view shows."""
    return Wanted(Show(view.show), Priority(view.priority) if view.priority else None, view.text)
