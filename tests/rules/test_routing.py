from datetime import UTC, datetime

import pytest

from rules.messages import ReportKind, ResultState
from rules.own import is_own, series_uid_of
from rules.policy_reading import PolicyError
from rules.routing import Cargo, Event, Occasion, event_of, explain, shipments
from rules.routing_file import load_routing
from rules.urgency import Priority

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SAFE = """
  - name: all
    events: [confirmed, corrected, not_assessed]
    send: [SC]
    to: ["*"]
"""


def routing(tmp_path, routes, head="time_zone: Europe/Berlin\n"):
    path = tmp_path / "routing.yaml"
    path.write_text(f'routing: ours\nversion: "1"\n{head}routes:{SAFE}{routes}')
    return load_routing(path)


def result(**changes):
    facts = {"event": Event.CONFIRMED, "at": NOON, "priority": Priority.P2, "patterns": frozenset({"R03"})}
    return Occasion(**(facts | {"senders": frozenset({"MR1"}), "site": "HOSPITAL-A"} | changes))


def test_the_packaged_routing_sends_every_result_everywhere():
    for state in ResultState:
        for is_assessed in (True, False):
            for priority in Priority:
                occasion = result(event=event_of(state, is_assessed=is_assessed), priority=priority)
                found = shipments(load_routing(), occasion, ["pacs", "ris"])
                assert found.keys() == {"pacs", "ris"}
                assert {Cargo.SR, Cargo.SC, Cargo.NOTICE} <= found["pacs"]
    assert shipments(load_routing(), result(event=Event.RECEIVED), ["pacs"]) == {}


@pytest.mark.parametrize(
    ("when", "changes", "because"),
    [
        ("priority: [P1, P2]", {"priority": Priority.P3}, "priority is P3, asked for: P1, P2"),
        ("pattern: [R03]", {"patterns": frozenset()}, "pattern is none, asked for: R03"),
        ("sender: [MR1]", {"senders": frozenset({"MR2"})}, "sender is MR2, asked for: MR1"),
        ("site: [HOSPITAL-A]", {"site": ""}, "site is none, asked for: HOSPITAL-A"),
        ("hours: 13:00-15:00", {"at": NOON.replace(hour=14)}, "it is 16:00, asked for: 13:00-15:00 Europe/Berlin"),
    ],
)  # fmt: skip
def test_a_route_holds_only_if_each_of_its_conditions_does(tmp_path, when, changes, because):
    table = routing(tmp_path, f"""
  - name: extra
    events: [confirmed]
    when: {{{when}}}
    send: [SEG]
    to: [research]
""")  # fmt: skip
    assert shipments(table, result(), ["pacs"]) == {
        "pacs": frozenset({Cargo.SC}),
        "research": frozenset({Cargo.SEG}),
    }
    assert "research" not in shipments(table, result(**changes), ["pacs"])
    assert explain(table, result(**changes))[1].because == because


def test_hours_pass_midnight(tmp_path):
    table = routing(tmp_path, """
  - {name: night, events: [confirmed], when: {hours: "18:00-07:00"}, send: [SR], to: [oncall]}
""")  # fmt: skip
    found = {
        hour for hour in range(24) if "oncall" in shipments(table, result(at=NOON.replace(hour=hour)), [])
    }
    assert found == {*range(16, 24), *range(5)}, "18:00 to 07:00 in Berlin, in UTC in summer"


@pytest.mark.parametrize(
    ("routes", "line", "complaint"),
    [
        ("  - {name: a, events: [sent], send: [SR], to: [x]}", 9, "none of received"),
        ("  - {name: a, events: [confirmed], send: [SR], to: [x], how: tls}", 9, "unknown key `how`"),
        ("  - {name: all, events: [confirmed], send: [SR], to: [x]}", 5, "two routes are called `all`"),
        ("  - {name: a, events: [received], send: [SR], to: [x]}", 9, "sends originals only"),
        ("  - {name: a, events: [received], when: {priority: [P1]}, send: [originals], to: [x]}", 9, "no priority"),
        ("  - {name: a, events: [confirmed], when: {hours: 8-17}, send: [SR], to: [x]}", 9, "hours such as"),
        ("  - {name: a, events: [confirmed], when: {pattern: [PRES]}, send: [SR], to: [x]}", 9, "no rule number"),
        ("  - {name: a, events: [confirmed], send: [SR], to: ['a b']}", 9, "no name of a destination"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path, routes, line, complaint):
    with pytest.raises(PolicyError) as caught:
        routing(tmp_path, routes)
    assert str(caught.value).startswith(f"routing.yaml:{line}:")
    assert complaint in str(caught.value)


def test_hours_need_a_time_zone_that_there_is(tmp_path):
    night = '  - {name: a, events: [confirmed], when: {hours: "18:00-07:00"}, send: [SR], to: [x]}'
    for head, complaint in (("", "time_zone"), ("time_zone: Mars/Olympus\n", "no time zone")):
        with pytest.raises(PolicyError, match=complaint):
            routing(tmp_path, night, head)


@pytest.mark.parametrize("event", ["confirmed", "corrected", "not_assessed"])
def test_a_routing_that_could_leave_a_result_unseen_is_refused(tmp_path, event):
    others = ", ".join({"confirmed", "corrected", "not_assessed"} - {event})
    path = tmp_path / "routing.yaml"
    path.write_text(f"""routing: ours
version: "1"
routes:
  - {{name: a, events: [{others}], send: [SC], to: ["*"]}}
  - {{name: b, events: [{event}], when: {{priority: [P1, P2, P3]}}, send: [SC], to: ["*"]}}
  - {{name: c, events: [{event}], send: [SEG], to: ["*"]}}
""")
    with pytest.raises(PolicyError, match=f"`{event}` could reach nobody"):
        load_routing(path)


def test_our_own_objects_are_known_by_their_series_and_by_their_maker():
    for kind in ReportKind:
        assert is_own("1.2.3", series_uid_of("1.2.3", kind))
    assert is_own("1.2.9", "1.2.9.1", "CARTRIAGE ")
    assert not is_own("1.2.3", series_uid_of("1.2.4", ReportKind.SR), "SIEMENS")
