"""A site's own rules, floors and cuts put to a small policy: what changes, what is a risk, and every complaint in full."""

from dataclasses import replace
from datetime import date

import pytest

from rules.anatomy import Region, Side
from rules.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    ContextAtLeast,
    ContextAtMost,
    Cut,
    HasModality,
    IfAssessed,
    Not,
    SomeOf,
    Subject,
)
from rules.fields import Field
from rules.findings import Quantity
from rules.policy import AcceptedRisk, FloorRule, Label, Policy, Raise, Rule, load
from rules.policy_reading import PolicyError, read
from rules.site_rules import accepted, site_floor, site_rule
from rules.urgency import Priority

P1, P2, P3, P4 = Priority
HELD = date(2026, 1, 2)
OWN = "unit: %s, source: ours, date: 2026-11-27"
SHIFT = Subject(Quantity.MIDLINE_SHIFT, Region.BRAIN, Side.WHOLE)
LEFT = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.LEFT)
RIGHT = LEFT._replace(side=Side.RIGHT)


def at_least(value: float, source: str = "[P]", subject: Subject = SHIFT, unit: str = "mm") -> AtLeast:
    return AtLeast(subject, Cut(value, unit, source, HELD if source == "[P]" else date(2026, 11, 27)))


def ours(value: float) -> AtLeast:
    return at_least(value, "ours")


FIVE = at_least(5)
PACKAGED = load()
RULE = replace(
    PACKAGED.rules[0],
    code="R01",
    name="name",
    required=FIVE,
    raises=(),
    labels=(),
    remarks=(),
    priority=P2,
    tell="tell",
    caveat="",
    follow_up="",
)
OTHER = replace(RULE, code="R02")
FLOOR = FloorRule("F1", P2, FIVE, "because", (Field.GRADE,))
POLICY = replace(PACKAGED, rules=(RULE, OTHER), floors=(FLOOR, replace(FLOOR, code="F2")))
RISK = "accept_risk: {name: Dr A, reason: seen}\n"


def with_rule(**changes) -> Policy:
    return replace(POLICY, rules=(replace(RULE, **changes), OTHER))


def with_floor(**changes) -> Policy:
    return replace(POLICY, floors=(replace(FLOOR, **changes), *POLICY.floors[1:]))


def ruled(text: str, policy: Policy = POLICY) -> tuple[Rule, tuple[str, ...]]:
    """The rule as a site has it, and the risks."""
    changed, risks = site_rule(policy, read(f"rule: R01\n{text}", "site.yaml"))
    assert changed.rules[1:] == policy.rules[1:]
    assert replace(changed, rules=policy.rules) == policy
    assert {(risk.name, risk.reason) for risk in risks} <= {("Dr A", "seen")}
    return changed.rules[0], tuple(risk.what for risk in risks)


def floored(text: str, policy: Policy = POLICY) -> tuple[tuple[FloorRule, ...], tuple[str, ...]]:
    changed, risks = site_floor(policy, read(f"floor: F1\n{text}", "site.yaml"))
    assert replace(changed, floors=policy.floors) == policy
    return changed.floors, tuple(risk.what for risk in risks)


def refused(change, text: str, policy: Policy = POLICY) -> str:
    with pytest.raises(PolicyError) as caught:
        change(policy, read(text, "site.yaml"))
    return str(caught.value)


def cut(value: float, before: float = 5, of: str = "midline_shift whole brain", unit: str = "mm") -> str:
    return f"cuts:\n  - {{of: {of}, instead_of: {before:g}, cut: {{value: {value:g}, {OWN % unit}}}}}\n"


def test_words_and_a_priority_of_its_own():
    text = (
        "priority: {value: P1, instead_of: P2}\nname: n\ntell: 'since {earlier}'\ncaveat: c\nfollow_up: f\n"
    )
    own = replace(RULE, priority=P1, name="n", tell="since {earlier}", caveat="c", follow_up="f")
    assert ruled(text) == (own, ())
    assert ruled("priority: {value: P3, instead_of: P2}\n") == (replace(RULE, priority=P3), ())


