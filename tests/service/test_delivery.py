import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydicom.uid import MultiFrameTrueColorSecondaryCaptureImageStorage
from structlog.testing import capture_logs

from rules.messages import ReportKind
from rules.urgency import Priority
from service.audit import trail
from service.courier import take
from service.delivery import Outbox, deliver_due, run_delivery, serve
from service.health import back_off
from service.settings import Destination
from service.store.tables import Delivery
from tests.service.sending import NOON, STUDY, archive, grow, owe_job, result, write_report
from tests.service.wrong_peers import cutting_relay


def later():
    """After every wait that a failed try may have set."""
    return datetime.now(UTC) + timedelta(days=1)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def owe(store, settings):
    """Owe one report per call to the given destinations, with its priority."""
    numbers = iter(range(1, 100))

    def owing(*destinations, priority=Priority.P2):
        number = next(numbers)
        job = owe_job(store, f"{number:064x}")
        report = write_report(settings.files, f"1.2.3.{number}")
        sending = settings.model_copy(update={"destinations": destinations})
        take(store, result(job, (report,), priority=priority), sending, NOON)
        return report.sop_instance_uid

    return owing


@pytest.fixture
def outbox(store, settings):
    return Outbox(store, settings.model_copy(update={"delivery_timeout_s": 2.0}))


def rows(store):
    with store.reading() as session:
        return {row.sop_instance_uid: row for row in session.query(Delivery).all()}


def events(store):
    with store.reading() as session:
        return [event.event for event in trail(session, STUDY)]


def test_a_report_is_stored_once_and_told_in_the_trail(owe, outbox, store):
    with archive() as pacs:
        uid = owe(pacs.destination)
        assert deliver_due(outbox, pacs.destination, NOON) == 1
        assert deliver_due(outbox, pacs.destination, later()) == 0
    assert pacs.stored == [uid]
    row = rows(store)[uid]
    assert (row.state, row.tries, row.last_error, row.proof) == ("proven", 1, "", "response")
    assert row.stored_at is not None
    assert events(store).count("report_stored") == 1


def test_urgent_reports_go_first_then_older_ones_on_one_association(owe, outbox):
    with archive() as pacs:
        routine = owe(pacs.destination, priority=Priority.P4)
        older = owe(pacs.destination, priority=Priority.P1)
        newer = owe(pacs.destination, priority=Priority.P1)
        deliver_due(outbox, pacs.destination, NOON)
    assert pacs.stored == [older, newer, routine]
    assert pacs.associations == 1


def test_a_refused_report_is_owed_until_the_destination_takes_it(owe, outbox, store):
    statuses = iter([0xA700, 0xC000, 0x0000])
    with archive(lambda _: next(statuses)) as pacs:
        uid = owe(pacs.destination)
        deliver_due(outbox, pacs.destination, NOON)
        assert deliver_due(outbox, pacs.destination, NOON) == 0, "it waits before the next try"
        refused = rows(store)[uid]
        assert (refused.state, refused.tries, refused.last_error) == ("owed", 1, "out of resources")
        deliver_due(outbox, pacs.destination, later())
        deliver_due(outbox, pacs.destination, later())
    assert pacs.stored == [uid]
    assert rows(store)[uid].state == "proven"
    assert events(store)[-3:] == ["report_not_stored", "report_stored", "report_proven"]


def test_a_pacs_that_hangs_is_asked_again_and_gets_the_object(owe, outbox, store):
    gate = threading.Event()
    with archive(lambda _: 0x0000 if gate.wait(8) else 0xA700) as pacs:
        uid = owe(pacs.destination)
        deliver_due(outbox, pacs.destination, NOON)
        assert rows(store)[uid].last_error == "no answer: timed out or cut off"
        gate.set()
        deliver_due(outbox, pacs.destination, later())
    assert rows(store)[uid].state == "proven"
    assert uid in pacs.stored


