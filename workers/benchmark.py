"""The command `cartriage bench-analysis`: time and memory of one whole clinical study, from files to decision."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from rules.anatomy import Role
from rules.context import PatientContext
from rules.policy import load
from workers.cache import Cache
from workers.evaluation.files import series_below
from workers.offline import triage_folder
from workers.settings import WorkerSettings
from workers.threads import limit_threads, threads_for, threads_in_force
from workers.versions import versions

CASE, SEED, VENDOR = "pres", 1, "siemens"
"""The study that is measured: all series of a clinical protocol, 2D and 3D."""
LAST = Role.SWI
"""The series that arrives last; all others are warmed before."""
COLD_S, WARM_S, PEAK_GB = 45.0, 10.0, 3.0
"""Targets of issue 3 on two cores."""
_SAMPLE_S = 0.05
_GB = 1 << 30


@dataclass(frozen=True, slots=True)
class Run:
    """One walk of the pipeline in a process of its own."""

    seconds: float
    """From files to decision and reports, without the start of Python."""
    process_seconds: float
    """With the start of Python and its libraries, which a worker pays once."""
    cpu_seconds: float
    """Processor time of all threads and children between files and reports: what the load of the machine changes least."""
    peak_gb: float
    """Most resident memory of the process and all its children together."""
    stages: dict[str, float]
    """Own seconds of each stage."""
    cached: tuple[str, ...]
    """Stages that the cache answered."""
    priority: str
    threads: dict[str, int]
    """Of the libraries, as they say."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What `bench-analysis` prints."""

    study: str
    cores: int
    machine: str
    cold: Run
    warmed: Run
    targets: dict[str, float] = field(
        default_factory=lambda: {"cold_s": COLD_S, "warmed_s": WARM_S, "peak_gb": PEAK_GB}
    )

    @property
    def reached(self) -> dict[str, bool]:
        """Each target, reached or not."""
        return {
            "cold_s": self.cold.seconds <= COLD_S,
            "warmed_s": self.warmed.seconds <= WARM_S,
            "peak_gb": max(self.cold.peak_gb, self.warmed.peak_gb) <= PEAK_GB,
        }


@click.command("bench-analysis")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the JSON here instead of printing."
)
@click.option(
    "--study",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Another study than the simulated one; its SWI counts as the last series.",
)
def bench_analysis(out: Path | None, study: Path | None) -> None:
    """Measure one whole study with a cold cache, and with all series but the last warmed, as JSON."""
    with tempfile.TemporaryDirectory(prefix="cartriage-bench-") as scratch:
        folder = study or _simulated(Path(scratch))
        found = json.dumps(_document(measure(folder, Path(scratch))), indent=2)
    if out:
        out.write_text(found + "\n", encoding="utf-8")
    else:
        click.echo(found)


def measure(study: Path, scratch: Path) -> Bench:
    """Two walks of a study: with an empty cache, and with one filled by the study without its last series."""
    early = _without_last(study, scratch / "early")
    cold = _walk(study, scratch / "cold", scratch / "cold-cache")
    _walk(early, scratch / "early-out", scratch / "warm-cache")
    warmed = _walk(study, scratch / "warm", scratch / "warm-cache")
    name = f"{CASE}, {VENDOR}, seed {SEED}" if study.is_relative_to(scratch) else "given study"
    return Bench(name, os.cpu_count() or 1, platform.machine(), cold, warmed)


def _simulated(scratch: Path) -> Path:
    folder = scratch / "study"
    command = [str(Path(sys.executable).parent / "cartriage"), "simulate", CASE, "--seed", str(SEED)]
    subprocess.run(
        [*command, "--vendor", VENDOR, "--out", str(folder)], check=True, stdout=subprocess.DEVNULL
    )
    return folder


def _without_last(study: Path, early: Path) -> Path:
    """A folder with copies of all files but those of the last series."""
    early.mkdir()
    for one in series_below(study):
        if one.role is not LAST:
            for path in one.files:
                shutil.copyfile(path, early / f"{len(list(early.iterdir())):05d}.dcm")
    return early


def _walk(study: Path, out: Path, cache: Path) -> Run:
    """One walk in a fresh process, watched from here. Raises ClickException if it fails."""
    command = [sys.executable, "-m", "workers.benchmark", str(study), str(out), str(cache)]
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, resident_bytes(process.pid))
        time.sleep(_SAMPLE_S)
    whole = time.monotonic() - start
    if process.returncode:
        raise click.ClickException(f"the walk ended with status {process.returncode}")
    told: dict[str, Any] = json.loads((out / "bench.json").read_text(encoding="utf-8"))
    return Run(process_seconds=round(whole, 2), peak_gb=round(peak / _GB, 2), **told)


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and all its descendants now, from /proc; 0 if it is gone or there is no /proc."""
    home = Path("/proc") / str(pid)
    try:
        pages = int((home / "statm").read_text().split()[1])
        children = (home / "task" / str(pid) / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident_bytes(int(child)) for child in children)


def _document(bench: Bench) -> dict[str, Any]:
    return {**asdict(bench), "reached": bench.reached, "versions": versions()}


def walk_here(study: Path, out: Path, cache: Path) -> None:
    """Triage a study in this process, with the threads of a worker, and leave times in bench.json."""
    settings = WorkerSettings()
    limit_threads(threads_for(settings.worker_threads, settings.workers))
    start, before = time.monotonic(), sum(os.times()[:4])
    triaged = triage_folder(
        study, out, PatientContext(is_cart_recipient=True), load(), Cache(cache), now=datetime.now(UTC)
    ).triaged
    seconds = time.monotonic() - start
    stages: dict[str, float] = {}
    for stage in triaged.stages:
        stages[stage.stage] = round(stages.get(stage.stage, 0.0) + stage.seconds, 3)
    told = {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(sum(os.times()[:4]) - before, 2),
        "stages": stages,
        "cached": sorted({stage.stage for stage in triaged.stages if stage.is_cached}),
        "priority": triaged.decision.priority,
        "threads": threads_in_force(),
    }
    (out / "bench.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    walk_here(*(Path(argument) for argument in sys.argv[1:4]))
