"""Rules, floors and standing texts as they are read, each with its complaints."""

from datetime import date

import pytest

from rules.conditions import ContextAtLeast, ContextIs, Cut, HasModality, NothingAssessed
from rules.fields import Field
from rules.policy_parts import (
    FloorRule,
    Kind,
    Label,
    Raise,
    Rule,
    Wording,
    only_dates_filled,
    read_floor,
    read_rule,
    read_wording,
)
from rules.policy_reading import PolicyError, read
from rules.urgency import Priority

RULE = """code: R02
name: a name
kind: imaging
priority: P2
confidence: high
because: a reason
required: {nothing_assessed: {}}
tell: since {earlier}, or {last_result}
"""
MORE = """raises:
  - {to: P1, when: {has_modality: {modality: CT}}, because: "worse than {earlier}"}
labels:
  - {when: {has_modality: {modality: CT}}, text: a label}
remarks:
  - {when: {has_modality: {modality: MR}}, text: a remark}
caveat: a caveat
follow_up: a suggestion
"""
CT, MR = HasModality("CT"), HasModality("MR")


def test_a_rule_holds_what_its_file_says():
    short = Rule(
        code="R02",
        name="a name",
        kind=Kind.IMAGING,
        priority=Priority.P2,
        confidence="high",
        because="a reason",
        required=NothingAssessed(),
        raises=(),
        labels=(),
        remarks=(),
        tell="since {earlier}, or {last_result}",
        caveat="",
        follow_up="",
    )
    assert read_rule(read(RULE, "r.yaml")) == short
    whole = read_rule(read(RULE + MORE, "r.yaml"))
    assert whole.raises == (Raise(Priority.P1, CT, "worse than {earlier}"),)
    assert (whole.labels, whole.remarks) == ((Label(CT, "a label"),), (Label(MR, "a remark"),))
    assert (whole.caveat, whole.follow_up) == ("a caveat", "a suggestion")


CHRONIC = RULE.replace("kind: imaging", "kind: chronic")
NEVER = "3: what is old or nonspecific asks for P4 and is never raised"
FILLED = "the only words that are filled in are {earlier} and {last_result}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (CHRONIC, NEVER),
        (CHRONIC.replace("P2", "P4") + MORE, NEVER),
        (RULE.replace("{earlier}", "{date}"), f"8: {FILLED}"),
        (RULE + MORE.replace("a label", "'a {date}'"), f"12: {FILLED}"),
        (RULE + MORE.replace("{earlier}", "{earlier} and {x}"), f"10: {FILLED}"),
        (RULE + MORE.replace("to: P1, ", ""), "10: key `to` is missing"),
        (RULE + MORE.replace(", text: a remark", ""), "14: key `text` is missing"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(text: str, problem: str):
    with pytest.raises(PolicyError) as caught:
        read_rule(read(text, "r.yaml"))
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "key", ["code", "name", "kind", "priority", "confidence", "because", "required", "tell"]
)
def test_a_rule_needs_each_of_its_parts(key: str):
    lines = [line for line in RULE.splitlines() if not line.startswith(f"{key}:")]
    with pytest.raises(PolicyError, match=f"key `{key}` is missing"):
        read_rule(read("\n".join(lines), "r.yaml"))


def test_what_is_old_may_be_told_where_it_asks_for_nothing():
    rule = read_rule(read(CHRONIC.replace("P2", "P4"), "r.yaml"))
    assert (rule.kind, rule.priority) == (Kind.CHRONIC, Priority.P4)


def test_only_dates_are_filled_in():
    entry = read("a", "r.yaml")
    text = "from {earlier} to {last_result} and {earlier}"
    assert only_dates_filled(entry, text) == text
    with pytest.raises(PolicyError, match=r"^r\.yaml:1: the only words"):
        only_dates_filled(entry, "{")
    for half in ("{{earlier}", "{{last_result}", "{ear{earlier}lier}"):
        with pytest.raises(PolicyError):
            only_dates_filled(entry, half)


CUT = '{value: 4, unit: "1", source: "[P] proposed", date: 2026-01-02}'
FLOOR = f"code: F1\npriority: P1\nwhen: {{context_at_least: {{field: icans_grade, cut: {CUT}}}}}\nbecause: grade\n"


def test_a_floor_holds_what_its_file_says():
    when = ContextAtLeast(Field.GRADE, Cut(4, "1", "[P] proposed", date(2026, 1, 2)))
    assert read_floor(read(FLOOR, "f.yaml")) == FloorRule("F1", Priority.P1, when, "grade", ())
    shown = read_floor(read(f"{FLOOR}shows: [icans_grade, crs_grade]", "f.yaml")).shows
    assert shown == (Field.GRADE, Field.CRS)
    for key in ("code", "priority", "when", "because"):
        with pytest.raises(PolicyError, match="is missing"):
            read_floor(read(FLOOR.replace(f"{key}:", "shows:"), "f.yaml"))
    seizure = "when: {context_is: {field: seizure, values: [status]}}"
    told = read_floor(read(FLOOR.replace(FLOOR.splitlines()[2], seizure), "f.yaml"))
    assert told.when == ContextIs(Field.SEIZURE, ("status",))


SINGLE = (
    "positive",
    "negative",
    "negative_place",
    "negative_raised",
    "not_assessed",
    "partly_assessed",
    "interpret",
)
STANDING = "".join(f"{key}: text of {key}\n" for key in SINGLE)
STANDING += "disclaimers: [one, two]\nnot_in_this_version: [three]\n"


def test_the_standing_texts_are_all_there():
    wording = read_wording(read(STANDING, "w.yaml"))
    texts = {key: f"text of {key}" for key in SINGLE}
    assert wording == Wording(**texts, disclaimers=("one", "two"), not_in_this_version=("three",))
    for key in (*SINGLE, "disclaimers", "not_in_this_version"):
        rest = "".join(line for line in STANDING.splitlines(keepends=True) if not line.startswith(f"{key}:"))
        with pytest.raises(PolicyError, match=f"key `{key}` is missing"):
            read_wording(read(rest, "w.yaml"))
    with pytest.raises(PolicyError, match=r"^w\.yaml:10: unknown key `more`"):
        read_wording(read(f"{STANDING}more: x", "w.yaml"))
