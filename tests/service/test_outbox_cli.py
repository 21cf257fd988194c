import json

import pytest
from click.testing import CliRunner

from rules.urgency import Priority
from service.audit import trail
from service.cli import main
from service.courier import take
from service.delivery import Outbox, deliver_due
from service.settings import Destination
from service.store.tables import Delivery, DestinationHealth
from tests.service.sending import NOON, STUDY, archive, owe_job, result, write_report

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def cartriage(store, settings):
    def run(*arguments):
        runner = CliRunner(env={"COLUMNS": "200"})
        return runner.invoke(main, ["outbox", *arguments, "--data", str(settings.data)])

    return run


@pytest.fixture
def owed(store, settings):
    """One urgent report that its destination refuses."""
    with archive(lambda _: 0xA700) as pacs:
        sending = settings.model_copy(update={"destinations": (pacs.destination,)})
        report = write_report(settings.files, "1.2.3.1")
        take(store, result(owe_job(store), (report,), priority=Priority.P1), sending, NOON)
        deliver_due(Outbox(store, settings), pacs.destination, NOON)
    return pacs.destination


def row(store):
    with store.reading() as session:
        return session.query(Delivery).one()


def told(store, event):
    with store.reading() as session:
        return [one.detail for one in trail(session, STUDY) if one.event == event]


def test_the_list_says_what_is_owed_to_whom_and_why_it_is_not_there(cartriage, owed):
    said = cartriage("list").output
    for words in ("P1", "SC", "pacs", "owed", "out of resources"):
        assert words in said
    (plain,) = json.loads(cartriage("list", "--json").output)
    assert (plain["tries"], plain["state"], plain["proven_at"]) == (1, "owed", None)
    for secret in ("SENTINEL", "P1\\n"):
        assert secret not in said


def test_a_retry_is_due_at_once_even_at_a_resting_destination(cartriage, owed, store, settings):
    dead = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=1)
    deliver_due(Outbox(store, settings), dead, row(store).try_at)
    with store.reading() as session:
        assert session.query(DestinationHealth).one().failures == 1
    assert "1 to be sent again" in cartriage("retry", "--destination", "pacs").output
    with archive(port=0) as pacs:
        assert deliver_due(Outbox(store, settings), pacs.destination, row(store).try_at) == 1
    assert row(store).state == "proven"
    assert told(store, "delivery_retried")[0]["user"]


def test_a_drop_needs_a_reason_and_stands_in_the_trail(cartriage, owed, store):
    number = str(row(store).id)
    assert cartriage("drop", number).exit_code == 2
    assert cartriage("drop", number, "--reason", "no").exit_code == 2
    assert row(store).state == "owed"
    assert cartriage("drop", number, "--reason", "the archive was switched off").exit_code == 0
    assert row(store).state == "dropped"
    (detail,) = told(store, "delivery_dropped")
    assert detail["reason"] == "the archive was switched off"
    assert detail["user"]
    assert "Nothing is owed" in cartriage("list").output
    assert "dropped" in cartriage("list", "--all").output
    assert cartriage("drop", number, "--reason", "once more, please").exit_code == 1


def test_what_is_not_there_is_said(cartriage, store):
    assert "no delivery 7" in cartriage("retry", "7").output
    assert cartriage("retry").exit_code == 2
