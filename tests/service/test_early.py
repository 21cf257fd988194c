"""What is done before a study is whole: series settle, workers are asked to begin, and a provisional result is owed."""

import subprocess
import time
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text

from rules.anatomy import Role
from rules.codec import from_plain
from rules.messages import (
    SERIES_RECOGNISED,
    WARM_QUEUE,
    WORKER_QUEUE,
    Basis,
    ReportKind,
    ResultState,
    SeriesReady,
    SeriesRecognised,
    StudyReady,
)
from rules.urgency import Priority
from service import cohort
from service.announcements import Said, note
from service.assembly import settle_study
from service.audit import trail
from service.bell import ring_due
from service.broker import is_answering, server_command, socket_url
from service.cohort_file import entry_of
from service.completeness import due
from service.courier import make_app, register, take
from service.early import look_early
from service.store.series_tables import SettledSeries
from service.store.tables import Job
from service.warming import recognise, warm_due
from tests.service.conftest import NOON, STUDY, mr_slice, received
from tests.service.sending import result, write_report

FLAIR, DWI, ADC = (f"{STUDY}.{number}" for number in (1, 2, 3))
SETTLED = NOON + timedelta(seconds=3)


@pytest.fixture
def flag(store, settings):
    def flag(**values: str):
        entry = entry_of({"patient_id": "P1", **values}, source="test", now=NOON, is_observation=True)
        with store.session() as session:
            return cohort.add(session, entry, settings, "tester", NOON)

    return flag


@pytest.fixture
def send(intake):
    def send(series: int, *numbers: int, at=NOON, **elements: object) -> None:
        for number in numbers:
            intake.take(received(mr_slice(number, series=series, **elements)), at)

    return send


@pytest.fixture
def look(store, settings):
    def look(now=SETTLED) -> None:
        look_early(store, settings, now, {})

    return look


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


def test_a_series_settles_when_the_next_one_begins_or_it_is_quiet(store, flag, send, look):
    flag()
    send(1, 1, 2)
    send(2, 1, at=NOON + timedelta(seconds=1))
    look(NOON + timedelta(seconds=1.5))
    assert {uid: (one.objects, one.basis) for uid, one in rows(store).items()} == {FLAIR: (2, "next_series")}
    look(NOON + timedelta(seconds=6))
    assert rows(store)[DWI].basis == "quiet_time"
    assert events(store).count("series_settled") == 2
    assert jobs(store) == []


def test_a_series_of_which_all_announced_objects_came_settles_at_once(store, flag, send, look):
    flag()
    with store.session() as session:
        note(session, Said("1.2.9", STUDY, Basis.MPPS, True, {FLAIR: 2}, "MR1"), NOON)
    send(1, 1)
    look(NOON)
    assert rows(store) == {}
    send(1, 2)
    look(NOON)
    assert rows(store)[FLAIR].basis == "announced"


def test_a_series_that_grows_settles_again(store, flag, send, look):
    flag()
    send(1, 1)
    look()
    send(1, 2, at=SETTLED)
    look(SETTLED + timedelta(seconds=1))
    assert rows(store)[FLAIR].objects == 1
    look(SETTLED + timedelta(seconds=5))
    assert rows(store)[FLAIR].objects == 2


@pytest.mark.parametrize(
    ("registry", "part"),
    [(None, "BRAIN"), ({"birth_date": "1999-09-09"}, "BRAIN"), ({}, "KNEE")],
    ids=["nobody flagged", "identity mismatch", "a knee"],
)
def test_no_worker_is_asked_for_a_study_that_the_gate_declines(store, settings, flag, send, registry, part):
    if registry is not None:
        flag(**registry)
    send(1, 1, SeriesDescription="PD", StudyDescription="MR", BodyPartExamined=part)
    look_early(store, settings, SETTLED, {})
    assert all(one.warm_at is None for one in rows(store).values())
    assert warm_due(store, make_app(settings), settings, SETTLED) == 0


def test_the_first_sufficient_series_owes_a_provisional_result_once(store, settings, flag, send, look):
    flag(icans_grade="1")
    send(1, 1, 2)
    look()
    look()
    assert jobs(store) == [], "nobody knows yet what the series is"
    told(store, s1=Role.FLAIR)
    look()
    look()
    (ready,) = jobs(store)
    assert (ready.state, ready.completeness.basis, len(ready.instances)) == (
        ResultState.PROVISIONAL,
        Basis.ARRIVING,
        2,
    )
    assert "still arriving: 2 images in 1 series" in ready.completeness.detail
    assert events(store)[-2:] == ["study_admitted", "provisional_owed"]


