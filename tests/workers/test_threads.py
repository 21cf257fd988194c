"""Two workers on two cores do not fight, and on however many threads a number is the same."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - as all its users write it
from click.testing import CliRunner

from service.broker import clear_socket, server_command, socket_path, socket_url
from service.settings import Settings
from workers.cli import triage
from workers.imaging.contrast import FLAIR
from workers.imaging.distance import depth_in
from workers.imaging.template import load_template
from workers.imaging.warp import _demons, _greedy, deformation
from workers.threads import cores, threads_for


@contextmanager
def itk_threads(count: int) -> Iterator[None]:
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(count)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def untold() -> dict[str, str]:
    """The environment of a process that nobody has told of threads yet."""
    return {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}


def test_the_cores_are_shared_out_and_nobody_goes_without():
    assert threads_for(None) == cores()
    assert threads_for(None, 2) == max(1, cores() // 2)
    assert threads_for(None, 1000) == 1
    assert threads_for(3, 1000) == 3


@pytest.mark.parametrize(
    ("quotas", "left"),
    [
        ({"": "100000 100000"}, 1),
        ({"": "50000 100000"}, 1),
        ({"unit": "100000 100000"}, 1),
        ({"unit": "max 100000", "": "100000 100000"}, 1),
        ({"unit": "9900000 100000"}, None),
        ({"unit": "max 100000"}, None),
        ({"unit": "no numbers"}, None),
        ({"elsewhere": "100000 100000"}, None),
        ({}, None),
    ],
)
def test_a_container_or_unit_with_a_quota_has_no_more_cores_than_that(tmp_path, quotas, left):
    membership = tmp_path / "membership"
    membership.write_text("1:name=systemd:/other\n0::/unit\n")
    for group, quota in quotas.items():
        (tmp_path / group).mkdir(exist_ok=True)
        (tmp_path / group / "cpu.max").write_text(quota)
    assert cores(membership, tmp_path) == (left or len(os.sched_getaffinity(0)))


def test_a_machine_without_groups_has_the_cores_of_its_affinity(tmp_path):
    assert cores(tmp_path / "none", tmp_path) == len(os.sched_getaffinity(0))


def test_libraries_are_limited_whether_loaded_before_or_after():
    code = (
        "import numpy, json; from workers.threads import limit_threads, threads_in_force; limit_threads(3);"
        "import scipy.linalg, threadpoolctl; assert len(threadpoolctl.threadpool_info()) > 1;"
        "print(json.dumps(threads_in_force()))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], env=untold(), capture_output=True, check=True, timeout=120
    )
    assert json.loads(said.stdout) == {"itk": 3, "blas": 1}


def test_two_processes_of_a_worker_share_the_cores(tmp_path):
    settings = Settings(data=tmp_path, redis_url=socket_url(tmp_path))
    environment = untold() | {"CARTRIAGE_DATA": str(tmp_path), "CARTRIAGE_WORKERS": "2"}
    with (
        (tmp_path / "log").open("wb") as log,
        _until_done(subprocess.Popen(server_command(settings), stdout=subprocess.DEVNULL)),
    ):
        _wait_for(socket_path(tmp_path).exists)
        worker = subprocess.Popen([sys.executable, "-m", "workers"], env=environment, stderr=log)
        with _until_done(worker):
            _wait_for(lambda: len(_started(tmp_path / "log")) == 2)
    clear_socket(tmp_path)
    assert _started(tmp_path / "log") == [{"itk": threads_for(None, 2), "blas": 1}] * 2


def _started(log: Path) -> list[dict[str, int]]:
    """What the libraries of each process of a worker said when it started."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [
        {name: one[name] for name in ("itk", "blas")}
        for one in lines
        if one["event"] == "worker_process_started"
    ]


@contextmanager
def _until_done(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait(120)


def _wait_for(look) -> None:
    limit = time.monotonic() + 240
    while not look():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_folder_is_not_triaged_with_a_number_of_threads_that_is_none(tmp_path):
    told = CliRunner().invoke(
        triage, [str(tmp_path), "--out", str(tmp_path / "out")], env={"CARTRIAGE_WORKER_THREADS": "0"}
    )
    assert told.exit_code == 2
    assert "CARTRIAGE_WORKER_THREADS" in told.output
    assert "0 is not in the range" in told.output


class Recorded(dict[str, object]):
    """In place of greedy: keeps what it is told."""

    def execute(self, command: str, **images: object) -> None:
        self.update(images, command=command)


@pytest.mark.parametrize("count", [1, 3])
def test_greedy_is_told_how_many_threads(count):
    image = sitk.Image(4, 4, 4, sitk.sitkFloat32)
    with itk_threads(count):
        _greedy(recorded := Recorded(), image, image, image)
    assert f"-threads {count} " in str(recorded["command"])


def test_deformations_and_distances_are_the_same_on_every_run_and_number_of_threads():
    template = load_template(4)
    scan = np.roll(template.image(FLAIR), 1, axis=1)
    part = np.s_[10:24, 14:34, 12:32]
    images = [sitk.GetImageFromArray(one[part]) for one in (scan, template.image(FLAIR))]
    found = []
    for count in (1, 3):
        with itk_threads(count):
            by_demons = sitk.GetArrayFromImage(_demons(*images))
            found.append((deformation(scan, template), by_demons, depth_in(template.brain, (1.0, 2.0, 3.0))))
    assert all(np.ptp(one) > 0 for one in found[0])
    assert all(np.array_equal(one, other) for one, other in zip(*found, strict=True))
