"""`make mutation`: the tests put to every mutant in forks of one warm process, which has read policy, cases and tests once.

First the tests run without any mutant, a file in a fork: all must pass, and each tells which functions it runs and how long it takes. A
mutant then meets the tests that run its function: those that killed its neighbours, its module's own, the quickest. The first that fails
kills it. Run in `mutants/`, as `screen_mutants.py 'rules.decide.*' 'rules.*'`, in this order.
"""

import fnmatch
import gc
import hashlib
import json
import os
import pickle
import resource
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

HERE = Path.cwd()
sys.path.insert(0, str(HERE))
os.environ["MUTANT_UNDER_TEST"] = "none"  # while all is read

import hypothesis  # noqa: E402 - the mutants' folder comes first
import pytest  # noqa: E402
from mutmut.mutation import trampoline  # noqa: E402 - beside the mutants only; see the Makefile

_KILLED, _TIMEOUT, _ALIVE = 1, 36, 0
"""Exit codes as mutmut keeps them."""
_LIMIT_S = 10
"""Seconds of the processor after which a mutant runs in circles."""
_PATIENCE_S = float(os.environ.get("PATIENCE_S", "2"))
"""Seconds of the processor after which no further test is begun for a mutant."""
_RUNS = HERE / "runs"
"""What the tests do without any mutant, a file for each of theirs."""
_RECORD = "stats"
"""What mutmut's functions take for the wish that they note who was called."""


@dataclass(frozen=True)
class Run:
    """What a test did without any mutant: whose functions it ran, in how many seconds of the processor."""

    functions: frozenset[str]
    seconds: float


class Screen:
    """Runs the collected tests once for each mutant, each time in a fork: nothing of one mutant is left for the next."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = patterns
        self.tell: Callable[[str], None] | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            pytest.exit("the tests cannot be read", returncode=1)
        gc.freeze()  # the forks share the pages of what is read
        _RUNS.mkdir(exist_ok=True)
        runs: dict[pytest.Item, Run] = {}
        for _, group in groupby(session.items, key=lambda item: item.path):
            items = list(group)
            runs |= dict(zip(items, self._runs(items), strict=True))
        self.by_function: dict[str, list[pytest.Item]] = defaultdict(list)
        for item in sorted(runs, key=lambda item: runs[item].seconds):
            for function in runs[item].functions:
                self.by_function[function].append(item)
        _say(f"{len(runs)} tests run {len(self.by_function)} functions")
        for pattern in self.patterns:
            for path in sorted((HERE / "rules").glob("*.py.meta")):
                self._module(path, pattern)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.tell:
            _say(f"{report.nodeid}\n{report.longrepr}")
            self.tell(report.nodeid)
            os._exit(_KILLED)

    def _runs(self, items: list[pytest.Item]) -> list[Run]:
        """The runs of one file's tests: as they were kept, or once more if anything of the rules or the file changed."""
        path = items[0].path
        kept = _RUNS / path.with_suffix(".pickle").name
        digest = _digest(path)
        if kept.exists() and (known := pickle.loads(kept.read_bytes()))[0] == digest:  # noqa: S301 - our own
            return known[1]
        code, told = self._fork(_RECORD, lambda: [_recorded(item, after) for item, after in _in_turn(items)])
        if code != _ALIVE:
            pytest.exit(f"{path.name} fails without any mutant: {told!r}", returncode=1)
        runs: list[Run] = pickle.loads(told)  # noqa: S301 - written by our own fork
        kept.write_bytes(pickle.dumps((digest, runs)))
        return runs

    def _module(self, path: Path, pattern: str) -> None:
        meta: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        codes = meta["exit_code_by_key"]
        own = f"test_{path.name.removesuffix('.py.meta')}.py"
        asked = [name for name, code in codes.items() if not code and fnmatch.fnmatch(name, pattern)]
        by: Counter[str] = Counter()
        for name in asked:
            codes[name], who = self._put(name, own)
            by[who] += 1
            path.write_text(json.dumps(meta, indent=4), encoding="utf-8")
        if asked:
            _say(f"{path.name}: of {len(asked)} " + ", ".join(f"{n} by {who}" for who, n in by.most_common()))

    def _put(self, name: str, own: str) -> tuple[int, str]:
        """Exit code of a mutant, and the file of the test that killed it."""
        tests = self.by_function[name.rpartition("__mutmut_")[0]]
        # The sort is stable: within both halves whoever killed last comes first, then the quicker.
        ordered = sorted(tests, key=lambda item: item.path.name != own)

        def ask() -> None:
            for item, after in _in_turn(ordered):
                if time.process_time() > _PATIENCE_S:
                    return
                _run(item, after)

        code, told = self._fork(name, ask)
        killer = next((item for item in tests if item.nodeid.encode() == told), None)
        if killer:
            tests.remove(killer)
            tests.insert(0, killer)
        if code == _TIMEOUT:
            return code, "the limit of time"
        return code, killer.path.name if killer else "an error" if code else "nothing"

    def _fork(self, name: str, ask: Callable[[], Any]) -> tuple[int, bytes]:
        """Exit code of a fork that asks with this mutant, and what it told."""
        hear, speak = os.pipe()
        child = os.fork()
        if child == 0:
            # mutmut asks the environment at each call, which takes longer than most functions.
            trampoline.get_mutant_under_test = lambda: name
            self.tell = lambda text: _write(speak, text.encode())
            if name != _RECORD:
                resource.setrlimit(resource.RLIMIT_CPU, (_LIMIT_S, _LIMIT_S))
                _hush()
            try:
                _write(speak, pickle.dumps(ask()))
            except BaseException:  # noqa: BLE001 - whatever a mutant raises, a test would have failed
                traceback.print_exc()  # heard only where there is no mutant
                os._exit(_KILLED)
            os._exit(_ALIVE)
        os.close(speak)
        with os.fdopen(hear, "rb") as pipe:
            told = pipe.read()
        _, status = os.waitpid(child, 0)
        return (_TIMEOUT if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)), told


