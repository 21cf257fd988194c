"""What dies in the middle: acknowledged is on disk, a result comes once, under the identity it would have had."""

import contextlib
import os
import signal
import subprocess
import time

import psutil
import pytest
from pydicom import dcmread

from rules.anatomy import Role
from tests.peers import need
from tests.walk.house import wait_for

pytestmark = pytest.mark.walk

MANY_IMAGES = (Role.LOCALIZER, Role.B0, Role.DWI, Role.ADC, Role.SWI)
"""Enough to be cut off among them, and soon analysed: without a FLAIR, a T2 and a T1 no brain is looked for."""


def _headers(folder):
    return [dcmread(path, stop_before_pixels=True) for path in sorted(folder.rglob("*.dcm"))]


def test_a_worker_killed_in_mid_task_costs_no_result_and_makes_none_twice(house, pacs, scan, scanner):
    folder = scan("pres", "KILLED-WORKER", Role.FLAIR, seed=7)
    study = str(_headers(folder)[0].StudyInstanceUID)
    house.run("cohort", "add", "KILLED-WORKER", "--infusion-date", "2026-02-14")
    assert scanner(folder).returncode == 0

    wait_for(lambda: list((house.data / "files" / "locks").glob("*.lock")), 90, "a worker to take the study")
    idle = _spent_s(house)
    wait_for(
        lambda: any(spent > idle.get(pid, 0.0) + 1 for pid, spent in _spent_s(house).items()),
        90,
        "a worker at work",
    )
    # The one that computes is a child; killing the whole family is the harder case.
    family = house.children("workers")
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)

    wait_for(lambda: len(pacs.instances(study)) >= 3, 240, "SR, SC and KOS in the PACS")
    time.sleep(3)  # a second result would come now
    held = {found["MainDicomTags"]["SOPInstanceUID"] for found in pacs.instances(study)}
    assert len(held) == 3
    assert house.events(study).count("study_triaged") == 1
    reported = [event for event in house.trail(study) if event["event"] == "study_triaged"]
    assert held <= set(reported[0]["detail"]["reports"])


def _files(house) -> int:
    return sum(1 for _ in (house.data / "files" / "instances").rglob("*.dcm"))


def _wait_for_files(house, *, before: int, more: int) -> None:
    """Wait closely: a whole study takes about a second."""
    deadline = time.monotonic() + 30
    while _files(house) < before + more:
        assert time.monotonic() < deadline, "no image arrived"
        time.sleep(0.01)


def _spent_s(house) -> dict[int, float]:
    """Processor seconds that each process of the workers has used; a busy machine takes longer to give them."""
    found = {}
    for process in house.children("workers"):
        with contextlib.suppress(psutil.NoSuchProcess):
            found[process.pid] = process.cpu_times().user
    return found


def test_a_node_killed_in_mid_association_tells_the_sender_and_loses_nothing(house, pacs, scan, scanner):
    folder = scan("healthy", "KILLED-NODE", *MANY_IMAGES, seed=8)
    headers = _headers(folder)
    study = str(headers[0].StudyInstanceUID)
    house.run("cohort", "add", "KILLED-NODE", "--infusion-date", "2026-02-14", "--icans-grade", "2")
    before = house.node
    files_before = _files(house)

    sender = subprocess.Popen(
        [need("storescu"), "-aet", "SCANNER", "-aec", "CARTRIAGE", "+sd", "+r",
         "127.0.0.1", str(before["port"]), str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    _wait_for_files(house, before=files_before, more=20)
    os.kill(before["pid"], signal.SIGKILL)
    sender.communicate(timeout=60)
    assert sender.returncode != 0, "the whole study was sent before the node was killed"

    acknowledged = house.events(study).count("instance_stored")
    assert 0 < acknowledged < len(headers)
    wait_for(lambda: house.node["pid"] != before["pid"], 60, "the node's restart")
    again = wait_for(
        lambda: (sent := scanner(folder)).returncode == 0 and sent, 60, "the re-send to be taken"
    )
    assert again.returncode == 0

    # What had arrived before the kill may have settled by itself; the last snapshot is the whole study.
    wait_for(lambda: _settled(house, study)[-1:] == [len(headers)], 60, "the whole study to settle")
    expected = 3 * len(_settled(house, study))
    wait_for(
        lambda: len(pacs.instances(study)) >= expected, 180, "SR, SC and KOS of every snapshot in the PACS"
    )
    assert len(pacs.instances(study)) == expected
    events = house.trail(study)
    stored = [event["detail"]["sop_instance_uid"] for event in events if event["event"] == "instance_stored"]
    assert sorted(stored) == sorted(str(header.SOPInstanceUID) for header in headers)


def _settled(house, study) -> list[int]:
    """Number of instances of each snapshot, in order."""
    events = house.trail(study)
    return [event["detail"]["instances"] for event in events if event["event"] == "study_settled"]
