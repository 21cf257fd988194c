"""One simulated study for all tests that analyse a whole one, and one cache behind them."""

import fcntl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CARTRIAGE = str(Path(sys.executable).parent / "cartriage")


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory) -> Path:
    """One folder for all processes of a test run: pytest-xdist gives each its own base below the run's."""
    own: Path = tmp_path_factory.getbasetemp()
    folder = (own.parent if own.name.startswith("popen-") else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def simulate(shared_folder) -> Callable[..., Path]:
    """Folder of a simulated study, made as a user makes it; each case once a test run."""

    def make(case: str, *options: str) -> Path:
        home = shared_folder / "-".join((case, *(option.strip("-") for option in options)))
        with home.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            whole = home / "whole"
            if not whole.exists():
                command = [CARTRIAGE, "simulate", case, "--out", str(home / case), *options]
                subprocess.run(command, check=True, capture_output=True, timeout=180)
                whole.touch()
        return home / case

    return make


@pytest.fixture(scope="session")
def cache_folder(shared_folder) -> Path:
    return shared_folder / "cache"
