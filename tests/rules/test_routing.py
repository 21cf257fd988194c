from dataclasses import replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from rules.messages import ReportKind, ResultState
from rules.own import is_own, series_uid_of
from rules.policy_reading import PolicyError
from rules.routing import Cargo, Event, Hours, Occasion, Route, Routing, event_of, explain, shipments
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


def test_a_route_holds_all_that_its_file_says(tmp_path):
    table = routing(tmp_path, """
  - name: night
    events: [confirmed, corrected]
    when: {priority: [P1, P2], pattern: [R03, R11], sender: [MR1, MR2], site: [A, B], hours: "18:05-07:30"}
    send: [SR, SEG]
    to: [pacs, "*"]
""")  # fmt: skip
    assert (table.name, table.version) == ("ours", "1")
    assert table.routes[1] == Route(
        name="night",
        events=(Event.CONFIRMED, Event.CORRECTED),
        cargo=(Cargo.SR, Cargo.SEG),
        destinations=("pacs", "*"),
        priorities=(Priority.P1, Priority.P2),
        patterns=("R03", "R11"),
        senders=("MR1", "MR2"),
        sites=("A", "B"),
        hours=Hours(time(18, 5), time(7, 30), ZoneInfo("Europe/Berlin")),
    )
    assert table.routes[0].is_unconditional
    assert table.named_destinations() == {"pacs"}


@pytest.mark.parametrize("condition", ["priorities", "patterns", "senders", "sites"])
def test_any_condition_makes_a_route_conditional(condition):
    plain = Route("a", (Event.CONFIRMED,), (Cargo.SR,), ("x",))
    assert plain.is_unconditional
    assert not replace(plain, **{condition: ("P1",)}).is_unconditional
    assert not replace(plain, hours=Hours(time(1), time(2), ZoneInfo("UTC"))).is_unconditional


def test_hours_begin_with_their_start_and_end_before_their_end():
    day, night = (Hours(time(a), time(b), ZoneInfo("UTC")) for a, b in ((7, 18), (18, 7)))
    for clock, is_day in ((time(6, 59), False), (time(7), True), (time(17, 59), True), (time(18), False)):
        at = datetime.combine(NOON, clock, UTC)
        assert day.holds(at) is is_day
        assert night.holds(at) is not is_day
    assert night.words == "18:00-07:00 UTC"


def test_every_route_is_told_with_the_first_thing_against_it():
    def told(route, **changes):
        (answer,) = explain(Routing("r", "1", (route,)), result(**changes))
        assert answer.route is route
        return answer.is_taken, answer.because

    plain = Route("a", (Event.CONFIRMED,), (Cargo.SR,), ("x",))
    assert told(plain) == (True, "for confirmed, all its conditions hold")
    assert told(plain, event=Event.CORRECTED) == (False, "not for corrected")
    both = replace(plain, patterns=("R05", "R07"), senders=("MR9",))
    asked = "asked for: R05, R07"
    assert told(both, patterns=frozenset({"R04", "R03"})) == (False, f"pattern is R03, R04, {asked}")
    assert told(both, patterns=frozenset({"R07", "R01"})) == (False, "sender is MR1, asked for: MR9")
    urgent = replace(plain, priorities=(Priority.P1,))
    assert told(urgent, priority=None) == (False, "priority is none, asked for: P1")
    assert told(replace(plain, sites=("A",)), site="") == (False, "site is none, asked for: A")


def test_routes_add_to_each_other():
    routes = (
        Route("a", (Event.CONFIRMED,), (Cargo.SR, Cargo.SC), ("pacs", "ris")),
        Route("b", (Event.CORRECTED,), (Cargo.KOS,), ("pacs",)),
        Route("c", (Event.CONFIRMED,), (Cargo.SEG,), ("pacs",)),
    )
    found = shipments(Routing("r", "1", routes), result(), ["other"])
    assert found == {"pacs": {Cargo.SR, Cargo.SC, Cargo.SEG}, "ris": {Cargo.SR, Cargo.SC}}


def test_a_whole_study_without_conclusion_is_an_event_of_its_own():
    for state in ResultState:
        assert event_of(state, is_assessed=True) == state.value
        is_early = state is ResultState.PROVISIONAL
        assert event_of(state, is_assessed=False) is (Event.PROVISIONAL if is_early else Event.NOT_ASSESSED)


RECEIVED = "  - {{name: a, events: {}, {}send: {}, to: [x]}}"


