"""What is done ahead over a real broker: workers are asked to begin, and a whole study waits for its provisional result."""

from datetime import timedelta

from sqlalchemy import select

from rules.anatomy import Role
from rules.codec import from_plain
from rules.messages import (
    SERIES_RECOGNISED,
    WARM_QUEUE,
    WORKER_QUEUE,
    ReportKind,
    ResultState,
    SeriesReady,
    StudyReady,
)
from rules.urgency import Priority
from service.bell import ring_due
from service.courier import make_app, register, take
from service.store.tables import Job
from service.warming import warm_due
from tests.service.conftest import NOON, STUDY
from tests.service.early.study import DWI, FLAIR, SETTLED, events, jobs, rows, told, whole
from tests.service.sending import result, write_report


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