def test_a_pacs_that_closes_in_mid_transfer_gets_everything_in_the_end(owe, outbox, store):
    """A relay in front of the archive cuts the first connection after 20 kB."""
    with archive() as pacs, cutting_relay(pacs.destination.port, after=20_000) as port:
        relayed = pacs.destination.model_copy(update={"port": port})
        uids = [owe(relayed) for _ in range(3)]
        for uid in uids:
            grow(outbox.settings.files, store, uid)
        deliver_due(outbox, relayed, NOON)
        assert {rows(store)[uid].state for uid in uids} != {"proven"}
        for _ in range(3):
            deliver_due(outbox, relayed, later())
    assert {rows(store)[uid].state for uid in uids} == {"proven"}
    assert set(pacs.stored) == set(uids)


def test_a_warning_counts_as_stored_and_is_told(owe, outbox, store):
    with archive(lambda _: 0xB000) as pacs:
        uid = owe(pacs.destination)
        deliver_due(outbox, pacs.destination, NOON)
    assert rows(store)[uid].state == "proven"
    assert "report_stored_with_warning" in events(store)


def test_a_refused_report_does_not_hold_up_the_one_behind_it(owe, outbox):
    with archive(lambda uid: 0xA900 if uid == "1.2.3.1" else 0x0000) as pacs:
        owe(pacs.destination)
        behind = owe(pacs.destination)
        deliver_due(outbox, pacs.destination, NOON)
    assert pacs.stored == [behind]


def test_a_dead_destination_delays_no_other(owe, outbox):
    dead = Destination(name="dead", ae_title="DEAD", host="127.0.0.1", port=free_port())
    stop = threading.Event()
    with archive() as pacs:
        settings = outbox.settings.model_copy(update={"destinations": (dead, pacs.destination)})
        uids = {owe(dead, pacs.destination) for _ in range(3)}
        thread = threading.Thread(target=run_delivery, args=(settings, stop))
        thread.start()
        for _ in range(100):
            if set(pacs.stored) == uids:
                break
            stop.wait(0.1)
        stop.set()
        thread.join(10)
    assert set(pacs.stored) == uids
    assert not thread.is_alive()


def test_what_waited_for_a_dead_destination_is_due_as_soon_as_it_answers(owe, outbox, store):
    port = free_port()
    destination = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port)
    waited = owe(destination, priority=Priority.P4)
    assert deliver_due(outbox, destination, NOON) == 1
    assert rows(store)[waited].last_error == "no association with the destination"
    with archive(port=port) as pacs:
        fresh = owe(pacs.destination, priority=Priority.P4)
        assert deliver_due(outbox, destination, NOON) == 0, "it rests"
        assert deliver_due(outbox, destination, later()) == 1, "one object is tried first"
        assert deliver_due(outbox, destination, later()) == 1
    assert pacs.stored == [waited, fresh]


def test_a_resting_destination_is_tried_sooner_for_an_urgent_result(owe, outbox, store):
    dead = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=free_port())
    slow = outbox.settings.model_copy(update={"delivery_backoff_s": 600.0})
    owe(dead, priority=Priority.P4)
    deliver_due(Outbox(store, slow), dead, datetime.now(UTC))
    soon = datetime.now(UTC) + timedelta(seconds=90)
    assert deliver_due(outbox, dead, soon) == 0
    owe(dead, priority=Priority.P1)
    assert deliver_due(outbox, dead, soon) == 1


def test_an_hour_of_silence_costs_few_tries_and_ends_with_everything_delivered(owe, outbox, store):
    port = free_port()
    pacs_down = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port)
    uids = [owe(pacs_down, priority=one) for one in (Priority.P1, Priority.P4, Priority.P4)]
    start = datetime.now(UTC)
    tried = [deliver_due(outbox, pacs_down, start + timedelta(minutes=one)) for one in range(0, 60, 5)]
    assert 5 <= sum(tried) <= 20, "one object each time, not all"
    with archive(port=port):
        for one in range(3):
            deliver_due(outbox, pacs_down, start + timedelta(hours=2, seconds=one))
    assert {rows(store)[uid].state for uid in uids} == {"proven"}


def test_a_stream_of_urgent_reports_does_not_starve_an_old_routine_one(owe, outbox):
    with archive() as pacs:
        old = owe(pacs.destination, priority=Priority.P4)
        for _ in range(30):
            owe(pacs.destination, priority=Priority.P1)
        deliver_due(outbox, pacs.destination, NOON)
    assert old in pacs.stored
    assert len(pacs.stored) < 25


