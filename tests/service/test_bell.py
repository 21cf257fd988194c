import subprocess
import time
from datetime import timedelta

import pytest

from rules.codec import from_plain
from rules.messages import TRIAGE_STUDY, WORKER_QUEUE, StudyReady
from service.audit import trail
from service.bell import ring_due
from service.broker import (
    BrokerDownError,
    is_answering,
    server_command,
    socket_url,
    waiting_jobs,
    waiting_messages,
)
from service.courier import make_app, take
from service.store.tables import Job
from tests.service.sending import NOON, STUDY, owe_job, result


@pytest.fixture
def ringing(settings):
    return settings.model_copy(
        update={
            "redis_url": socket_url(settings.data),
            "ring_again_s": 60.0,
            "maximum_rings": 2,
            "maximum_unanalysed_rings": 1,
        }
    )


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


def the_job(store, job_id="a" * 64):
    with store.reading() as session:
        return session.query(Job).where(Job.job_id == job_id).one()


def events(store):
    with store.reading() as session:
        return [event.event for event in trail(session, STUDY)]


def receive(app, *, then="ack"):
    """Take one message as a worker would: acknowledge it, hold it as a hung worker does, or lose it as a killed child."""
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue(WORKER_QUEUE)
        message = queue.get(timeout=5)
        if then == "ack":
            message.ack()
        elif then == "lose":
            message.requeue()
        else:
            connection.default_channel.qos._delivered.clear()
        queue.close()
        return message


def test_an_owed_job_is_sent_by_name_with_its_snapshot(store, ringing, app):
    owe_job(store)
    assert ring_due(store, app, ringing, NOON) == 1
    assert (the_job(store).rings, the_job(store).ring_at) == (1, NOON + timedelta(seconds=60))
    message = receive(app)
    assert message.headers["task"] == TRIAGE_STUDY
    ready = from_plain(StudyReady, message.payload[0][0])
    assert ready.is_analysis_allowed
    assert ready.study_instance_uid == STUDY
    assert events(store) == ["study_handed_over"]


def test_nothing_is_sent_before_its_time_or_after_its_result(store, ringing, app):
    job = owe_job(store)
    assert ring_due(store, app, ringing, NOON - timedelta(seconds=1)) == 0
    take(store, result(job, ()), ringing, NOON)
    assert ring_due(store, app, ringing, NOON + timedelta(days=1)) == 0


def test_a_job_that_waits_behind_others_is_never_rung_again(store, ringing, app):
    """A long queue must not turn into `not assessed`."""
    owe_job(store)
    now = NOON
    for _ in range(20):
        ring_due(store, app, ringing, now)
        now += timedelta(hours=1)
    assert the_job(store).rings == 1
    assert the_job(store).state == "owed"
    assert waiting_jobs(app, WORKER_QUEUE) == {"a" * 64}
    assert waiting_messages(app, WORKER_QUEUE) == 1


@pytest.mark.parametrize("fate", ["ack", "hold"])
def test_a_lost_or_held_message_is_rung_again_with_doubled_waits(store, ringing, app, fate):
    owe_job(store)
    ring_due(store, app, ringing, NOON)
    receive(app, then=fate)
    assert ring_due(store, app, ringing, NOON + timedelta(seconds=59)) == 0
    assert ring_due(store, app, ringing, NOON + timedelta(seconds=60)) == 1
    job = the_job(store)
    assert (job.rings, job.ring_at) == (2, NOON + timedelta(seconds=180))
    assert events(store) == ["study_handed_over", "study_rung_again"]


def test_a_message_that_came_back_from_a_killed_worker_counts(store, ringing, app):
    owe_job(store)
    ring_due(store, app, ringing, NOON)
    receive(app, then="lose")
    assert waiting_jobs(app, WORKER_QUEUE) == set()
    assert ring_due(store, app, ringing, NOON + timedelta(seconds=60)) == 1


def test_a_job_that_is_never_answered_is_sent_without_analysis_then_failed(store, ringing, app):
    owe_job(store)
    now, allowed = NOON, []
    for _ in range(3):
        assert ring_due(store, app, ringing, now) == 1
        allowed.append(receive(app).payload[0][0]["is_analysis_allowed"])
        now = the_job(store).ring_at
    assert allowed == [True, True, False]
    assert ring_due(store, app, ringing, now) == 0
    assert (the_job(store).state, the_job(store).ring_at) == ("failed", None)
    assert events(store)[-1] == "job_failed"


def test_a_ring_that_could_not_be_sent_does_not_count(store, ringing):
    owe_job(store)
    began = time.monotonic()
    with pytest.raises(BrokerDownError):
        ring_due(store, make_app(ringing), ringing, NOON)
    assert time.monotonic() - began < 10
    assert (the_job(store).rings, the_job(store).ring_at) == (0, NOON)


def test_new_jobs_go_before_those_that_kill_their_workers(store, ringing, app):
    owe_job(store, "b" * 64)
    with store.session() as session:
        session.query(Job).update({"rings": 1})
    owe_job(store, "c" * 64)
    assert ring_due(store, app, ringing, NOON) == 2
    first = receive(app).headers["id"]
    assert first.startswith("c")
