"""Many cases at once, each in a process with a time limit; what was done before is not done again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from rules.codec import MessageError, to_plain
from rules.identity import digest_of
from workers.evaluation.one_case import SCRATCH, Job
from workers.evaluation.outcome import Ending, Outcome, load, save
from workers.evaluation.suites import Study
from workers.evaluation.synthetic import truth_in

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"),
    "1",
)
"""Set for each process: with as many processes as cores, threads would only wait for each other."""
COMMAND: tuple[str, ...] = (sys.executable, "-m", "workers.evaluation.one_case")
"""What runs a case; the job's file is added."""
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Plan:
    """How a suite is run."""

    out: Path
    jobs: int = 2
    limit_s: float = 600.0
    """For one study, its making included."""
    policy: Path | None = None
    versions: tuple[str, ...] = ()
    """Digests of the code that makes and measures studies: outcomes of others are made anew."""
    kept: Path | None = None
    """Where simulated studies stay, so that another version of the analysis finds them made."""


@dataclass(frozen=True, slots=True)
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    started: float


def run_all(
    studies: Sequence[Study], plan: Plan, tell: Callable[[Outcome], None] = lambda _: None
) -> tuple[Outcome, ...]:
    """The outcomes of all studies, in their order. `tell` is called with each when it is there."""
    found: dict[str, Outcome] = {}
    waiting: list[Job] = []
    for study in studies:
        job = _job(study, plan)
        kept = _kept(job)
        if kept:
            found[study.name] = kept
            tell(kept)
        else:
            waiting.append(job)
    running: list[_Running] = []
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        while waiting or running:
            while waiting and len(running) < plan.jobs:
                running.append(_started(waiting.pop(0)))
            time.sleep(_LOOK_EVERY_S)
            for one in [one for one in running if _is_over(one, plan.limit_s)]:
                running.remove(one)
                found[one.job.study.name] = outcome = _outcome(one, plan.limit_s)
                tell(outcome)
    finally:
        signal.signal(signal.SIGTERM, before)
        for one in running:
            _kill(one)
    return tuple(found[study.name] for study in studies)


def left(studies: Sequence[Study], plan: Plan) -> tuple[Outcome, ...]:
    """What earlier runs left of these studies, whatever code measured them; the truth of kept studies is read anew."""
    return tuple(one for study in studies if (one := _left(_job(study, plan))) is not None)


def _left(job: Job) -> Outcome | None:
    outcome = _read(job)
    if outcome is None or outcome.truth is None or not job.kept:
        return outcome
    try:
        fresh = truth_in(Path(job.kept))
    except FileNotFoundError:
        return outcome
    return replace(outcome, truth=outcome.truth.renewed(fresh).without_files)


def _leave(number: int, _frame: FrameType | None) -> None:
    """Asked to end: leave by the usual way, so that no case is left running without anybody who waits for it."""
    raise SystemExit(128 + number)


def _job(study: Study, plan: Plan) -> Job:
    home = plan.out.resolve() / "cases" / study.name
    identity = digest_of([study, plan.versions])
    policy = str(plan.policy.resolve()) if plan.policy else ""
    # A read study lies on disk already; its folder is not ours to fill.
    kept = str(plan.kept.resolve() / study.name) if plan.kept and not study.folder else ""
    return Job(study, identity, str(home), policy, kept)


def _kept(job: Job) -> Outcome | None:
    """The outcome of an earlier run, if it is of the same study, code and policy."""
    outcome = _read(job)
    return outcome if outcome and outcome.identity == job.identity else None


def _read(job: Job) -> Outcome | None:
    """The outcome that lies there; None if there is none, or none that this version can read."""
    try:
        return load(Path(job.home) / "outcome.json")
    except (FileNotFoundError, json.JSONDecodeError, MessageError):
        return None


def _started(job: Job) -> _Running:
    home = Path(job.home)
    home.mkdir(parents=True, exist_ok=True)
    (home / "outcome.json").unlink(missing_ok=True)
    _clear(home)
    (home / "job.json").write_text(json.dumps(to_plain(job)), encoding="utf-8")
    with (home / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, str(home / "job.json")],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ONE_THREAD},
            start_new_session=True,  # so that its children end with it
        )
    return _Running(job, process, time.monotonic())


def _is_over(one: _Running, limit_s: float) -> bool:
    return one.process.poll() is not None or time.monotonic() - one.started > limit_s


def _outcome(one: _Running, limit_s: float) -> Outcome:
    home = Path(one.job.home)
    is_late = one.process.poll() is None
    if is_late:
        _kill(one)
    outcome = _left_behind(one.job)
    if is_late or one.process.returncode:
        ending = Ending.TIMEOUT if is_late else Ending.CRASH
        detail = f"not done within {limit_s:.0f} s" if is_late else _last_line(home / "log.txt")
        outcome = replace(outcome, identity=one.job.identity, ending=ending, detail=detail)
        save(outcome, home / "outcome.json")
    _clear(home)
    return outcome


def _left_behind(job: Job) -> Outcome:
    """What the process wrote; if it ended early, the study's truth at most."""
    try:
        return load(Path(job.home) / "outcome.json")
    except FileNotFoundError:
        return Outcome(job.study.name, job.identity, Ending.CRASH)


def _clear(home: Path) -> None:
    for scratch in home.glob(f"{SCRATCH}*"):
        shutil.rmtree(scratch, ignore_errors=True)


def _kill(one: _Running) -> None:
    """End a process and its children."""
    if one.process.poll() is None:
        os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "ended without a word"
