"""The benchmark's own arithmetic; the walk itself is minutes and belongs to `make bench-analysis`."""

import os
import subprocess
import sys

from workers.benchmark import Bench, Run, resident_bytes


def _run(seconds: float, peak_gb: float) -> Run:
    return Run(seconds, seconds + 3, seconds, peak_gb, {}, (), "P2", {"itk": 2, "blas": 1})


def test_each_target_is_judged_on_its_own():
    bench = Bench("made up", 2, "x86_64", _run(44.0, 3.1), _run(11.0, 1.0))
    assert bench.reached == {"cold_s": True, "warmed_s": False, "peak_gb": False}


def test_memory_is_that_of_the_whole_tree():
    alone = resident_bytes(os.getpid())
    code = "import sys; held = bytearray(80_000_000); print(1, flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        child.stdout.readline()
        both = resident_bytes(os.getpid())
        child.stdin.close()
        child.wait()
    assert both - alone > 70_000_000


def test_a_process_that_is_gone_has_no_memory():
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    child.wait()
    assert resident_bytes(child.pid) == 0