@pytest.mark.parametrize(
    ("routes", "complaint"),
    [
        (RECEIVED.format("[received]", "", "[SR]"), "9: `received` sends originals only, in a route of its own: there is no result yet"),
        (RECEIVED.format("[received]", "", "[originals, SR]"), "9: `received` sends originals only, in a route of its own: there is no result yet"),
        (RECEIVED.format("[received, confirmed]", "", "[originals]"), "9: `received` sends originals only, in a route of its own: there is no result yet"),
        (RECEIVED.format("[received]", "when: {pattern: [R03]}, ", "[originals]"), "9: `received` has no priority and no pattern yet"),
        (RECEIVED.format("[received]", "when: {priority: [P1]}, ", "[originals]"), "9: `received` has no priority and no pattern yet"),
        (RECEIVED.format("[confirmed]", 'when: {hours: "8-17"}, ', "[SR]"), "9: expected hours such as 18:00-07:00"),
        (RECEIVED.format("[confirmed]", 'when: {hours: "24:00-07:00"}, ', "[SR]"), "9: expected hours such as 18:00-07:00"),
        (RECEIVED.format("[confirmed]", 'when: {hours: "08:00-08:00"}, ', "[SR]"), "9: these hours begin and end at the same moment"),
        (RECEIVED.format("[confirmed]", "when: {pattern: [R3]}, ", "[SR]"), "9: `R3` is no rule number such as R03"),
        (RECEIVED.format("[confirmed]", "when: {weekday: [1]}, ", "[SR]"), "9: unknown key `weekday`"),
        ("  - {name: a, events: [confirmed], send: [SR], to: [a.b]}", '9: `a.b` is no name of a destination, nor "*" for all'),
        ("  - {name: all, events: [confirmed], send: [SR], to: [x]}", "5: two routes are called `all`"),
    ],
)  # fmt: skip
def test_a_complaint_says_what_is_wrong(tmp_path, routes, complaint):
    with pytest.raises(PolicyError) as caught:
        routing(tmp_path, routes)
    assert str(caught.value).startswith(f"routing.yaml:{complaint}")


@pytest.mark.parametrize("routes", [
    RECEIVED.format("[received]", "when: {sender: [MR1]}, ", "[originals]"),
    RECEIVED.format("[confirmed]", 'when: {hours: "08:00-20:00"}, ', "[SR]"),
    RECEIVED.format("[confirmed]", 'when: {hours: "08:00-08:01"}, ', "[SR]"),
    RECEIVED.format("[confirmed]", 'when: {hours: "20:00-08:00"}, ', "[SR]"),
    RECEIVED.format("[confirmed]", "", "[originals, notice]"),
])  # fmt: skip
def test_what_can_be_meant_is_taken(tmp_path, routes):
    assert [route.name for route in routing(tmp_path, routes).routes] == ["all", "a"]


def test_zones_and_files_that_cannot_be_read_are_told(tmp_path):
    hours = '  - {name: a, events: [confirmed], when: {hours: "18:00-07:00"}, send: [SR], to: [x]}'
    needs = "routing.yaml:9: hours need a `time_zone` at the top of the file, such as Europe/Berlin"
    for head, complaint in (
        ("", needs.replace(":9:", ":8:")),
        ("time_zone: Mars/Olympus\n", "routing.yaml:3: `Mars/Olympus` is no time zone of this machine"),
        ("time_zone: ../etc\n", "routing.yaml:3: `../etc` is no time zone of this machine"),
        ("zone: UTC\n", "routing.yaml:3: unknown key `zone`"),
    ):
        with pytest.raises(PolicyError) as caught:
            routing(tmp_path, hours, head)
        assert str(caught.value).startswith(complaint)
    path = tmp_path / "other.yaml"
    for content in (None, b"\xff\xfe\xff"):
        if content:
            path.write_bytes(content)
        with pytest.raises(PolicyError, match=r"^other\.yaml:1: the routing cannot be read: "):
            load_routing(path)


@pytest.mark.parametrize("event", ["confirmed", "corrected", "not_assessed"])
def test_a_result_is_seen_by_sr_or_sc_of_a_route_without_conditions(tmp_path, event):
    path = tmp_path / "routing.yaml"
    rest = ", ".join({"confirmed", "corrected", "not_assessed"} - {event})
    for cargo, is_seen in (("SR", True), ("SC", True), ("SEG, KOS, notice, originals", False)):
        path.write_text(f"""routing: ours
version: "1"
routes:
  - {{name: a, events: [{rest}], send: [SC], to: [x]}}
  - {{name: b, events: [{event}], send: [{cargo}], to: [x]}}
""")
        if is_seen:
            assert len(load_routing(path).routes) == 2
        else:
            with pytest.raises(PolicyError) as caught:
                load_routing(path)
            assert str(caught.value) == (
                f"routing.yaml:4: a result that is `{event}` could reach nobody:"
                " one route for it must send SR or SC without `when`"
            )
