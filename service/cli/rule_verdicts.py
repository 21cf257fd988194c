"""What came of cases that were put to a policy, for people and for programs."""

from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rules.case_verdict import Difference, Outcome, Verdict
from rules.codec import to_plain
from service.cli.rule_pages import badge


def print_verdicts(console: Console, verdicts: list[Verdict], *, is_quiet: bool) -> None:
    """Each case on a line; what was decided otherwise than expected below it."""
    for verdict in verdicts:
        if is_quiet and verdict.holds:
            continue
        console.print(_title(verdict))
        for outcome in verdict.outcomes:
            if outcome.differences:
                console.print(Padding(_differences(outcome), (0, 0, 1, 4)))
    failed = sum(not verdict.holds for verdict in verdicts)
    steps = sum(len(verdict.outcomes) for verdict in verdicts)
    told = f"{len(verdicts)} cases in {steps} steps: {len(verdicts) - failed} as expected, {failed} not"
    console.print(Text(told, style="bold red" if failed else "bold green"))


def plain_verdicts(verdicts: list[Verdict]) -> list[dict[str, Any]]:
    """The same as plain data."""
    return [
        {
            "name": verdict.story.name,
            "file": verdict.story.file,
            "line": verdict.story.line,
            "holds": verdict.holds,
            "steps": [_plain(outcome) for outcome in verdict.outcomes],
        }
        for verdict in verdicts
    ]


def _plain(outcome: Outcome) -> dict[str, Any]:
    decision = outcome.decision
    return {
        "when": outcome.step.when,
        "variants": len(outcome.step.variants),
        "priority": decision.priority.value,
        "shown": outcome.shown.priority.value,
        "headline": decision.headline,
        "patterns": {pattern.rule: pattern.status.value for pattern in decision.patterns},
        "differences": [
            {k: v for k, v in to_plain(one).items() if k != "type"} for one in outcome.differences
        ],
    }


def _title(verdict: Verdict) -> Text:
    mark = ("  ok  ", "green") if verdict.holds else ("FAILED", "bold red")
    path = [part for outcome in verdict.outcomes for part in (" ", badge(outcome.decision.priority))]
    where = "" if verdict.holds else f" ({verdict.story.file}:{verdict.story.line})"
    return Text.assemble(mark, *path, f" {verdict.story.name}", (where, "dim"))


def _differences(outcome: Outcome) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=outcome.step.when or None, title_justify="left")
    table.add_column("What", ratio=1)
    table.add_column("Expected", style="green", ratio=1, overflow="fold")
    table.add_column("Decided", style="red", ratio=1, overflow="fold")
    for one in outcome.differences:
        table.add_row(_what(one), one.expected, one.decided)
    return table


def _what(one: Difference) -> Text:
    return Text.assemble(one.what, (f"\nat {one.within}" if one.within else "", "dim"))
