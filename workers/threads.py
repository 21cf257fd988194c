"""How many threads a process of ours takes for its numbers: set here, once, for all libraries that it loads now or later.

ITK gets them: its filters, and greedy's, give the same voxels on any number of threads. BLAS and OpenMP get one, for they split a
long sum by the number of their threads, and its last bits with it; ours are small, and threads would only wait for each other.
onnxruntime is told "one" where its sessions are made (workers.models).
"""

import os
from collections.abc import Iterator
from pathlib import Path

import SimpleITK as sitk  # noqa: N813 - as all its users write it
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

ITK = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"
"""Read by every copy of ITK when it is first asked: greedy brings one of its own."""
ALONE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Read by a library when it is loaded; some are only when the first check needs them, or in a plug-in model's process."""
MEMBERSHIP = Path("/proc/self/cgroup")
"""Its line `0::PATH` names our group in the tree (cgroups(7), version 2)."""
GROUPS = Path("/sys/fs/cgroup")
"""The tree of groups; `cpu.max` of each holds microseconds of processor time, and the period that they are for."""


def threads_for(asked: int | None, processes: int = 1) -> int:
    """Threads of each of so many processes: as asked for, else an equal share of the cores, at least one."""
    return asked or max(1, cores() // processes)


def cores(membership: Path = MEMBERSHIP, groups: Path = GROUPS) -> int:
    """Cores that this process may use: those of its affinity, and no more than its container or unit has been given."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *_quotas(membership, groups)]))


def _quotas(membership: Path, groups: Path) -> Iterator[int]:
    """Whole cores that our group and those around it may use; what is not limited, or cannot be read, gives none."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    place = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    for group in (place, *(str(one) for one in Path(place).parents)):
        try:
            granted, period = (groups / group / "cpu.max").read_text(encoding="ascii").split()
            yield int(granted) // int(period)
        except (OSError, ValueError):
            continue


def limit_threads(count: int) -> None:
    """Let this process and those that it starts take so many threads, at least one. To be called before the first study."""
    os.environ.update({ITK: str(count), **dict.fromkeys(ALONE, "1")})
    threadpool_limits(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(count)


def threads_in_force() -> dict[str, int]:
    """What the libraries themselves say: ITK's threads, and the most of any BLAS or OpenMP that is loaded."""
    pools = [int(pool["num_threads"]) for pool in threadpool_info()]
    return {"itk": int(sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()), "blas": max(pools, default=1)}