def test_each_sufficient_group_has_its_provisional_result_and_then_the_whole_study(
    store, settings, flag, send, look
):
    flag()
    send(1, 1)
    look()
    told(store, s1=Role.FLAIR)
    look()
    send(2, 1, at=SETTLED)
    look(SETTLED + timedelta(seconds=5))
    told(store, s2=Role.DWI)
    look(SETTLED + timedelta(seconds=6))
    assert len(jobs(store)) == 1
    send(3, 1, at=SETTLED)
    look(SETTLED + timedelta(seconds=6))
    told(store, s3=Role.ADC)
    look(SETTLED + timedelta(seconds=7))
    end = SETTLED + timedelta(seconds=40)
    whole(store, settings, end)
    look(end)
    states = [one.state for one in jobs(store)]
    assert states == [ResultState.PROVISIONAL, ResultState.PROVISIONAL, ResultState.CONFIRMED]
    assert [one.snapshot for one in jobs(store)] == [1, 2, 3]
    assert len({one.job_id for one in jobs(store)}) == 3


def test_a_series_that_grew_after_it_was_reported_is_reported_again_within_limits(store, flag, send, look):
    flag()
    for number in range(1, 8):
        at = NOON + timedelta(seconds=10 * number)
        send(1, number, at=at)
        look(at + timedelta(seconds=3))
        told(store, s1=Role.FLAIR)
        look(at + timedelta(seconds=4))
    assert [len(one.instances) for one in jobs(store)] == [1, 2, 3, 4]


def test_a_study_of_one_series_is_confirmed_too(store, settings, flag, send, look):
    flag()
    send(1, 1)
    look()
    told(store, s1=Role.FLAIR)
    look()
    whole(store, settings, NOON + timedelta(seconds=31))
    provisional, confirmed = jobs(store)
    assert provisional.instances == confirmed.instances
    assert provisional.job_id != confirmed.job_id
    assert confirmed.predecessor_job_id == provisional.job_id


def test_an_entry_that_cannot_be_read_harms_no_other_study(store, settings, flag, send):
    flag()
    send(1, 1)
    look_early(store, settings, SETTLED, {})
    with store.session() as session:
        session.execute(text("UPDATE cohort_patient SET context = '{\"no_such_field\": 1}'"))
    send(2, 1)
    not_before: dict[str, datetime] = {}
    later = SETTLED + timedelta(seconds=3)
    look_early(store, settings, later, not_before)
    assert list(not_before) == [STUDY]
    assert warm_due(store, make_app(settings), settings, later) == 0
    assert rows(store)[FLAIR].warm_at is None


def test_a_study_with_every_series_of_the_protocol_is_whole(store, settings, flag, send, look):
    flag()
    protocol = settings.model_copy(update={"required_series": (Role.FLAIR, Role.DWI)})
    send(1, 1)
    send(2, 1)
    look()
    told(store, s1=Role.FLAIR)

    def due_at(seconds: float) -> list[str]:
        with store.reading() as session:
            return list(due(session, protocol, NOON + timedelta(seconds=seconds)))

    assert due_at(4) == [], "one is not recognised yet"
    told(store, s2=Role.DWI)
    assert due_at(4) == [STUDY]
    send(3, 1, at=NOON + timedelta(seconds=4))
    assert due_at(10) == [], "another series has begun"
    look(NOON + timedelta(seconds=10))
    assert due_at(10) == [STUDY]
    whole(store, protocol, NOON + timedelta(seconds=10))
    assert jobs(store)[-1].completeness.basis is Basis.REQUIRED_SERIES


def test_what_a_scanner_announced_outweighs_the_protocol(store, settings, flag, send, look):
    flag()
    protocol = settings.model_copy(update={"required_series": (Role.FLAIR,)})
    send(1, 1)
    look()
    told(store, s1=Role.FLAIR)
    with store.session() as session:
        note(session, Said("1.2.9", STUDY, Basis.MPPS, False, {}, "MR1"), NOON)
    with store.reading() as session:
        assert due(session, protocol, SETTLED) == []


def test_a_site_can_do_without_provisional_results(store, settings, flag, send):
    flag()
    send(1, 1)
    without = settings.model_copy(update={"is_provisional": False})
    look_early(store, without, SETTLED, {})
    told(store, s1=Role.FLAIR)
    look_early(store, without, SETTLED, {})
    assert jobs(store) == []
    assert rows(store)[FLAIR].warm_at == SETTLED, "the cache is warmed all the same"


def test_late_images_after_a_whole_study_are_no_early_work(store, settings, flag, send, look):
    flag()
    send(1, 1)
    whole(store, settings, NOON + timedelta(seconds=31))
    later = NOON + timedelta(minutes=5)
    send(2, 1, at=later)
    look(later + timedelta(seconds=10))
    assert rows(store) == {}
    whole(store, settings, later + timedelta(seconds=31))
    assert [one.state for one in jobs(store)] == [ResultState.CONFIRMED, ResultState.CONFIRMED]