def test_a_critical_rule_is_lowered_at_somebody_s_risk_only():
    critical = with_rule(priority=P1)
    text = "priority: {value: P3, instead_of: P1}\n"
    assert ruled(text + RISK, critical) == (
        replace(RULE, priority=P3),
        ("R01 is lowered from P1 to P3",),
    )
    needs = "this needs `accept_risk: {name: …, reason: …}`"
    assert refused(site_rule, f"rule: R01\n{text}", critical) == (
        f"site.yaml:1: R01 is lowered from P1 to P3: {needs}"
    )


@pytest.mark.parametrize(
    ("required", "changed"),
    [
        (FIVE, ours(6)),
        (AllOf((FIVE, HasModality("CT"))), AllOf((ours(6), HasModality("CT")))),
        (AnyOf((FIVE, at_least(7))), AnyOf((ours(6), at_least(7)))),
        (SomeOf(1, (FIVE, FIVE)), SomeOf(1, (ours(6), ours(6)))),
        (IfAssessed(FIVE), IfAssessed(ours(6))),
        (Not(Not(FIVE)), Not(Not(ours(6)))),
        (Not(AtMost(SHIFT, FIVE.cut)), Not(AtMost(SHIFT, ours(6).cut))),
    ],
)
def test_a_cut_is_replaced_wherever_the_rule_asks_it(required: Condition, changed: Condition):
    what = "R01 asks for more before it is present or critical"
    assert ruled(cut(6), with_rule(required=required)) == (replace(RULE, required=changed), ())
    critical = with_rule(required=required, priority=P1)
    assert ruled(cut(6) + RISK, critical) == (replace(RULE, required=changed, priority=P1), (what,))
    may_be = with_rule(required=required, raises=(Raise(P1, HasModality("CT"), "ct"),))
    assert ruled(cut(6) + RISK, may_be)[1] == (what,)
    never = with_rule(required=required, raises=(Raise(P2, HasModality("CT"), "ct"),))
    assert ruled(cut(6), never)[1] == ()


def test_a_cut_that_holds_more_often_is_no_risk():
    for required in (FIVE, Not(AtMost(SHIFT, FIVE.cut)), AllOf((FIVE,))):
        assert ruled(cut(4), with_rule(required=required, priority=P1))[1] == ()
    rarer = with_rule(required=Not(FIVE), priority=P1)
    assert ruled(cut(4) + RISK, rarer)[1] == ("R01 asks for more before it is present or critical",)
    assert ruled(cut(6), rarer)[1] == ()


def test_one_weaker_change_among_harmless_ones_is_a_risk():
    rarer = "R01 asks for more before it is present or critical"
    policy = with_rule(required=AllOf((FIVE, at_least(7))), priority=P1)
    harmless = cut(4, 7).removeprefix("cuts:\n")
    assert ruled(cut(6) + harmless + RISK, policy)[1] == (rarer,)
    lowered = "priority: {value: P2, instead_of: P1}\n"
    assert ruled(lowered + cut(4) + RISK, policy)[1] == ("R01 is lowered from P1 to P2",)
    assert ruled(lowered + cut(6) + harmless + RISK, policy)[1] == ("R01 is lowered from P1 to P2", rarer)
    own = "priority: {value: P1, instead_of: P2}\n"
    assert ruled(own + cut(6) + RISK, with_rule())[1] == (rarer,)
    needs = "this needs `accept_risk: {name: …, reason: …}`"
    assert refused(site_rule, f"rule: R01\n{cut(6)}{harmless}", policy) == f"site.yaml:1: {rarer}: {needs}"
    lower = "floor: F1\npriority: {value: P3, instead_of: P2}\n"
    assert refused(site_floor, lower) == (
        f"site.yaml:1: floor F1 (because) is lowered from P2 to P3: {needs}"
    )


