"""`make mutation`: the tests put to every mutant in forks of one warm process, which has read policy, cases and tests once.

Each mutant meets its module's own tests, then the cases of tests/rules/cases, then the other tests that pyproject.toml selects; the
first that fails kills it. A hundredth of the time that a test run takes. Run in `mutants/`, as `screen_mutants.py rules.decide*`.
"""

import fnmatch
import gc
import json
import os
import resource
import sys
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import zip_longest
from pathlib import Path
from typing import Any

HERE = Path.cwd()
sys.path.insert(0, str(HERE))
os.environ["MUTANT_UNDER_TEST"] = ""

import pytest  # noqa: E402 - the mutants' folder comes first

_KILLED, _TIMEOUT, _ALIVE = 1, 36, 0
"""Exit codes as mutmut keeps them."""
_STAGES = {1: "its own tests", 2: "a case", 3: "other tests", _TIMEOUT: "the limit of time"}
"""Exit code of a fork: who killed its mutant."""
_LIMIT_S = 30
"""Seconds of the processor after which a mutant runs in circles."""
_PATIENCE_S = float(os.environ.get("PATIENCE_S", "2"))
"""Seconds of the processor that each mutant's cases may take."""
_STRIDE = 7
_MOST_VARIANTS = 2
"""A case that decides more values of its ranges takes too long to be put to hundreds of mutants."""
_ELSEWHERE = {"evaluation": "test_conditions.py", "floors": "test_decide.py", "urgency": "test_ageing.py"}
"""Own tests of a module that stand in another's file."""
_CASES = "test_cases.py"
"""Asks what the cases ask, in a test for each: the cases are put without it."""


def _asker() -> Callable[[], bool]:
    """A question to the code as it stands: does it decide every case as expected?

    Policy and cases are read once, before any mutant: what reads them has tests of its own. Those with wide ranges are left out.
    """
    policies, stories, verdicts = (
        import_module(name) for name in ("rules.policy", "tests.rules.stories", "rules.case_verdict")
    )
    policy = policies.load()
    cases = sorted(stories.stories(policy), key=_size)
    cases = [story for story in cases if _size(story) <= _MOST_VARIANTS]

    # Files tell of other things than their neighbours: taken in turn, any part of them asks a little of everything.
    cases = [story for first in range(_STRIDE) for story in cases[first::_STRIDE]]

    def holds() -> bool:
        end = time.process_time() + _PATIENCE_S
        return all(time.process_time() > end or verdicts.put(policy, story).holds for story in cases)

    return holds


def _size(story: Any) -> int:
    return sum(len(step.variants) for step in story.steps)


class Screen:
    """Runs the collected tests once for each mutant, each time in a fork: nothing of one mutant is left for the next."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = patterns
        self.holds = _asker()
        self.stage = _KILLED

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        gc.freeze()  # the forks share the pages of what is read
        if self._end("", session.items) != _ALIVE:
            pytest.exit("a test or a case fails without any mutant", returncode=1)
        for path in sorted((HERE / "rules").glob("*.py.meta")):
            self._module(path, session.items)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            sys.stdout.write(f"{report.nodeid}\n{report.longrepr}\n")
            sys.stdout.flush()
            os._exit(self.stage)

    def _module(self, path: Path, items: list[pytest.Item]) -> None:
        meta: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        codes = meta["exit_code_by_key"]
        module = path.name.removesuffix(".py.meta")
        own = _ELSEWHERE.get(module, f"test_{module}.py")
        asked = [name for name, code in codes.items() if not code and self._is_asked(name)]
        by: Counter[str] = Counter()
        for name in asked:
            end = self._end(name, sorted(items, key=lambda item: item.path.name != own), own)
            codes[name] = end if end in {_ALIVE, _TIMEOUT} else _KILLED
            by[_STAGES.get(end, "no test")] += 1
            path.write_text(json.dumps(meta, indent=4), encoding="utf-8")
        if asked:
            told = ", ".join(f"{count} by {who}" for who, count in sorted(by.items()))
            sys.stdout.write(f"{path.name}: of {len(asked)} {told}\n")
            sys.stdout.flush()

    def _is_asked(self, name: str) -> bool:
        return any(fnmatch.fnmatch(name, one) for one in self.patterns)

    def _end(self, name: str, items: list[pytest.Item], own: str = "") -> int:
        """Exit code of a fork that puts everything to one mutant."""
        child = os.fork()
        if child == 0:
            os.environ["MUTANT_UNDER_TEST"] = name
            resource.setrlimit(resource.RLIMIT_CPU, (_LIMIT_S, _LIMIT_S))
            if name:
                _hush()
            try:
                self._put(items, own)
            except BaseException:  # noqa: BLE001 - whatever a mutant raises, a test would have failed
                traceback.print_exc()  # heard only where there is no mutant
                os._exit(self.stage)
            os._exit(_ALIVE)
        _, status = os.waitpid(child, 0)
        return _TIMEOUT if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)

    def _put(self, items: list[pytest.Item], own: str) -> None:
        first = [item for item in items if item.path.name == own]
        _run(first)
        self.stage = 2
        if not self.holds():
            os._exit(self.stage)
        self.stage = 3
        _run([item for item in items if item.path.name != own])


def _hush() -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)


def _run(items: list[pytest.Item]) -> None:
    for item, following in zip_longest(items, items[1:]):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def _selected() -> Iterator[str]:
    settings = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    return (one for one in settings["pytest_add_cli_args_test_selection"] if not one.endswith(_CASES))


if __name__ == "__main__":
    # Nobody reads why a mutant's test failed: to tell it takes longer than the test.
    plain = ["-q", "--capture=no", "--tb=line", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist"]
    sys.exit(pytest.main([*plain, *_selected()], plugins=[Screen(sys.argv[1:] or ["*"])]))