@pytest.fixture
def ringing(settings):
    return settings.model_copy(update={"redis_url": socket_url(settings.data)})


@pytest.fixture
def app(ringing):
    """An application on a real Redis server of its own."""
    server = subprocess.Popen(server_command(ringing), stdout=subprocess.DEVNULL)
    app = make_app(ringing)
    try:
        for _ in range(100):
            if is_answering(app):
                break
            time.sleep(0.05)
        yield app
    finally:
        app.close()
        server.terminate()
        server.wait(10)


def first_message(app, queue: str):
    with app.connection_for_read() as connection:
        held = connection.SimpleQueue(queue)
        message = held.get(timeout=5)
        message.ack()
        held.close()
        return message


def waiting(app, queue: str) -> int:
    with app.connection_for_read() as connection:
        return int(connection.default_channel.client.llen(queue))


def test_the_workers_are_asked_once_for_all_that_settled(store, ringing, app, flag, send, look):
    flag()
    send(1, 1, 2)
    send(2, 1)
    send(3, 1, at=NOON + timedelta(seconds=4))
    look()
    assert warm_due(store, app, ringing, SETTLED) == 1
    assert warm_due(store, app, ringing, SETTLED) == 0
    assert (waiting(app, WARM_QUEUE), waiting(app, WORKER_QUEUE)) == (1, 0)
    ready = from_plain(SeriesReady, first_message(app, WARM_QUEUE).payload[0][0])
    assert ready.series == (FLAIR, DWI)
    assert len(ready.instances) == 3


def test_what_a_worker_recognised_is_kept_and_nonsense_is_not(store, ringing, flag, send, look):
    flag()
    send(1, 1)
    look()
    app = make_app(ringing)
    register(app, store, ringing)
    task = app.tasks[SERIES_RECOGNISED]
    task.apply(args=[{"roles": {FLAIR: "NO SUCH ROLE"}}], throw=True)
    assert rows(store)[FLAIR].role == ""
    message = {"study_instance_uid": STUDY, "roles": {FLAIR: "FLAIR", "1.2.3": "T1"}}
    task.apply(args=[message], throw=True)
    assert {uid: one.role for uid, one in rows(store).items()} == {FLAIR: "FLAIR"}


def test_the_whole_study_waits_for_its_provisional_result_and_names_it(store, ringing, app, flag, send, look):
    flag()
    send(1, 1)
    look()
    told(store, s1=Role.FLAIR)
    look()
    assert ring_due(store, app, ringing, SETTLED) == 1
    end = NOON + timedelta(seconds=31)
    whole(store, ringing, end)
    assert ring_due(store, app, ringing, end) == 0, "the provisional result is still being made"
    (provisional, _) = jobs(store)
    report = write_report(ringing.files, "1.2.3.1", ReportKind.SR)
    take(store, result(provisional.job_id, (report,), priority=Priority.P1), ringing, end)
    assert ring_due(store, app, ringing, end) == 1
    first_message(app, WORKER_QUEUE)
    sent = from_plain(StudyReady, first_message(app, WORKER_QUEUE).payload[0][0])
    assert sent == jobs(store)[1]
    assert (sent.state, sent.supersedes) == (ResultState.CONFIRMED, ResultState.PROVISIONAL)
    assert (sent.predecessor, sent.earlier_priority) == (report, Priority.P1)


def test_a_provisional_result_that_was_lost_is_not_asked_for_after_the_whole_one(
    store, ringing, app, flag, send, look
):
    flag()
    send(1, 1)
    look()
    told(store, s1=Role.FLAIR)
    look()
    ring_due(store, app, ringing, SETTLED)
    first_message(app, WORKER_QUEUE)
    end = NOON + timedelta(seconds=31)
    whole(store, ringing, end)
    (_, confirmed) = jobs(store)
    take(store, result(confirmed.job_id, ()), ringing, end + timedelta(seconds=30))
    assert ring_due(store, app, ringing, end + timedelta(minutes=10)) == 0
    assert events(store)[-1] == "provisional_overtaken"
    with store.reading() as session:
        states = session.scalars(select(Job.state).order_by(Job.id)).all()
    assert states == ["declined", "done"]


def test_the_whole_study_does_not_wait_for_a_provisional_result_without_end(
    store, ringing, app, flag, send, look
):
    flag()
    send(1, 1)
    look()
    told(store, s1=Role.FLAIR)
    look()
    ring_due(store, app, ringing, SETTLED)
    end = NOON + timedelta(seconds=31)
    whole(store, ringing, end)
    assert ring_due(store, app, ringing, end + timedelta(seconds=21)) == 1
