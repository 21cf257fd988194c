"""What `cartriage outbox list` shows: deliveries, and news to those who watch our worklist, in lines of one shape."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from rich import box
from rich.table import Table
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.store.tables import Delivery
from service.workitems.untold import UNTOLD, Untold, untold

UNFINISHED = ("owed", "stored")
"""States of a delivery that a person may end."""
AT_MOST = 200
NEWS = "N"
"""Before the number of news, which are counted apart from deliveries."""


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery, or one event that a subscriber is to be told."""

    id: int | str
    study_instance_uid: str
    sop_instance_uid: str
    cargo: str
    destination: str
    priority: str
    state: str
    tries: int
    last_error: str
    proof: str
    created_at: datetime
    try_at: datetime
    stored_at: datetime | None
    proven_at: datetime | None
    alarmed_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.state in (*UNFINISHED, *UNTOLD)

    def plain(self) -> dict[str, object]:
        """For JSON."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


def lines(session: Session, *, with_all: bool) -> list[Line]:
    """Deliveries and news, most urgent first.

    with_all : also what is proven, told or dropped
    """
    found = select(Delivery).order_by(Delivery.priority, Delivery.id).limit(AT_MOST)
    rows = session.scalars(found if with_all else found.where(Delivery.state.in_(UNFINISHED))).all()
    news = untold(session, AT_MOST, with_all=with_all)
    every = [*(_of_delivery(row) for row in rows), *(_of_news(one) for one in news)]
    return sorted(every, key=lambda line: line.priority)


def table(shown: Sequence[Line]) -> Table:
    """The lines for a person."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("No.", "", "What", "To", "State", "Tries", "Next", "Trouble"):
        made.add_column(name, overflow="fold")
    for line in shown:
        is_ended = line.state == "given_up"
        made.add_row(
            str(line.id),
            line.priority,
            line.cargo,
            line.destination,
            _state(line),
            str(line.tries),
            f"{line.try_at.astimezone():%H:%M:%S}" if line.is_open and not is_ended else "",
            line.last_error,
        )
    return made


def _state(line: Line) -> Text:
    is_alarm = bool(line.alarmed_at) or line.state == "given_up"
    words = Text(f"{line.state.replace('_', ' ')} {line.proof}".strip(), style="bold red" if is_alarm else "")
    if line.alarmed_at and line.is_open:
        words.append(" LATE")
    return words


def _of_delivery(row: Delivery) -> Line:
    return Line(
        id=row.id,
        study_instance_uid=row.study_instance_uid,
        sop_instance_uid=row.sop_instance_uid,
        cargo=row.cargo,
        destination=row.destination,
        priority=row.priority,
        state=row.state,
        tries=row.tries,
        last_error=row.last_error,
        proof=row.proof,
        created_at=row.created_at,
        try_at=row.try_at,
        stored_at=row.stored_at,
        proven_at=row.proven_at,
        alarmed_at=row.alarmed_at,
    )


def _of_news(found: Untold) -> Line:
    news, item = found
    return Line(
        id=f"{NEWS}{news.id}",
        study_instance_uid=item.study_instance_uid,
        sop_instance_uid=item.sop_instance_uid,
        cargo="news",
        destination=news.receiver,
        priority=item.triage_priority,
        state=news.state,
        tries=news.tries,
        last_error=news.last_error,
        proof="",
        created_at=news.created_at,
        try_at=news.try_at,
        stored_at=None,
        proven_at=news.told_at,
        alarmed_at=news.alarmed_at,
    )
