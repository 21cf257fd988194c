from dataclasses import replace
from pathlib import Path

from rules.account import accounts
from rules.case_file import read_cases
from rules.case_verdict import put
from rules.decision import Status
from rules.policy import load
from rules.rule_table import cuts_of, floor_rows, markdown, orders, rule_rows, sources_of, targets
from rules.urgency import Priority

POLICY = load()
PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_page_of_rules_is_current():
    assert PAGE.read_text(encoding="utf-8") == markdown(POLICY), (
        "cartriage rules show --markdown > docs/rules.md"
    )


def test_every_rule_and_floor_has_its_row_in_the_order_of_the_policy():
    assert [row.code for row in rule_rows(POLICY)] == [rule.code for rule in POLICY.rules]
    assert [row.code for row in floor_rows(POLICY)] == [floor.code for floor in POLICY.floors]
    assert [row.because for row in rule_rows(POLICY)] == [rule.because for rule in POLICY.rules]
    lines = [line for line in markdown(POLICY).splitlines() if line.startswith("| ")]
    tables = (POLICY.rules, POLICY.floors, POLICY.sources, POLICY.measurements)
    assert len(lines) == sum(len(table) + 1 for table in tables)


def test_every_cut_stands_before_its_source():
    for rule in POLICY.rules:
        told = "\n".join(sources_of(rule, with_labels=True))
        for condition in (rule.required, *(one.when for one in (*rule.raises, *rule.labels))):
            for cut in cuts_of(condition):
                (line,) = [one for one in told.splitlines() if one.endswith(f": {cut.source}")]
                assert f"{cut.value:g}" in line
    assert sources_of(POLICY.rules[2]) != sources_of(POLICY.rules[2], with_labels=True)


def test_a_bar_in_a_text_does_not_end_its_cell():
    named = replace(POLICY, rules=(replace(POLICY.rules[0], name="this | that"),))
    assert "this \\| that" in markdown(named)


def test_order_and_targets_are_told():
    policy = replace(POLICY, order={"STAT": Priority.P2})
    assert orders(policy) == "STAT P2"
    assert targets(policy) == (
        "P1 within 15 minutes, P2 within 60 minutes, P3 within 480 minutes of the study being complete; P4 keeps the site's own."
        " A study that waits longer (P4: 1440 minutes) is shown one level higher"
    )


def account(text: str, code: str):
    (story,) = read_cases(f"- name: a\n  expect: {{priority: P4}}\n{text}", "case.yaml", POLICY)
    told = accounts(POLICY, put(POLICY, story).outcomes[0].decision)
    assert len(told) == len(POLICY.rules)
    order = [Status.PRESENT, Status.OPEN, Status.ABSENT]
    assert [order.index(one.status) for one in told] == sorted(order.index(one.status) for one in told)
    (chosen,) = [one for one in told if one.rule == code]
    return chosen


def test_a_present_rule_tells_what_it_asks_what_was_measured_and_why():
    one = account("  findings: {flair_volume both thalamus: 3 mL, flair_volume midline pons: 9 mL}", "R02")
    rule = next(rule for rule in POLICY.rules if rule.code == "R02")
    assert one.asked.startswith("FLAIR hyperintensity volume ≥ 1 mL in thalamus on both sides")
    assert one.measured[0].endswith("left thalamus: 3.0 mL (cut ≥ 1 mL), 2.0 mL above – yes")  # noqa: RUF001
    assert one.why == f"P1, raised from P2: {rule.because}"
    assert one.missing == ()


def test_a_rule_that_is_not_raised_and_one_that_is_absent():
    text = "  findings: {flair_volume both thalamus: 3 mL}"
    assert account(text, "R02").why.startswith("P2: ")
    assert account(text, "R08").why == ""


def test_an_open_rule_tells_what_is_missing_and_how_urgent_it_could_be():
    one = account("  missing: [SWI]", "R08")
    assert one.missing == ("microhaemorrhage and haemorrhage (no SWI series)",)
    assert one.why.startswith("could be P1: ")
    assert account("  missing: [SWI]", "R14").why == ""


def test_no_placeholder_reaches_a_reader():
    assert "{" not in markdown(load())
