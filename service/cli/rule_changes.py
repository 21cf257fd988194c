"""What differs between two policies, and between what was decided and what another policy decides, as pages of a terminal."""

from collections import Counter
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rules.backtest import Movement
from rules.codec import to_plain
from rules.policy import Policy
from rules.policy_diff import PolicyChange, compared
from service.backtest import NotRedecided, Redecided
from service.cli.rule_pages import badge

_MOVED = {
    Movement.RAISED: "bold red",
    Movement.LOWERED: "bold yellow",
    Movement.OTHER: "bold cyan",
    Movement.UNCHANGED: "dim",
}


def print_changes(console: Console, changes: tuple[PolicyChange, ...]) -> None:
    """Every difference, rule by rule."""
    for where, group in groupby(changes, key=lambda change: change.where):
        console.print(Text(where, style="bold"))
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("What", ratio=3, overflow="fold")
        table.add_column("Before", style="red", ratio=3, overflow="fold")
        table.add_column("After", style="green", ratio=3, overflow="fold")
        for change in group:
            after = Text(change.after or "–")  # noqa: RUF001 - the house's dash
            after.append(f"\n{change.effect}" if change.effect else "", style="bold")
            table.add_row(change.what, change.before or "–", after)  # noqa: RUF001
        console.print(table)
    told = f"{len(changes)} differences" if len(changes) != 1 else "1 difference"
    console.print(Text(told if changes else "No difference: they decide and word alike."))


def print_site(console: Console, policy: Policy, base: Policy) -> None:
    """What a site's overlay changes, and who accepts which risk."""
    if policy.site is None:
        return
    print_changes(console, tuple(one for one in compared(base, policy) if one.what != "wording.disclaimers"))
    for risk in policy.site.risks:
        console.print(
            Text.assemble((f"risk: {risk.what}", "bold red"), f"; accepted by {risk.name}: {risk.reason}")
        )
    console.print()


def print_backtest(console: Console, results: list[Redecided | NotRedecided]) -> None:
    """Every changed decision with its reasons, then how many there are of each kind."""
    for one in results:
        if isinstance(one, Redecided) and one.comparison.movement is not Movement.UNCHANGED:
            _print_changed(console, one)
    counts = Counter(one.comparison.movement for one in results if isinstance(one, Redecided))
    refused = Counter(one.why for one in results if isinstance(one, NotRedecided))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Studies", justify="right")
    table.add_column("Decided again", ratio=1)
    for movement in Movement:
        table.add_row(str(counts[movement]), Text(movement.value, style=_MOVED[movement]))
    for why, count in refused.items():
        table.add_row(str(count), f"not decided again: {why}")
    console.print(table)
    for words, count in _lacking(results).items():
        console.print(
            Text(f"Open in {count} of them, because it was not measured then: {words}", style="dim")
        )


def plain_backtest(results: list[Redecided | NotRedecided]) -> list[dict[str, Any]]:
    """The same as plain data; both decisions are whole."""
    return [to_plain(one) for one in results]


def _print_changed(console: Console, one: Redecided) -> None:
    seen = one.comparison
    console.print(
        Text.assemble(
            badge(seen.before.priority),
            " → ",
            badge(seen.after.priority),
            (f" {seen.movement}", _MOVED[seen.movement]),
            f"  {one.study_instance_uid}",
            (f" snapshot {one.snapshot}", "dim"),
        )
    )
    for line in (f"was: {seen.before.headline}", f"now: {seen.after.headline}"):
        console.print(Padding(Text(line), (0, 0, 0, 2)))
    for reason in seen.reasons:
        console.print(Padding(Text(reason, style="dim"), (0, 0, 0, 4)))
    console.print()


def _lacking(results: list[Redecided | NotRedecided]) -> Counter[str]:
    return Counter(words for one in results if isinstance(one, Redecided) for words in one.not_measured)
