"""`cartriage demo`: the main job on a simulated patient or on the user's own study, on this machine."""

import shutil
import signal
import sys
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from service.demo.narration import Narrator
from service.demo.walk import Demo
from service.errors import ServiceError

_INTERRUPTED = 130


@click.command()
@click.option(
    "--study",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Your own study as a folder of DICOM files; without it, one is simulated.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-out"),
    show_default=True,
    help="Where the results go.",
)
def demo(study: Path | None, out: Path) -> None:
    """Run the main job on this machine: flag, send, analyse, decide, report, deliver, and check what the PACS holds.

    Everything runs on loopback with a temporary data folder and ends with this command. Not for diagnosis.
    """
    console = Console(highlight=False)
    run = Demo(Narrator(console), study, out)
    _on_signals(run)
    try:
        is_right = run.run()
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        sys.exit(_INTERRUPTED)
    except ServiceError as error:
        console.print(f"[bold red]Failed:[/] {error}")
        for line in run.log_tails():
            run.narrator.line(line)
        sys.exit(1)
    if is_right:
        shutil.rmtree(out / "logs", ignore_errors=True)
    sys.exit(0 if is_right else 1)


def _on_signals(run: Demo) -> None:
    """The first signal ends the run in order, the next one at once; the clean-up itself is never interrupted."""

    def note(_number: int, _frame: FrameType | None) -> None:
        if run.is_ending:
            run.hurry()
            return
        run.is_ending = True
        run.narrator.console.print("Stopping ... (again: at once)")
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, note)