def test_an_urgent_report_that_is_not_proven_in_time_alarms_once(owe, outbox, store):
    with archive(lambda _: 0xA700) as pacs:
        urgent = owe(pacs.destination, priority=Priority.P1)
        routine = owe(pacs.destination, priority=Priority.P3)
        for minutes in (1, 6, 7):
            serve(outbox, pacs.destination, NOON + timedelta(minutes=minutes))
    assert events(store).count("delivery_unproven") == 1
    assert rows(store)[urgent].alarmed_at == NOON + timedelta(minutes=6)
    assert rows(store)[routine].alarmed_at is None


def test_a_changed_or_missing_file_is_not_sent(owe, outbox, store):
    with archive() as pacs:
        changed, missing = owe(pacs.destination), owe(pacs.destination)
        (outbox.settings.files / "reports" / f"{changed}.dcm").write_bytes(b"something else")
        (outbox.settings.files / "reports" / f"{missing}.dcm").unlink()
        assert deliver_due(outbox, pacs.destination, NOON) == 2
    assert pacs.stored == []
    assert {row.last_error for row in rows(store).values()} == {"file missing or changed"}


def test_a_destination_that_takes_no_such_object_is_told(store, settings, outbox):
    with archive() as pacs:
        job = owe_job(store)
        report = replace(
            write_report(settings.files, "1.2.3.9"), sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34"
        )
        sending = settings.model_copy(update={"destinations": (pacs.destination,)})
        take(store, result(job, (report,)), sending, NOON)
        deliver_due(outbox, pacs.destination, NOON)
    row = rows(store)["1.2.3.9"]
    assert row.state == "owed"
    assert row.last_error


def test_a_pacs_without_multi_frame_gets_the_page_alone(store, settings, outbox):
    with archive() as pacs:
        page = write_report(settings.files, "1.2.3.10")
        frames = write_report(settings.files, "1.2.3.11", ReportKind.SCM)
        frames = replace(frames, sop_class_uid=MultiFrameTrueColorSecondaryCaptureImageStorage)
        sending = settings.model_copy(update={"destinations": (pacs.destination,)})
        take(store, result(owe_job(store), (page, frames)), sending, NOON)
        assert list(rows(store)) == ["1.2.3.11"], "one of the two is owed"
        deliver_due(outbox, pacs.destination, NOON)
        deliver_due(outbox, pacs.destination, later())
    assert pacs.stored == ["1.2.3.10"]
    assert [(uid, row.state) for uid, row in rows(store).items()] == [("1.2.3.10", "proven")]
    assert "single_frame_instead" in events(store)


def test_a_person_is_told_when_a_delivery_is_stuck_and_tries_go_on(owe, outbox, store):
    with archive(lambda _: 0xA700) as pacs, capture_logs() as logs:
        uid = owe(pacs.destination)
        for _ in range(12):
            deliver_due(outbox, pacs.destination, later())
    assert rows(store)[uid].tries == 12
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["delivery_stuck"]
    told = events(store)
    assert told.count("delivery_stuck") == 1
    assert told.count("report_not_stored") == 4, "the 1st, 2nd, 4th and 8th failure"


def test_the_log_names_no_patient(owe, outbox):
    with archive(lambda uid: 0xA700 if uid == "1.2.3.1" else 0) as pacs, capture_logs() as logs:
        owe(pacs.destination)
        owe(pacs.destination)
        deliver_due(outbox, pacs.destination, NOON)
    assert logs
    assert "SENTINEL" not in str(logs)
    assert "P1" not in str(logs)


def test_waits_double_up_to_a_limit_that_is_low_for_urgent_results(settings):
    seconds = [back_off(tries, "P4", settings).total_seconds() for tries in (1, 2, 3, 40)]
    for value, expected in zip(seconds, (5, 10, 20, 900), strict=True):
        assert expected * 0.8 <= value <= expected * 1.2
    assert back_off(40, "P1", settings).total_seconds() <= 72