def test_a_cut_of_what_raises_labels_and_remarks_is_replaced_too():
    policy = with_rule(
        required=HasModality("MR"),
        raises=(Raise(P1, FIVE, "shift"), Raise(P1, HasModality("CT"), "of 5")),
        labels=(Label(FIVE, "a"),),
        remarks=(Label(Not(FIVE), "b"),),
    )
    own, risks = ruled(cut(6) + RISK, policy)
    assert own.raises == (Raise(P1, ours(6), "shift"), Raise(P1, HasModality("CT"), "of 5"))
    assert (own.labels, own.remarks) == ((Label(ours(6), "a"),), (Label(Not(ours(6)), "b"),))
    assert risks == ("R01 asks for more before it is present or critical",)
    lower = replace(policy.rules[0], raises=(Raise(P2, FIVE, "shift"), Raise(P1, HasModality("CT"), "ct")))
    assert ruled(cut(6), replace(policy, rules=(lower, OTHER)))[1] == ()
    assert ruled(cut(4), policy)[1] == ()


def test_a_reason_that_names_the_number_is_worded_anew():
    policy = with_rule(raises=(Raise(P1, FIVE, "more than 5 mm"), Raise(P1, HasModality("CT"), "2 of them")))
    text = f"rule: R01\n{cut(4)}"
    assert refused(site_rule, text, policy) == (
        "site.yaml:3: “more than 5 mm” names a number: say the new one with `because`"
    )
    said = cut(4).replace("}}\n", "}, because: more than 4 mm}\n")
    own, _ = ruled(said, policy)
    assert [one.because for one in own.raises] == ["more than 4 mm", "2 of them"]


def test_cuts_of_both_sides_and_of_the_context():
    both = AllOf((at_least(1, subject=LEFT, unit="mL"), at_least(1, subject=RIGHT, unit="mL")))
    age = ContextAtLeast(Field.AGE, Cut(18, "a", "[P]", HELD))
    own, _ = ruled(cut(2, 1, "flair_volume both thalamus", "mL"), with_rule(required=both))
    assert own.required == AllOf((at_least(2, "ours", LEFT, "mL"), at_least(2, "ours", RIGHT, "mL")))
    mine = Cut(21, "a", "ours", date(2026, 11, 27))
    own, _ = ruled(cut(21, 18, "age", "a"), with_rule(required=age))
    assert own.required == ContextAtLeast(Field.AGE, mine)
    own, _ = ruled(cut(21, 18, "age", "a"), with_rule(required=ContextAtMost(Field.AGE, age.cut)))
    assert own.required == ContextAtMost(Field.AGE, mine)


MORE = with_rule(required=AllOf((at_least(7), FIVE, at_least(9, subject=LEFT, unit="mL"))), tell="of 5 mm")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rule: R09\ntell: a\n", "1: `R09` is no rule of the policy: R01, R02"),
        ("rule: R01\n", "1: nothing is changed in R01"),
        ("rule: R01\nname: name\n", "1: nothing is changed in R01"),
        ("rule: R01\npriority: {value: P1, instead_of: P3}\n", "2: R01 is P2, not P3"),
        (f"rule: R01\ntell: a\n{cut(6, 4)}", "4: R01 has no such cut of 4; its cuts there: 5, 7"),
        (f"rule: R02\n{cut(6, 1, 'flair_volume left thalamus', 'mL')}", "3: R02 has no such cut of 1; its cuts there: none"),
        (f"rule: R01\n{cut(6)}", "3: `tell` of R01 names 5: word it anew"),
        ("rule: R01\ntell: all is normal\n", "2: no text may say “normal”"),
        ("rule: R01\ntell: 'since {date}'\n", "2: the only words that are filled in are {earlier} and {last_result}"),
        (f"rule: R01\ntell: a\n{RISK}", "3: nothing here makes a critical rule or a floor weaker; there is no risk to accept"),
        (f"rule: R01\n{cut(6, of='seizure')}", "3: `seizure` is no number"),
        (f"rule: R01\n{cut(6, unit='mL')}", "3: unit `mL` is wrong here; this is measured in `mm`"),
        (f"rule: R01\n{cut(6)}".replace("}}\n", "}, because: all is normal}\n"), "3: no text may say “normal”"),
        ("rule: R01\nwhy: a\n", "2: unknown key `why`; allowed here: rule, priority, cuts, accept_risk, name, tell, caveat, follow_up"),
    ],
)  # fmt: skip
def test_a_rule_of_a_site_that_cannot_be_taken(text: str, problem: str):
    assert refused(site_rule, text, MORE) == f"site.yaml:{problem}"


