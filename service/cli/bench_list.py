"""`cartriage bench-list`: how fast the reading list is with very many studies."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from service.cli.options import opened
from service.settings import Settings
from service.web.bench import fill, measure
from service.web.house import House
from service.web.limits import Limiter


@click.command(name="bench-list")
@click.option("--studies", default=100_000, show_default=True, type=click.IntRange(100))
@click.option("--rounds", default=60, show_default=True, type=click.IntRange(5))
@click.option(
    "--database-url", default="", help="An EMPTY database to fill; without one, SQLite in a temporary folder."
)
def bench_list(studies: int, rounds: int, database_url: str) -> None:
    """Fill a database with made-up studies and time the pages of the reading list over HTTP on this machine."""
    table = Table("Page", "Median", "95 %", "CPU", box=box.SIMPLE_HEAD, pad_edge=False)
    with tempfile.TemporaryDirectory(prefix="cartriage-bench-") as folder:
        settings = Settings(data=Path(folder), database_url=database_url)
        with opened(settings) as store:
            fill(store, studies, datetime.now(UTC))
            house = House(store, settings, requests=Limiter(limit=1_000_000, window_s=60))
            for one in measure(house, rounds):
                table.add_row(
                    one.name, f"{one.median_ms:.1f} ms", f"{one.p95_ms:.1f} ms", f"{one.cpu_ms:.1f} ms"
                )
    Console(highlight=False).print(table)
