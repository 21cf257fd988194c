"""The rules and what they decided, as pages of a terminal."""

from collections.abc import Iterable

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rules.account import Account
from rules.condition_words import condition_words
from rules.decision import Decision, Status
from rules.policy import Policy, Rule
from rules.rule_table import (
    CAUTION,
    READING,
    RuleRow,
    floor_rows,
    measure_rows,
    orders,
    rule_rows,
    sources_of,
    targets,
    undated,
)
from rules.urgency import Priority

BADGES = {
    Priority.P1: "bold white on red",
    Priority.P2: "bold black on yellow",
    Priority.P3: "bold black on cyan",
    Priority.P4: "bold",
}
_STATUS = {Status.PRESENT: "bold red", Status.OPEN: "bold yellow", Status.ABSENT: "dim"}
_ANSWERS = {"yes": "green", "no": "dim", "open": "yellow"}
_WIDE = 150
"""Columns of a terminal from which on every fact has a column of its own."""


def badge(priority: Priority) -> Text:
    return Text(f" {priority.value} ", style=BADGES[priority])


def identity_line(policy: Policy) -> Text:
    """Which policy this is."""
    return Text(
        f"{policy.name} {policy.identity.version}, sha256 {policy.digest[:16]}; {policy.approved}",
        style="dim",
    )


def print_table(console: Console, policy: Policy) -> None:
    """Every rule and floor, the order and the reading targets."""
    rows = rule_rows(policy)
    console.print(_wide(rows) if console.width >= _WIDE else _narrow(rows))
    console.print(_floors(policy))
    console.print(Text(f"The order's own priority: {orders(policy)}."))
    console.print(Text(f"Reading starts: {targets(policy)}."))
    console.print(Text(f"{READING} {CAUTION}", style="dim"))
    count = len(policy.measurements)
    console.print(
        Text(f"The checks measure by {count} numbers of the policy: rules show measurements.", style="dim")
    )
    console.print(identity_line(policy))


def print_measurements(console: Console, policy: Policy) -> None:
    """The numbers by which the checks tell a lesion from none."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, ratio in (("Check", None), ("Number", None), ("Value", None), ("Source", 1)):
        table.add_column(name, ratio=ratio, no_wrap=not ratio)
    last = ""
    for row in measure_rows(policy):
        table.add_row(
            row.check if row.check != last else "", row.what, row.value, Text(row.source, style="dim")
        )
        last = row.check
    console.print(table)
    console.print(Text(CAUTION, style="dim"))
    console.print(identity_line(policy))


def print_rule(console: Console, rule: Rule) -> None:
    """One rule in full."""
    console.print(
        Text.assemble(badge(rule.priority), (f" {rule.code} {rule.name}", "bold"), f" ({rule.kind})")
    )
    facts = [
        ("present if", condition_words(rule.required)),
        *((f"{one.to} if", f"{condition_words(one.when)} ({undated(one.because)})") for one in rule.raises),
        ("because", rule.because),
        ("confidence", rule.confidence),
        ("tells", rule.tell),
        *(("adds", f"“{undated(label.text)}” if {condition_words(label.when)}") for label in rule.labels),
        *(("says if not", f"“{undated(one.text)}” if {condition_words(one.when)}") for one in rule.remarks),
        ("caveat", rule.caveat or "none"),
        ("suggests", rule.follow_up or "nothing"),
        *(("source", source) for source in sources_of(rule, with_labels=True)),
    ]
    console.print(_facts(facts))


def print_decision(console: Console, decision: Decision) -> None:
    """What the decision says, in its own sentences."""
    headline = decision.headline.removeprefix(decision.priority.value).strip()
    console.print(Text.assemble(badge(decision.priority), " ", (headline, "bold")))
    for sentence in decision.sentences:
        console.print(Padding(Text(sentence), (0, 0, 0, 2)))
    for sentence in decision.disclaimers:
        console.print(Padding(Text(sentence, style="dim"), (0, 0, 0, 2)))


def print_accounts(console: Console, accounts: Iterable[Account], *, with_absent: bool) -> None:
    """Each rule's part; unless asked for, the open ones only with what is missing, the absent ones by name."""
    absent = []
    for one in accounts:
        if one.status is Status.ABSENT and not with_absent:
            absent.append(f"{one.rule} {one.name}")
            continue
        console.print()
        console.print(_account_title(one))
        console.print(_facts(_told(one, in_full=with_absent or one.status is Status.PRESENT)))
    if absent:
        console.print()
        console.print(Text(f"absent: {'; '.join(absent)} (--all tells what was measured)", style="dim"))


def _told(one: Account, *, in_full: bool) -> list[tuple[str, Text]]:
    lines = [("asks", Text(one.asked))]
    if in_full:
        lines += [("measured" if i == 0 else "", _reason(line)) for i, line in enumerate(one.measured)]
    if one.missing:
        lines.append(("missing", Text("; ".join(one.missing), style="yellow")))
    return [*lines, ("why", Text(one.why))] if one.why else lines


def _account_title(one: Account) -> Text:
    asks = f"{one.priority}" if one.priority else ""
    could = f", could be {asks}" if one.status is Status.OPEN else f", {asks}" if asks else ""
    return Text.assemble((f"{one.rule} {one.name}: ", "bold"), (f"{one.status}{could}", _STATUS[one.status]))


def _reason(line: str) -> Text:
    return Text(line, style=_ANSWERS.get(line.rpartition(" ")[2], ""))


def _facts(facts: "list[tuple[str, str]] | list[tuple[str, Text]]") -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", width=12, overflow="fold")
    table.add_column(ratio=1)
    for name, value in facts:
        table.add_row(name, value)
    return Padding(table, (0, 0, 0, 2))


def _wide(rows: tuple[RuleRow, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_lines=True)
    table.add_column("Rule", ratio=2)
    table.add_column("Present if", ratio=4)
    table.add_column("")
    table.add_column("More urgent if", ratio=4)
    table.add_column("Confidence", ratio=2)
    table.add_column("Sources", ratio=4)
    for row in rows:
        raised = "\n".join(f"{one.to}, {one.because}: {one.when}" for one in row.raised)
        sources = Text("\n".join(row.sources), style="dim")
        name = Text.assemble((row.code, "bold"), f" {row.name}")
        table.add_row(name, row.present_if, badge(row.priority), raised, row.confidence, sources)
    return table


def _narrow(rows: tuple[RuleRow, ...]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for row in rows:
        facts = [
            ("present if", Text(row.present_if)),
            *((f"{one.to} if", Text.assemble((f"{one.because}: ", "bold"), one.when)) for one in row.raised),
            ("confidence", Text(row.confidence)),
            *(("source", Text(source, style="dim")) for source in row.sources),
        ]
        name = Text(f"{row.code} {row.name}", style="bold")
        table.add_row(badge(row.priority), Group(name, _facts(facts), Text("")))
    return table


def _floors(policy: Policy) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("Floor", no_wrap=True)
    table.add_column("Holds whatever the images show, if", ratio=1)
    for row in floor_rows(policy):
        told = Group(Text(row.because, style="bold"), Text(row.when))
        table.add_row(badge(row.priority), row.code, told)
    return table
