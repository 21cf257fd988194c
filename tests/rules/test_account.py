from dataclasses import fields

import pytest

from rules.account import Account, accounts
from rules.case_file import read_cases
from rules.case_verdict import put
from rules.condition_words import condition_words
from rules.decision import Decision, Pattern, Status
from rules.policy import load
from rules.urgency import Priority

POLICY = load()
RULES = {rule.code: rule for rule in POLICY.rules}
(_STORY,) = read_cases("- {name: a, expect: {priority: P4}}\n", "case.yaml", POLICY)
DECISION = put(POLICY, _STORY).outcomes[0].decision


def pattern(code: str, status: Status, priority: Priority | None = None) -> Pattern:
    return Pattern(code, RULES[code].name, status, priority, f"of {code}", ("measured",), ("missing",))


def told(*patterns: Pattern) -> list[Account]:
    kept = {one.name: getattr(DECISION, one.name) for one in fields(Decision)}
    return list(accounts(POLICY, Decision(**(kept | {"patterns": patterns}))))


def test_a_rule_is_told_with_all_that_the_decision_says_of_it():
    (one,) = told(pattern("R02", Status.PRESENT, Priority.P2))
    rule = RULES["R02"]
    assert one == Account(
        rule="R02",
        name=rule.name,
        status=Status.PRESENT,
        priority=Priority.P2,
        asked=condition_words(rule.required),
        measured=("measured",),
        missing=("missing",),
        why=f"P2: {rule.because}",
        sentence="of R02",
    )


def test_present_ones_come_first_then_open_then_absent_each_the_most_urgent_first():
    ordered = [
        ("R05", Status.PRESENT, Priority.P1),
        ("R03", Status.PRESENT, Priority.P3),
        ("R04", Status.PRESENT, Priority.P3),
        ("R06", Status.PRESENT, None),
        ("R08", Status.OPEN, Priority.P1),
        ("R07", Status.OPEN, Priority.P2),
        ("R02", Status.ABSENT, None),
        ("R09", Status.ABSENT, None),
    ]
    patterns = [pattern(*one) for one in ordered]
    for some in (patterns, patterns[::-1], patterns[3:] + patterns[:3]):
        assert [one.rule for one in told(*some)] == [code for code, _, _ in ordered]


@pytest.mark.parametrize(
    ("status", "priority", "why"),
    [
        (Status.PRESENT, Priority.P2, "P2: {}"),
        (Status.PRESENT, Priority.P1, "P1, raised from P2: {}"),
        (Status.PRESENT, None, ""),
        (Status.OPEN, Priority.P1, "could be P1: {}"),
        (Status.OPEN, Priority.P4, ""),
        (Status.OPEN, None, ""),
        (Status.ABSENT, None, ""),
    ],
)
def test_why_it_asks_for_its_priority(status: Status, priority: Priority | None, why: str):
    assert told(pattern("R02", status, priority))[0].why == why.format(RULES["R02"].because)