def _digest(tests: Path) -> str:
    """Of a file of tests, what it shares with others, and the rules."""
    digest = hashlib.sha256()
    shared = ("tests/rules/[!t]*.py", "tests/rules/cases/*", "rules/*.py", "rules/policies/**/*.yaml")
    for path in (tests, *sorted(path for pattern in shared for path in HERE.glob(pattern))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _write(pipe: int, told: bytes) -> None:
    with os.fdopen(pipe, "wb", closefd=False) as file:
        file.write(told)


def _hush() -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _in_turn(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip_longest(items, items[1:])


def _run(item: pytest.Item, following: pytest.Item | None) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def _recorded(item: pytest.Item, following: pytest.Item | None) -> Run:
    functions: set[str] = set()
    trampoline.record_trampoline_hit = lambda name, caller=None: functions.add(name)  # noqa: ARG005 - as it is called
    begun = time.process_time()
    _run(item, following)
    return Run(frozenset(functions), time.process_time() - begun)


if __name__ == "__main__":
    # A busy machine kills no mutant, nor does chance.
    hypothesis.settings.register_profile("mutants", deadline=None, derandomize=True, database=None)
    hypothesis.settings.load_profile("mutants")
    # Nobody reads why a mutant's test failed: to tell it takes longer than the test.
    plain = ["-q", "--capture=no", "--tb=line", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist"]
    # Whole decisions on hundreds of drawn cases, and a measurement of time: seconds for each mutant that survives.
    left_out = [f"--ignore=tests/rules/test_{name}.py" for name in ("properties", "speed")]
    tests = os.environ.get("TESTS", "tests/rules").split()
    sys.exit(pytest.main([*plain, *left_out, *tests], plugins=[Screen(sys.argv[1:] or ["*"])]))
