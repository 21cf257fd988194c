from dataclasses import replace
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from rules.codec import to_plain
from rules.messages import STUDY_TRIAGED, ReportKind
from rules.urgency import Priority
from service.audit import trail
from service.courier import Taken, make_app, register, take
from service.settings import Destination
from service.store.tables import AuditEvent, Delivery, Job, Report
from tests.service.sending import NOON, STUDY, count, owe_job, result, write_report

PACS = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=104)
ARCHIVE = Destination(name="archive", ae_title="ARCHIVE", host="127.0.0.1", port=105)


@pytest.fixture
def sending(settings):
    return settings.model_copy(update={"destinations": (PACS, ARCHIVE)})


@pytest.fixture
def reports(settings):
    return (
        write_report(settings.files, "1.2.3.1", ReportKind.SR),
        write_report(settings.files, "1.2.3.2", ReportKind.SC),
    )


def the_job(store):
    with store.reading() as session:
        return session.query(Job).one()


def events(store):
    with store.reading() as session:
        return [event.event for event in trail(session, STUDY)]


def test_a_result_becomes_rows_outbox_and_trail(store, sending, reports):
    triaged = result(owe_job(store), reports)
    assert take(store, triaged, sending, NOON) is Taken.STORED
    job = the_job(store)
    assert (job.state, job.priority, job.ring_at) == ("done", "P2", None)
    assert job.triaged == to_plain(triaged)
    with store.reading() as session:
        assert count(session, Report) == 2
        owed = {(row.sop_instance_uid, row.destination, row.state) for row in session.query(Delivery).all()}
    assert owed == {(uid, name, "owed") for uid in ("1.2.3.1", "1.2.3.2") for name in ("pacs", "archive")}
    assert events(store) == ["study_triaged"]


def test_the_same_result_twice_changes_nothing(store, sending, reports):
    triaged = result(owe_job(store), reports)
    take(store, triaged, sending, NOON)
    with store.session() as session:
        session.query(Delivery).update({"state": "stored"})
    assert take(store, triaged, sending, NOON) is Taken.REPEATED
    with store.reading() as session:
        assert {row.state for row in session.query(Delivery).all()} == {"stored"}
        assert count(session, AuditEvent) == 1


def test_another_result_for_a_finished_job_is_told_and_dropped(store, sending, reports):
    job = owe_job(store)
    take(store, result(job, reports), sending, NOON)
    assert take(store, result(job, reports, priority=Priority.P4), sending, NOON) is Taken.REPEATED
    assert the_job(store).priority == "P2"
    assert events(store) == ["study_triaged", "result_repeated"]


def test_a_late_analysis_replaces_a_not_assessed_result(store, sending, settings, reports):
    job = owe_job(store)
    take(store, result(job, reports[:1], priority=Priority.P3, failure="Killed"), sending, NOON)
    with store.session() as session:
        session.query(Delivery).update({"state": "stored"})
    analysed = result(job, (replace(reports[0], sha256="f" * 64), reports[1]), priority=Priority.P1)
    assert take(store, analysed, sending, NOON) is Taken.IMPROVED
    assert the_job(store).priority == "P1"
    with store.reading() as session:
        assert {row.state for row in session.query(Delivery).all()} == {"owed"}, "new bytes are owed again"


def test_a_not_assessed_result_never_replaces_an_analysis(store, sending, reports):
    job = owe_job(store)
    take(store, result(job, reports, priority=Priority.P1), sending, NOON)
    assert take(store, result(job, reports, failure="Killed"), sending, NOON) is Taken.REPEATED
    assert the_job(store).priority == "P1"


def test_a_result_for_an_unknown_job_is_told_and_dropped(store, sending, reports):
    assert take(store, result("b" * 64, reports), sending, NOON) is Taken.UNKNOWN
    with store.reading() as session:
        assert count(session, Report) == 0
    assert events(store) == ["result_unknown"]


def test_a_result_that_names_another_study_is_dropped(store, sending, reports):
    triaged = result(owe_job(store), reports, study="1.2.3.99")
    assert take(store, triaged, sending, NOON) is Taken.UNKNOWN
    assert the_job(store).state == "owed"


def test_a_failed_job_takes_its_result_after_all(store, sending, reports):
    triaged = result(owe_job(store), reports)
    with store.session() as session:
        session.query(Job).update({"state": "failed"})
    assert take(store, triaged, sending, NOON) is Taken.STORED


@pytest.mark.parametrize("message", [{}, {"job_id": 7}, {"patient_name": "PHI^SENTINEL"}, [], "text"])
def test_an_unreadable_message_is_told_once_and_its_job_stays_owed(store, sending, message):
    owe_job(store)
    app = make_app(sending)
    register(app, store, sending)
    with capture_logs() as logs:
        app.tasks[STUDY_TRIAGED].apply(args=[message], throw=True)
    assert the_job(store).state == "owed"
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["result_unreadable"]
    assert "SENTINEL" not in str(logs)
    with store.reading() as session:
        assert [event.event for event in session.query(AuditEvent).all()] == ["result_unreadable"]


def test_the_courier_registers_the_name_that_the_workers_send_to(store, sending, reports):
    app = make_app(sending)
    register(app, store, sending)
    triaged = result(owe_job(store), reports)
    app.tasks[STUDY_TRIAGED].apply(args=[to_plain(triaged)], throw=True)
    assert the_job(store).state == "done"
    assert the_job(store).done_at <= datetime.now(UTC)


def test_messages_are_json_without_results_and_acknowledged_late(settings):
    conf = make_app(settings).conf
    assert list(conf.accept_content) == ["json"]
    assert (conf.task_serializer, conf.task_acks_late, conf.worker_prefetch_multiplier) == ("json", True, 1)
    assert conf.result_backend is None
