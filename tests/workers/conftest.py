"""One simulated study for all tests that analyse a whole one, and one cache behind them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CARTRIAGE = str(Path(sys.executable).parent / "cartriage")


@pytest.fixture(scope="session")
def simulate(tmp_path_factory) -> Callable[..., Path]:
    """Folder of a simulated study, made as a user makes it; each case once a session."""
    made: dict[tuple[str, ...], Path] = {}

    def make(case: str, *options: str) -> Path:
        key = (case, *options)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("simulated") / case
            command = [CARTRIAGE, "simulate", case, "--out", str(made[key]), *options]
            subprocess.run(command, check=True, capture_output=True, timeout=180)
        return made[key]

    return make


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")
