"""News that no subscriber took stays where a person sees it, until it is told after all or dropped with a reason."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from rules.urgency import Priority
from service import operations
from service.audit import trail
from service.audit_words import told
from service.cli import main
from service.outbox import Outbox
from service.store.workitem_tables import Workitem, WorkitemNews
from service.workitems.events import ALL, watch
from service.workitems.telling import give_up_old, serve_subscriber, tell_due
from tests.service.sending import NOON, STUDY
from tests.service.workitems.worklist import decide, watching

OTHER = f"{STUDY}.2"


@pytest.fixture
def cartriage(settings):
    def run(*arguments):
        runner = CliRunner(env={"COLUMNS": "200"})
        return runner.invoke(main, ["outbox", *arguments, "--data", str(settings.data)])

    return run


@pytest.fixture
def given_up(store, settings):
    """Two events, one urgent, that a worklist which is down was owed for a day."""
    offering = settings.model_copy(update={"worklist": True})
    with store.session() as session:
        watch(session, ALL, "READERS", NOON)
    decide(store, offering, Priority.P4, 1, OTHER)
    decide(store, offering, Priority.P1, 2)
    outbox = Outbox(store, offering)
    with watching() as watcher:
        gone = watcher.subscriber.model_copy(update={"port": 1})
        assert tell_due(outbox, gone, NOON) == 2
        assert give_up_old(outbox, NOON + timedelta(hours=23)) == 0
        assert give_up_old(outbox, NOON + timedelta(hours=25)) == 2
        yield outbox, watcher


def states(store):
    with store.reading() as session:
        return [one.state for one in session.scalars(select(WorkitemNews).order_by(WorkitemNews.id))]


def events(store, study=STUDY):
    with store.reading() as session:
        return [one for one in trail(session, study) if one.event.startswith("workitem_news")]


def test_news_that_was_given_up_is_an_alarm_that_stays_in_the_list(cartriage, given_up, store, settings):
    said = cartriage("list").output.splitlines()
    urgent, routine = (line.split() for line in said if "READERS" in line)
    assert urgent[:6] == ["N2", "P1", "news", "READERS", "given", "up"]
    assert routine[:2] == ["N1", "P4"]
    plain = json.loads(cartriage("list", "--json").output)
    assert [(one["id"], one["state"], one["tries"]) for one in plain] == [
        ("N2", "given_up", 1),
        ("N1", "given_up", 1),
    ]
    (event,) = events(store)
    assert told(event).startswith("ALARM: READERS was not told of P1 for a day: ")
    with store.reading() as session:
        shown = operations.operations(session, settings, NOON + timedelta(hours=26))
    assert {one.event for one in shown.troubles} == {"workitem_news_given_up"}
    assert [(news.id, item.triage_priority) for news, item in shown.untaken] == [(2, "P1"), (1, "P4")]


def test_an_urgent_study_that_a_subscriber_is_not_told_of_in_time_alarms_once(cartriage, store, settings):
    offering = settings.model_copy(update={"worklist": True, "proof_target_s": 300.0})
    outbox = Outbox(store, offering)
    with store.session() as session:
        watch(session, ALL, "READERS", NOON)
    decide(store, offering, Priority.P3, 1, OTHER)
    decide(store, offering, Priority.P2, 2)
    with watching() as watcher:
        gone = watcher.subscriber.model_copy(update={"port": 1})
        assert serve_subscriber(outbox, gone, NOON + timedelta(seconds=299)) == 2
        assert not events(store)
        for minutes in (6, 7):
            serve_subscriber(outbox, gone, NOON + timedelta(minutes=minutes))
        assert [told(one) for one in events(store)] == [
            "ALARM: READERS was not told of P2 in time: no association with the destination"
        ]
        assert not events(store, OTHER)
        (late,) = (line for line in cartriage("list").output.splitlines() if "LATE" in line)
        assert late.split()[:2] == ["N2", "P2"]
        decide(store, offering, Priority.P1, 3, f"{STUDY}.3")
        with store.session() as session:
            session.query(Workitem).update({"state": "IN PROGRESS"})
        serve_subscriber(outbox, gone, NOON + timedelta(hours=1))
        assert not events(store, f"{STUDY}.3"), "somebody reads it"


def test_it_is_told_after_all_when_a_person_says_so_and_has_its_day_again(cartriage, given_up, store):
    outbox, watcher = given_up
    assert "1 to be sent again" in cartriage("retry", "N2").output
    assert states(store) == ["given_up", "owed"]
    assert give_up_old(outbox, NOON + timedelta(hours=26)) == 0
    assert tell_due(outbox, watcher.subscriber, NOON + timedelta(days=1000)) == 1
    assert [item.ScheduledProcedureStepPriority for _, _, item in watcher.told] == ["HIGH"]
    assert "1 to be sent again" in cartriage("retry", "--destination", "READERS").output
    assert states(store) == ["owed", "told"]
    assert events(store)[-1].detail["user"]


def test_a_person_ends_it_with_a_reason_that_stands_in_the_trail(cartriage, given_up, store):
    assert cartriage("drop", "--destination", "READERS").exit_code == 2, "no reason"
    assert cartriage("drop", "N2", "--reason", "that worklist was taken down").exit_code == 0
    assert states(store) == ["given_up", "dropped"]
    assert cartriage("drop", "N2", "--reason", "once more, please").exit_code == 1
    assert cartriage("drop", "--destination", "READERS", "--reason", "taken down for good").exit_code == 0
    assert states(store) == ["dropped", "dropped"]
    assert "Nothing is owed" in cartriage("list").output
    assert "dropped" in cartriage("list", "--all").output
    assert events(store)[-1].detail["reason"] == "that worklist was taken down"
    assert cartriage("drop", "--destination", "READERS", "--reason", "none is left").exit_code == 1


def test_a_number_that_is_none_is_said(cartriage, store):
    assert "no news N7" in cartriage("retry", "N7").output
    assert "no number of the list" in cartriage("retry", "seven").output
    assert cartriage("drop", "N1", "--destination", "READERS", "--reason", "both at once").exit_code == 2
