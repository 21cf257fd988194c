"""What a library would tell its maker stays untold."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SWITCHES = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS")
"""Each of them keeps onnxruntime silent; a hospital's machine has none."""
LEFT = ".ses"
"""File in which its telemetry keeps a session's number."""


def left_by(folder: Path, code: str) -> set[str]:
    """Names of what a fresh interpreter leaves in its temporary folder."""
    environment = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    subprocess.run(
        [sys.executable, "-c", code], env=environment | {"TMPDIR": str(folder)}, check=True, timeout=120
    )
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("module", ["workers.models.slices", "workers.models.voxels", "workers.models.child"])
def test_the_models_start_without_telemetry(tmp_path, module):
    assert LEFT not in left_by(
        tmp_path, f"import {module}, onnxruntime; onnxruntime.get_available_providers()"
    )
