"""A study that is still arriving: its series, and what the service holds of it."""

from datetime import timedelta

from sqlalchemy import select

from rules.anatomy import Role
from rules.codec import from_plain
from rules.messages import SeriesRecognised, StudyReady
from service.assembly import settle_study
from service.audit import trail
from service.store.series_tables import SettledSeries
from service.store.tables import Job
from service.warming import recognise
from tests.service.conftest import NOON, STUDY

FLAIR, DWI, ADC = (f"{STUDY}.{number}" for number in (1, 2, 3))
SETTLED = NOON + timedelta(seconds=3)


def told(store, **roles: Role) -> None:
    recognise(store, SeriesRecognised(STUDY, {f"{STUDY}.{name[1:]}": role for name, role in roles.items()}))


def rows(store) -> dict[str, SettledSeries]:
    with store.reading() as session:
        return {one.series_instance_uid: one for one in session.scalars(select(SettledSeries))}


def jobs(store) -> list[StudyReady]:
    with store.reading() as session:
        return [from_plain(StudyReady, one.ready) for one in session.scalars(select(Job).order_by(Job.id))]


def events(store) -> list[str]:
    with store.reading() as session:
        return [event.event for event in trail(session, STUDY)]


def whole(store, settings, now):
    with store.session() as session:
        return settle_study(session, STUDY, settings, now)
