"""`cartriage bench-list`: how fast the pages are with very many studies."""

import os
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from service.cli.options import opened
from service.figures import PERIODS, renew
from service.settings import Settings
from service.web.bench import measure
from service.web.house import House
from service.web.limits import Limiter
from service.web.made_up import fill


@click.command(name="bench-list")
@click.option("--studies", default=100_000, show_default=True, type=click.IntRange(100))
@click.option("--rounds", default=60, show_default=True, type=click.IntRange(5))
@click.option(
    "--database-url",
    "urls",
    multiple=True,
    help="An EMPTY database to fill and to measure in turn with SQLite; may be given again.",
)
def bench_list(studies: int, rounds: int, urls: Sequence[str]) -> None:
    """Fill databases with made-up studies and time reading list and page of performance over HTTP on this machine.

    SQLite in a temporary folder is always measured; what --database-url names is asked in turn with it, under the same load.
    """
    table = Table("Page", "Database", "Median", "95 %", "CPU", box=box.SIMPLE_HEAD, pad_edge=False)
    with tempfile.TemporaryDirectory(prefix="cartriage-bench-") as folder, ExitStack() as stack:
        houses: dict[str, House] = {}
        counted: list[str] = []
        for url in ("", *urls):
            settings = Settings(data=Path(folder), database_url=url)
            store = stack.enter_context(opened(settings))
            fill(store, studies, datetime.now(UTC))
            name = store.engine.dialect.name
            began = time.monotonic()
            renew(store, lambda: datetime.now(UTC), threading.Event())  # as the desk does
            counted.append(f"{name} {time.monotonic() - began:.1f} s")
            house = House(store, settings, requests=Limiter(limit=1_000_000, window_s=60))
            houses[name if name not in houses else f"{name} {len(houses)}"] = house
        before = os.getloadavg()[0]
        for one in measure(houses, rounds):
            times = (f"{value:.1f} ms" for value in (one.median_ms, one.p95_ms, one.cpu_ms))
            table.add_row(one.name, one.database, *times)
        console = Console(highlight=False)
        console.print(table)
        console.print(f"The desk's count of {len(PERIODS)} periods took: {', '.join(counted)}.")
        load = f"{before:.1f} before and {os.getloadavg()[0]:.1f} after it"
        console.print(f"{studies} studies, {os.cpu_count()} cores; load of the machine over a minute {load}.")
