"""What the demo prints: each step as it ends, then times, decision and places."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.status import Status as Spinner
from rich.table import Table

from rules.decision import Decision, Status
from rules.messages import StageTime

_COLOURS = {"P1": "red", "P2": "dark_orange", "P3": "yellow", "P4": "green"}


@dataclass(frozen=True, slots=True)
class Moment:
    """One stage of the walk, and when it ended."""

    stage: str
    at: datetime
    detail: str = ""


@dataclass(slots=True)
class Narrator:
    """Tells a person at a terminal, or a log, what happens."""

    console: Console
    spinner: Spinner | None = field(default=None)

    @contextmanager
    def step(self, words: str) -> Iterator[list[str]]:
        """Show a step while it runs, and its time when it is done; what is put into the list is shown behind it."""
        notes: list[str] = []
        began = time.monotonic()
        with self.console.status(f"{words} ...") as self.spinner:
            yield notes
        self.spinner = None
        took = time.monotonic() - began
        self.console.print(
            f"[green]✓[/] {words}[dim]{''.join(f', {note}' for note in notes)}  {took:.1f} s[/]"
        )

    def progress(self, words: str) -> None:
        """Change what is shown of the step that runs."""
        if self.spinner is not None:
            self.spinner.update(f"{words} ...")

    def line(self, words: str) -> None:
        """One line of the service's own logs."""
        self.console.print(f"  {words}", style="dim", markup=False, no_wrap=True, overflow="ellipsis")

    def times(self, first: datetime, moments: Sequence[Moment], stages: Sequence[StageTime]) -> None:
        """The walk, stage by stage, in seconds after the first image."""
        table = Table("stage", "done after", "took", "", box=None, pad_edge=False, header_style="dim")
        table.columns[1].justify = table.columns[2].justify = "right"
        before = first
        for moment in moments:
            after, took = (moment.at - first).total_seconds(), (moment.at - before).total_seconds()
            if moment.stage == "decided":
                for stage in stages:
                    cached = "from the cache" if stage.is_cached else ""
                    table.add_row(f"  [dim]{stage.stage}", "", f"[dim]{stage.seconds:.1f} s", cached)
            table.add_row(moment.stage, f"{after:.1f} s", f"{max(took, 0):.1f} s", f"[dim]{moment.detail}")
            before = moment.at
        self.console.print()
        self.console.print(table)

    def decision(self, decision: Decision) -> None:
        """The priority with its reasons, as in SR, secondary capture, worklist and trail."""
        lines = [*decision.sentences, ""]
        for pattern in decision.patterns:
            if pattern.status is Status.PRESENT:
                lines += [
                    f"{pattern.rule} {pattern.name}: present",
                    *(f"  {reason}" for reason in pattern.reasons),
                ]
        is_open = [pattern.rule for pattern in decision.patterns if pattern.status is Status.OPEN]
        if is_open:
            lines.append(f"Open, never read as absent: {', '.join(is_open)}")
        colour = _COLOURS[decision.priority.value]
        title = f"{decision.priority.value} {decision.priority.words}"
        self.console.print()
        # The text is data: brackets in it are no markup.
        body = Table.grid()
        for line in lines:
            body.add_row(line)
        self.console.print(
            Panel(body, title=f"[bold {colour}]{title}", title_align="left", border_style=colour)
        )

    def places(self, places: Sequence[tuple[str, Path]]) -> None:
        """Where the results lie."""
        table = Table.grid(padding=(0, 2))
        for words, path in places:
            table.add_row(words, str(path))
        self.console.print(table)

    def verdict(self, faults: Sequence[str]) -> None:
        """Whether the PACS holds what was decided."""
        if not faults:
            self.console.print("[bold green]The PACS holds exactly what was decided.[/] Not for diagnosis.")
        for fault in faults:
            self.console.print(f"[bold red]Wrong:[/] {fault}")
