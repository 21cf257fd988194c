"""A site's own numbers and words for rules and floors. What makes a critical rule or a floor weaker needs `accept_risk`."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rules.claims import text_of
from rules.conditions import Condition
from rules.policy import AcceptedRisk, FloorRule, Policy, Rule
from rules.policy_parts import only_dates_filled
from rules.policy_reading import Entry, Table
from rules.site_cuts import SiteCut, read_site_cut
from rules.urgency import Priority

_WORDS = ("name", "tell", "caveat", "follow_up")


def site_rule(policy: Policy, entry: Entry) -> tuple[Policy, tuple[AcceptedRisk, ...]]:
    """The policy with one rule as the site wants it, and the risks it accepts for it. Raises PolicyError."""
    table = entry.table("rule", f"priority cuts accept_risk {' '.join(_WORDS)}")
    code = table["rule"].text()
    rule = next((one for one in policy.rules if one.code == code), None)
    if rule is None:
        table["rule"].fail(
            f"`{code}` is no rule of the policy: {', '.join(one.code for one in policy.rules)}"
        )
    changed, weaker = _priority(rule, table)
    for cut in (read_site_cut(item) for item in table.items("cuts")):
        _refuse_false_words(rule, table, cut)
        changed, is_weaker = _with_cut(changed, cut, is_critical=_is_critical(rule) or _is_critical(changed))
        weaker += [f"{code} asks for more before it is present or critical"] if is_weaker else []
    words: dict[str, Any] = {key: _sentence(table[key]) for key in _WORDS if key in table.entries}
    changed = replace(changed, **words)
    if changed == rule:
        entry.fail(f"nothing is changed in {code}")
    rules = tuple(changed if one is rule else one for one in policy.rules)
    return replace(policy, rules=rules), accepted(table, entry, weaker)


def site_floor(policy: Policy, entry: Entry) -> tuple[Policy, tuple[AcceptedRisk, ...]]:
    """The policy with one floor as the site wants it, and the risks it accepts for it. Raises PolicyError."""
    table = entry.table("floor", "because priority cuts disabled accept_risk")
    floor = _floor(policy, table)
    if "disabled" in table.entries:
        if not table["disabled"].flag():
            table["disabled"].fail("a floor is not disabled unless this says true")
        kept = tuple(one for one in policy.floors if one is not floor)
        weaker = [f"floor {floor.code} ({floor.because}) is switched off"]
        return replace(policy, floors=kept), accepted(table, entry, weaker)
    priority, weaker = _own_priority(table, floor.priority, f"floor {floor.code} ({floor.because})")
    changed = replace(floor, priority=priority)
    for cut in (read_site_cut(item) for item in table.items("cuts")):
        when, is_weaker = cut.put_into(changed.when)
        cut.refuse_if_unused(f"floor {floor.code}", (floor.when,))
        changed = replace(changed, when=when)
        weaker += [f"floor {floor.code} ({floor.because}) asks for more"] if is_weaker else []
    if changed == floor:
        entry.fail(f"nothing is changed in floor {floor.code}")
    floors = tuple(changed if one is floor else one for one in policy.floors)
    return replace(policy, floors=floors), accepted(table, entry, weaker)


def accepted(table: Table, entry: Entry, weaker: list[str]) -> tuple[AcceptedRisk, ...]:
    """The risks, each with the name and the reason of who accepts it; refused without them, and where there is none."""
    told = table.get("accept_risk")
    if weaker and told is None:
        entry.fail(f"{weaker[0]}: this needs `accept_risk: {{name: …, reason: …}}`")
    if told is None:
        return ()
    risk = told.table("name reason")
    if not weaker:
        told.fail("nothing here makes a critical rule or a floor weaker; there is no risk to accept")
    return tuple(
        AcceptedRisk(what, risk["name"].text(), risk["reason"].text()) for what in dict.fromkeys(weaker)
    )


def _floor(policy: Policy, table: Table) -> FloorRule:
    """The floor by its code, and by its reason where several have that code."""
    code, because = table["floor"].text(), table.text("because")
    found = [one for one in policy.floors if one.code == code and because in ("", one.because)]
    if not found:
        known = ", ".join(f"{one.code} ({one.because})" for one in policy.floors)
        table["floor"].fail(f"`{code}` is no such floor of the policy; floors: {known}")
    if len(found) > 1:
        reasons = ", ".join(one.because for one in found)
        table["floor"].fail(f"`{code}` is several floors; say which with `because`: {reasons}")
    return found[0]


def _priority(rule: Rule, table: Table) -> tuple[Rule, list[str]]:
    priority, weaker = _own_priority(table, rule.priority, rule.code)
    return replace(rule, priority=priority), weaker if rule.priority is Priority.P1 else []


def _own_priority(table: Table, own: Priority, what: str) -> tuple[Priority, list[str]]:
    entry = table.get("priority")
    if entry is None:
        return own, []
    said = entry.table("value instead_of")
    if said["instead_of"].choice(Priority) is not own:
        said["instead_of"].fail(f"{what} is {own}, not {said['instead_of'].text()}")
    value = said["value"].choice(Priority)
    return value, [f"{what} is lowered from {own} to {value}"] if own.is_above(value) else []


def _is_critical(rule: Rule) -> bool:
    return rule.priority is Priority.P1 or any(one.to is Priority.P1 for one in rule.raises)


def _with_cut(rule: Rule, cut: SiteCut, *, is_critical: bool) -> tuple[Rule, bool]:
    """The rule with the cut in all its conditions, and whether what may be critical then holds less often."""
    required, is_rarer = cut.put_into(rule.required)
    raises = [(replace(one, because=cut.reason_for(one)), *cut.put_into(one.when)) for one in rule.raises]
    labels, remarks = (
        tuple(replace(one, when=cut.put_into(one.when)[0]) for one in several)
        for several in (rule.labels, rule.remarks)
    )
    cut.refuse_if_unused(rule.code, tuple(_conditions(rule)))
    is_raised_less = any(rarer for one, _, rarer in raises if one.to is Priority.P1)
    changed = replace(
        rule,
        required=required,
        raises=tuple(replace(one, when=when) for one, when, _ in raises),
        labels=labels,
        remarks=remarks,
    )
    return changed, (is_critical and is_rarer) or is_raised_less


def _sentence(entry: Entry) -> str:
    """A text of the site's own; only dates are filled in."""
    return only_dates_filled(entry, text_of(entry))


def _refuse_false_words(rule: Rule, table: Table, cut: SiteCut) -> None:
    """A text that names the number that is replaced would be false."""
    number = re.compile(rf"(?<![\d.]){cut.instead_of:g}(?![\d.])")
    for key in _WORDS:
        if key not in table.entries and number.search(getattr(rule, key)):
            cut.entry.fail(f"`{key}` of {rule.code} names {cut.instead_of:g}: word it anew")


def _conditions(rule: Rule) -> Iterator[Condition]:
    yield rule.required
    yield from (one.when for one in rule.raises)
    yield from (one.when for one in (*rule.labels, *rule.remarks))
