from dataclasses import replace

import pytest
from click.testing import CliRunner

from rules.decision import Pattern, Status
from rules.messages import ReportKind, ResultState
from rules.own import series_uid_of
from rules.routing import Event, Occasion
from rules.urgency import Priority
from service.assembly import settle_study
from service.audit import trail
from service.cli import main
from service.courier import take
from service.destinations import FolderDestination
from service.routing import RoutingError, check_routing, occasion_of_result
from service.settings import Destination
from service.store.tables import Delivery, Instance
from tests.service.conftest import NOON, STUDY, mr_slice, received
from tests.service.sending import owe_job, result, write_report

PACS = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=104)
ROUTES = """routing: ours
version: "7"
routes:
  - {name: everybody, events: [provisional, confirmed, corrected, not_assessed], send: [SR, SC], to: [pacs]}
  - {name: copy, events: [received], when: {sender: [SCANNER]}, send: [originals], to: [copy]}
  - {name: urgent, events: [confirmed], when: {priority: [P1]}, send: [originals, SC], to: [copy]}
"""


@pytest.fixture
def routed(settings, tmp_path):
    path = tmp_path / "routing.yaml"
    path.write_text(ROUTES)
    copy = FolderDestination(name="copy", kind="folder", folder=tmp_path)
    return settings.model_copy(update={"routing": path, "destinations": (PACS, copy)})


def owed(store):
    with store.reading() as session:
        return {
            (one.destination, one.cargo, one.sop_instance_uid, one.priority)
            for one in session.query(Delivery)
        }


def test_originals_are_owed_when_their_study_settles_and_more_urgently_when_it_is_urgent(
    store, intake, routed
):
    for number in (1, 2):
        intake.take(received(mr_slice(number)), NOON)
    with store.session() as session:
        settle_study(session, STUDY, routed, NOON.replace(hour=13))
    copies = {("copy", "originals", f"{STUDY}.1.{number}", "P4") for number in (1, 2)}
    assert owed(store) == copies
    report = write_report(routed.files, "1.2.3.1")
    take(store, result(owe_job(store), (report,), priority=Priority.P1), routed, NOON)
    raised = {(*one[:3], "P1") for one in copies}
    assert owed(store) == {*raised, ("copy", "SC", "1.2.3.1", "P1"), ("pacs", "SC", "1.2.3.1", "P1")}


@pytest.mark.parametrize(
    ("state", "is_assessed", "event"),
    [
        (ResultState.PROVISIONAL, False, Event.PROVISIONAL),
        (ResultState.CONFIRMED, True, Event.CONFIRMED),
        (ResultState.CORRECTED, True, Event.CORRECTED),
        (ResultState.CORRECTED, False, Event.NOT_ASSESSED),
    ],
)
def test_routes_are_asked_with_all_that_is_known_of_a_result(store, intake, state, is_assessed, event):
    intake.take(received(mr_slice(1, IssuerOfPatientID="HOSPITAL-A")), NOON)
    intake.take(received(mr_slice(2), calling_ae_title="MR2"), NOON)
    found = result(owe_job(store), (), priority=Priority.P2)
    present, doubtful = (
        Pattern(rule, rule, status, Priority.P2, "", ())
        for rule, status in (("R03", Status.PRESENT), ("R05", Status.OPEN))
    )
    decision = replace(found.decision, is_assessed=is_assessed, patterns=(present, doubtful))
    with store.reading() as session:
        asked = occasion_of_result(session, replace(found, decision=decision, state=state), NOON)
    assert asked == Occasion(
        event, NOON, Priority.P2, frozenset({"R03"}), frozenset({"SCANNER", "MR2"}), "HOSPITAL-A"
    )


def test_our_own_object_from_elsewhere_is_kept_out_of_every_snapshot(store, intake, routed):
    intake.take(received(mr_slice(1)), NOON)
    uid = series_uid_of(STUDY, ReportKind.SC)
    intake.take(received(mr_slice(7, SeriesInstanceUID=uid)), NOON)
    intake.take(received(mr_slice(8, Manufacturer="Cartriage")), NOON)
    with store.session() as session:
        settle_study(session, STUDY, routed, NOON.replace(hour=13))
    with store.reading() as session:
        own = session.query(Instance).filter(Instance.is_own).all()
        told = [one.event for one in trail(session, STUDY)]
        settled = next(one for one in trail(session, STUDY) if one.event == "study_settled")
    assert {one.sop_instance_uid for one in own} == {f"{STUDY}.1.7", f"{STUDY}.1.8"}
    assert told.count("own_report_received") == 2
    assert settled.detail["instances"] == 1
    assert {one[2] for one in owed(store)} == {f"{STUDY}.1.1"}, "nor is it passed on as an original"


def test_a_route_to_nowhere_stops_the_start(routed):
    with pytest.raises(RoutingError, match="copy"):
        check_routing(routed.model_copy(update={"destinations": (PACS,)}))


def test_the_command_explains_each_route_and_what_follows(store, routed, monkeypatch):
    take(store, result(owe_job(store), (), priority=Priority.P3), routed, NOON)
    monkeypatch.setenv("CARTRIAGE_ROUTING", str(routed.routing))
    monkeypatch.setenv(
        "CARTRIAGE_DESTINATIONS", f"[{PACS.model_dump_json()}, {routed.destinations[1].model_dump_json()}]"
    )
    arguments = ["route", "explain", STUDY, "--data", str(routed.data)]
    said = CliRunner(env={"COLUMNS": "200"}).invoke(main, arguments).output
    assert [line.split()[:2] for line in said.splitlines() if "everybody" in line] == [["everybody", "yes"]]
    assert "priority is P3, asked for: P1" in said
    assert "SC, SR" in said
    raised = CliRunner(env={"COLUMNS": "200"}).invoke(main, [*arguments, "--priority", "P1"]).output
    assert "originals" in raised
