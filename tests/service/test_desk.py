"""The desk's process: what it tells at start and end, and that it keeps the policy in force, or says that it cannot."""

import threading

from rules.policy import load
from service.desk import run_desk
from service.policies import kept_policy
from service.settings import Settings
from service.store.session import Store
from service.store.tables import AuditEvent


def run(settings: Settings) -> None:
    stop = threading.Event()
    stop.set()
    run_desk(settings, stop)


def events(store: Store) -> list[str]:
    with store.reading() as session:
        return [one.event for one in session.query(AuditEvent).order_by(AuditEvent.sequence)]


def test_start_and_end_are_told_and_the_policy_is_kept(store: Store, settings: Settings):
    run(settings)
    assert events(store) == ["application_started", "application_stopped"]
    assert kept_policy(load().digest, settings.policies) == load()
    run(settings)
    assert [path.stem for path in settings.policies.iterdir()] == [load().digest]


def test_a_policy_that_cannot_be_kept_is_told_and_stops_nothing(store: Store, settings: Settings):
    settings.policies.write_text("a file where the folder should be")
    run(settings)
    assert events(store) == ["policy_not_kept", "application_started", "application_stopped"]
