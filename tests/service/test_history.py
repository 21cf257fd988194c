from datetime import date, timedelta

import pytest

from rules.anatomy import Region, Side
from rules.codec import to_plain
from rules.findings import UNITS, Evidence, Measured, NotAssessed, Quantity, Why
from service.history import last_result
from service.store.session import Store
from service.store.tables import Job, Study
from tests.service.conftest import NOON

BRAIN = (Region.BRAIN, Side.WHOLE)
SILENT = NotAssessed(Quantity.FLAIR_VOLUME, *BRAIN, Why.SERIES_MISSING, "no FLAIR series")


def volume(ml: float, quantity: Quantity = Quantity.FLAIR_VOLUME) -> Measured:
    return Measured(quantity, *BRAIN, ml, UNITS[quantity], Evidence("check 1", "1.2"))


@pytest.fixture
def made(store: Store):
    """Makes a study, with a result if findings are given."""

    def made(uid: str, day: date | None, *findings: object, **columns: object) -> None:
        known = {"patient_id": "P1", "received_at": NOON, "last_received_at": NOON, "study_date": day}
        with store.session() as session:
            session.add(Study(study_instance_uid=uid, **(known | columns)))
            session.flush()
            job = {"job_id": f"job {uid}", "study_instance_uid": uid, "snapshot": 1, "created_at": NOON}
            if findings:
                result = {"findings": [to_plain(one) for one in findings]}
                session.add(Job(**job, state="done", triaged=result, priority="P3"))

    return made


@pytest.fixture
def found(store: Store):
    def found(uid: str = "now"):
        with store.reading() as session:
            return last_result(session, session.get_one(Study, uid))

    return found


TODAY = date(2026, 5, 31)


def before(days: int) -> date:
    return TODAY - timedelta(days=days)


def test_it_is_the_most_recent_earlier_study_with_its_flair_volumes_alone(made, found):
    made("now", TODAY)
    made("old", before(20), volume(9.0))
    made("last", before(5), volume(4.0), volume(3.0, Quantity.RESTRICTED_VOLUME))
    made("later", TODAY + timedelta(days=1), volume(7.0))
    result = found()
    assert (result.study_instance_uid, result.study_date) == ("last", before(5))
    assert result.findings == (volume(4.0),)


def test_a_result_that_measured_nothing_is_passed_over(made, found):
    made("now", TODAY)
    made("old", before(20), volume(9.0))
    made("silent", before(5), SILENT)
    made("waiting", before(4))
    assert found().study_instance_uid == "old"


@pytest.mark.parametrize(
    "columns",
    [
        {"patient_id": "P2"},
        {"issuer": "ELSEWHERE"},
        {"birth_date": date(1970, 1, 1)},
        {"has_identity_conflict": True},
    ],
)
def test_nobody_else_s_result_is_taken(made, found, columns):
    made("now", TODAY, birth_date=date(1960, 2, 3))
    made("last", before(5), volume(4.0), **columns)
    assert found() is None


@pytest.mark.parametrize(("day", "conflict"), [(None, False), (TODAY, True)])
def test_a_study_without_a_date_or_of_nobody_sure_is_compared_with_none(made, found, day, conflict):
    made("now", day, has_identity_conflict=conflict)
    made("last", before(5), volume(4.0))
    assert found() is None
