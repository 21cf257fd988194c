"""Child processes that cannot outlive us: a session each, ended as a group, and by the kernel if we are killed."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
"""prctl(2), linux/prctl.h."""
_POLL_S = 0.05

Popen = subprocess.Popen[bytes]


def spawn(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Popen:
    """Start a process whose output is added to `log`.

    To be called from the main thread only: the kernel ends a child with the thread that forked it.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            # A session of its own: Ctrl-C reaches only us, and we stop the others in order.
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - it takes no lock that another thread could hold
        )
    finally:
        os.close(descriptor)


def attach(command: Sequence[str], environment: Mapping[str, str], channel: socket.socket) -> Popen:
    """Start a process that finds a channel to us at its standard input, and whose output is ours.

    To be called from a thread that lasts: the kernel ends a child with the thread that forked it.
    """
    return subprocess.Popen(
        command,
        env=environment,
        stdin=channel.fileno(),
        start_new_session=True,
        preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - as above
    )


def ask_to_end(popen: Popen) -> None:
    """Send SIGTERM, if it still runs."""
    if popen.poll() is None:
        popen.send_signal(signal.SIGTERM)


def end(popen: Popen, grace_s: float, is_hurried: Callable[[], bool] = lambda: False) -> None:
    """Wait for a process that was asked to end, at most `grace_s`; then kill it and all that it started."""
    limit = time.monotonic() + grace_s
    while popen.poll() is None and time.monotonic() < limit and not is_hurried():
        time.sleep(_POLL_S)
    kill_group(popen)
    popen.wait()


def kill_group(popen: Popen) -> None:
    """Kill what is left of a process and of those that it started."""
    try:
        os.killpg(popen.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # nobody is left in it (macOS says it the second way)
        return


def words_of(status: int) -> str:
    """How a process ended, as in `exit status 1` or `SIGKILL`."""
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name


def _die_with(parent: int) -> Callable[[], None]:
    """What a child does between fork and exec: ask the kernel for SIGKILL when we die, even of SIGKILL."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # we died before the kernel knew
            os._exit(1)

    return ask
