"""`make mutation-cases`: the cases of tests/rules/cases put to every mutant in forks of one warm process.

Each case that is decided otherwise, or not at all, fails tests/rules/test_cases.py too: the mutant is killed, in a hundredth
of the time that a test run takes. What is left alive is left to `make mutation`. Run in `mutants/`, as `screen_mutants.py rules.decide*`.
"""

import fnmatch
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path.cwd()
_KILLED, _TIMEOUT, _ALIVE = 1, 36, 0
"""Exit codes as mutmut keeps them."""
_LIMIT_S = 30
"""Seconds of the processor after which a mutant runs in circles."""
_PATIENCE_S = float(os.environ.get("PATIENCE_S", "2"))
"""Seconds of the processor that each mutant's cases may take; what is alive then is left alive."""
_STRIDE = 7
_MOST_VARIANTS = 2
"""A case that decides more values of its ranges takes too long to be put to hundreds of mutants."""


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


def _ends_alive(name: str, holds: Callable[[], bool]) -> int:
    child = os.fork()
    if child == 0:
        os.environ["MUTANT_UNDER_TEST"] = name
        resource.setrlimit(resource.RLIMIT_CPU, (_LIMIT_S, _LIMIT_S))
        try:
            os._exit(_ALIVE if holds() else _KILLED)
        except BaseException:  # noqa: BLE001 - whatever a mutant raises, a test would have failed
            os._exit(_KILLED)
    _, status = os.waitpid(child, 0)
    return _TIMEOUT if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def _screen(path: Path, patterns: list[str], holds: Callable[[], bool]) -> None:
    meta: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    codes = meta["exit_code_by_key"]
    asked = [
        name
        for name, code in codes.items()
        if code is None and any(fnmatch.fnmatch(name, one) for one in patterns)
    ]
    killed = 0
    for name in asked:
        code = _ends_alive(name, holds)
        if code != _ALIVE:
            codes[name] = code
            killed += 1
            path.write_text(json.dumps(meta, indent=4), encoding="utf-8")
    if asked:
        sys.stdout.write(f"{path.name}: {killed} of {len(asked)} killed by a case\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    os.environ["MUTANT_UNDER_TEST"] = ""
    ask = _asker()
    if not ask():
        sys.exit("a case fails without any mutant")
    for file in sorted((HERE / "rules").glob("*.py.meta")):
        _screen(file, sys.argv[1:] or ["*"], ask)