@pytest.mark.parametrize(
    ("tell", "is_false"), [("5 mm", True), ("15 mm", False), ("5.5 mm", False), ("0.5", False), ("52", False)]
)
def test_words_are_false_where_they_name_the_very_number(tell: str, *, is_false: bool):
    policy = with_rule(tell=tell)
    if is_false:
        assert refused(site_rule, f"rule: R01\n{cut(4)}", policy).endswith("names 5: word it anew")
    else:
        assert ruled(cut(4), policy)[0].required == ours(4)
    assert ruled(f"{cut(4)}tell: a\n", policy)[0].tell == "a"


def test_a_floor_of_a_site():
    second = POLICY.floors[1]
    assert floored("priority: {value: P1, instead_of: P2}\n") == ((replace(FLOOR, priority=P1), second), ())
    assert floored(f"priority: {{value: P3, instead_of: P2}}\n{RISK}") == (
        (replace(FLOOR, priority=P3), second),
        ("floor F1 (because) is lowered from P2 to P3",),
    )
    assert floored(cut(4)) == ((replace(FLOOR, when=ours(4)), second), ())
    assert floored(cut(6) + RISK) == (
        (replace(FLOOR, when=ours(6)), second),
        ("floor F1 (because) asks for more",),
    )
    assert floored(f"disabled: true\n{RISK}") == ((second,), ("floor F1 (because) is switched off",))
    both = f"priority: {{value: P4, instead_of: P2}}\n{cut(6)}{RISK}"
    assert floored(both)[1] == (
        "floor F1 (because) is lowered from P2 to P4",
        "floor F1 (because) asks for more",
    )


TWICE = replace(POLICY, floors=(FLOOR, replace(FLOOR, because="other"), replace(FLOOR, code="F2")))


def test_of_several_floors_of_one_code_the_reason_tells_which():
    floors, _ = floored("because: other\npriority: {value: P1, instead_of: P2}\n", TWICE)
    assert [floor.priority for floor in floors] == [P2, P1, P2]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("floor: F9\ndisabled: true\n", "1: `F9` is no such floor of the policy; floors: F1 (because), F1 (other), F2 (because)"),
        ("floor: F1\nbecause: none\ndisabled: true\n", "1: `F1` is no such floor of the policy; floors: F1 (because), F1 (other), F2 (because)"),
        ("floor: F1\ndisabled: true\n", "1: `F1` is several floors; say which with `because`: because, other"),
        ("floor: F2\ndisabled: false\n", "2: a floor is not disabled unless this says true"),
        ("floor: F2\n", "1: nothing is changed in floor F2"),
        ("floor: F2\npriority: {value: P1, instead_of: P1}\n", "2: floor F2 (because) is P2, not P1"),
        (f"floor: F2\n{cut(6, 4)}", "3: floor F2 has no such cut of 4; its cuts there: 5"),
        ("floor: F2\ndisabled: true\n", "1: floor F2 (because) is switched off: this needs `accept_risk: {name: …, reason: …}`"),
        ("floor: F2\nshows: [age]\n", "2: unknown key `shows`; allowed here: floor, because, priority, cuts, disabled, accept_risk"),
    ],
)  # fmt: skip
def test_a_floor_of_a_site_that_cannot_be_taken(text: str, problem: str):
    assert refused(site_floor, text, TWICE) == f"site.yaml:{problem}"


def test_risks_are_each_told_once_with_name_and_reason():
    entry = read(RISK, "site.yaml")
    table = entry.table("accept_risk")
    assert accepted(table, entry, ["a", "b", "a"]) == (
        AcceptedRisk("a", "Dr A", "seen"),
        AcceptedRisk("b", "Dr A", "seen"),
    )
    silent = read("x: y", "site.yaml")
    assert accepted(silent.table("x"), silent, []) == ()
    for risk, lacking in (("{name: Dr A}", "reason"), ("{reason: seen}", "name")):
        short = read(f"accept_risk: {risk}", "site.yaml")
        with pytest.raises(PolicyError, match=f"^site.yaml:1: key `{lacking}` is missing$"):
            accepted(short.table("accept_risk"), short, ["a"])
