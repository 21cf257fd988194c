"""The same study gives the same numbers, to the last bit, on whatever machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rules.anatomy import Role
from workers.simulation.cases import case_named
from workers.simulation.study import StudyOptions, simulate_study

pytestmark = pytest.mark.slow

_CARTRIAGE = str(Path(sys.executable).parent / "cartriage")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A FLAIR, which the brain is found in, and a T1, which is aligned with it."""
    folder = tmp_path_factory.mktemp("simulated") / "study"
    options = StudyOptions(roles=frozenset({Role.FLAIR, Role.T1}))
    simulate_study(case_named("pres"), seed=1, out=folder, options=options)
    return folder


def _found(study: Path, out: Path, threads: int) -> tuple[list[dict], list[dict], dict]:
    """Findings, lesions and decision of a walk without a cache, in a process with so many threads."""
    command = [_CARTRIAGE, "triage", str(study), "--out", str(out), "--at", "2026-03-02T08:00:00+0000"]
    subprocess.run([*command, "--threads", str(threads)], check=True, capture_output=True, timeout=500)
    result = json.loads((out / "result.json").read_text())
    return result["findings"], result["lesions"], result["decision"]


def test_two_walks_with_one_and_two_threads_find_the_same_to_the_last_bit(study, tmp_path):
    one, two = (_found(study, tmp_path / str(threads), threads) for threads in (1, 2))
    assert any(finding.get("value") for finding in one[0])
    assert one == two
