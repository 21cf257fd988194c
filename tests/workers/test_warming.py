"""Work ahead of a study that still arrives: the same stages under the same digests as the study's own, and nobody waits for it."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kombu import Consumer

from rules.anatomy import Role
from rules.codec import to_plain
from rules.messages import (
    COURIER_QUEUE,
    SERIES_RECOGNISED,
    WARM_QUEUE,
    WARM_SERIES,
    WORKER_QUEUE,
    SeriesReady,
)
from rules.policy import load
from service.broker import is_answering, server_command, socket_url
from service.settings import Settings
from tests.walk.house import wait_for
from tests.workers.imaging.phantoms import Phantom, store
from tests.workers.test_analysis import check
from tests.workers.test_images import SEQUENCES
from workers import tasks
from workers.app import make_app
from workers.checks.result import CheckResult
from workers.errors import GaveWay, PolicyMismatchError
from workers.settings import WorkerSettings
from workers.warming import at_hand, warm

UNTIL = datetime.now(UTC) + timedelta(minutes=5)


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    return WorkerSettings(data=tmp_path / "data")


@pytest.fixture
def ready(settings: WorkerSettings) -> Callable[..., SeriesReady]:
    """Some series of a study, of phantoms far too small to hold a brain."""

    def ready(*roles: Role) -> SeriesReady:
        datasets = [
            one
            for number, role in enumerate(roles)
            for one in Phantom(uid=f"1.2.3.{number}", attributes=SEQUENCES[role]).slices()
        ]
        settings.files.mkdir(parents=True)
        instances = store(datasets, settings.files)
        series = tuple(sorted({one.series_instance_uid for one in instances}))
        return SeriesReady("1.2.3", series, tuple(instances), load().digest, UNTIL)

    return ready


def stages(settings: WorkerSettings) -> set[str]:
    """What lies in the cache."""
    return {path.relative_to(settings.cache).parts[0] for path in settings.cache.rglob("*.pickle")}


def never() -> None:
    return None


def test_what_each_series_is_is_told_before_anything_is_computed(settings, ready):
    said = []

    def give_way() -> None:
        raise GaveWay

    with pytest.raises(GaveWay):
        warm(ready(Role.FLAIR, Role.T2), settings, load(), said.append, give_way)
    assert sorted(said[0].roles.values()) == [Role.FLAIR, Role.T2]
    assert stages(settings) == set()


def test_a_flair_is_measured_ahead_once(settings, ready):
    asked = ready(Role.FLAIR)
    warm(asked, settings, load(), lambda _: None, never)
    lacks = {"align T2", "align ADC"}
    assert stages(settings) == {"anatomy", "align FLAIR", "flair_hyperintensity", "change"} | lacks
    assert warm(asked, settings, load(), lambda _: None, never).cache.hits == stages(settings)


def test_without_a_flair_nothing_is_computed_that_it_would_overturn(settings, ready):
    warm(ready(Role.T1, Role.T2), settings, load(), lambda _: None, never)
    assert stages(settings) == set()


def test_a_check_waits_for_all_its_series_and_for_the_checks_it_reads():
    def measure(_):
        return CheckResult(())

    flair, both = check("a", measure), check("b", measure, roles=(Role.FLAIR, Role.T2), after=("a",))
    last = check("c", measure, after=("b",))
    assert at_hand((flair, both, last), {Role.FLAIR}) == [flair]
    assert at_hand((flair, both, last), {Role.FLAIR, Role.T2}) == [flair, both, last]
    patient = replace(both, optional=(Role.T2,))
    assert at_hand((flair, patient), {Role.FLAIR}) == [flair, patient]


def test_another_policy_than_the_service_decides_by_warms_nothing(settings, ready):
    with pytest.raises(PolicyMismatchError):
        warm(replace(ready(Role.FLAIR), policy_digest="0" * 64), settings, load(), lambda _: None, never)


@pytest.fixture
def app(settings):
    app = make_app(settings)
    tasks.register(app, settings)
    return app


@pytest.fixture
def sent(app, monkeypatch) -> list[tuple[str, str]]:
    """Task name and queue of what the worker sends."""
    found: list[tuple[str, str]] = []
    monkeypatch.setattr(app, "send_task", lambda name, queue, **_: found.append((name, queue)))
    return found


def test_what_fails_ahead_of_a_study_is_logged_only(app, sent, ready):
    lost = replace(ready(Role.FLAIR), policy_digest="0" * 64)
    for message in (to_plain(lost), {"nonsense": 1}):
        app.tasks[WARM_SERIES].apply(args=[message], throw=True)
    assert sent == []


def test_a_worker_that_is_wanted_elsewhere_puts_the_rest_off(app, sent, ready, monkeypatch):
    def give_way(_):
        raise GaveWay

    monkeypatch.setattr(tasks, "_give_way", give_way)
    app.tasks[WARM_SERIES].apply(args=[to_plain(ready(Role.FLAIR))], throw=True)
    assert sent == [(SERIES_RECOGNISED, COURIER_QUEUE), (WARM_SERIES, WARM_QUEUE)]


def test_what_killed_a_worker_is_not_tried_again(app, sent, ready):
    task = app.tasks[WARM_SERIES]
    assert (task.acks_late, task.reject_on_worker_lost) == (True, False)
    task.push_request(delivery_info={"redelivered": True})
    task.run(to_plain(ready(Role.T1)))
    task.pop_request()
    assert sent == []


def test_a_study_is_taken_before_work_ahead_and_ends_it(tmp_path):
    settings = WorkerSettings(data=tmp_path, redis_url=socket_url(tmp_path))
    server = subprocess.Popen(server_command(Settings(data=tmp_path)), stdout=subprocess.DEVNULL)
    app = make_app(settings)
    try:
        wait_for(lambda: is_answering(app), 10, "the broker")
        tasks._give_way(app)
        for queue in (WARM_QUEUE, WORKER_QUEUE, WARM_QUEUE, WORKER_QUEUE):
            app.send_task("any", args=[queue], queue=queue)
        with pytest.raises(GaveWay):
            tasks._give_way(app)
        assert taken(app) == [WORKER_QUEUE, WORKER_QUEUE, WARM_QUEUE, WARM_QUEUE]
        tasks._give_way(app)
    finally:
        app.close()
        server.terminate()
        server.wait(10)


def taken(app) -> list[str]:
    """The queues of the messages in the order in which a worker with one place gets them."""
    order: list[str] = []

    def note(body, message) -> None:
        order.append(body[0][0])
        message.ack()

    with app.connection_for_read() as connection, connection.channel() as channel:
        channel.basic_qos(0, 1, False)
        with Consumer(channel, app.conf.task_queues, callbacks=[note], accept=["json"]):
            while len(order) < 4:
                connection.drain_events(timeout=5)
    return order
