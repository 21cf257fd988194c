"""The supervisor: starts the service's processes, restarts one that dies, and ends with all of them."""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import IO, Any

from service.broker import is_answering
from service.courier import make_app
from service.errors import ServiceError
from service.log_lines import LogFollower
from service.node import NODE_FILE
from service.processes import BROKER, Process, embedded, environment_of, has_workers, log_of, planned
from service.settings import Settings
from service.store.session import open_store, upgrade

_LOCK = "up.lock"
_PR_SET_PDEATHSIG = 1
"""prctl(2), linux/prctl.h."""
_START_LIMIT_S = 60.0
_POLL_S = 0.05
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_STEADY_AFTER_S = 60.0
"""A process that ran this long is well again: its next crash is restarted without a long wait."""


class AlreadyRunningError(ServiceError):
    """Another `cartriage up` runs on this data folder."""


class StartError(ServiceError):
    """The service did not start."""


@dataclass(slots=True)
class _Child:
    process: Process
    popen: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    crashes: int = 0


@dataclass(slots=True)
class Supervisor:
    """The processes of one service. Used by one thread: the kernel ends a child with the thread that forked it."""

    settings: Settings
    say: Callable[[str], None]
    """Takes one short line for a person."""
    has_worker: bool = field(default_factory=has_workers)
    children: list[_Child] = field(default_factory=list)
    followers: list[LogFollower] = field(default_factory=list)
    lock: IO[str] | None = None
    is_stopping: bool = False
    """Ends a start that is under way."""
    is_hurried: bool = False
    """Kill instead of waiting; set by a second Ctrl-C."""

    def __post_init__(self) -> None:
        self.settings = embedded(self.settings)

    def start(self) -> None:
        """Start everything, and return when the node listens.

        Raises AlreadyRunningError, StartError, NoRedisServerError, or StoreUnavailableError.
        """
        self._take_lock()
        store = open_store(self.settings)
        upgrade(store)
        store.close()
        node_file = self.settings.data / NODE_FILE
        node_file.unlink(missing_ok=True)
        app = make_app(self.settings)
        for process in planned(self.settings, has_worker=self.has_worker):
            child = _Child(process)
            self.children.append(child)
            self.followers.append(LogFollower(process.name, log_of(self.settings, process.name)))
            self._spawn(child)
            if process.name == BROKER:
                self._await("the broker", lambda: is_answering(app))
        self._await("the node", node_file.exists)

    def tend(self) -> None:
        """One round: restart what died, show what the logs say. To be called a few times a second."""
        for child in self.children:
            self._look_after(child)
        for follower in self.followers:
            for line in follower.news():
                self.say(line)

    def stop(self) -> None:
        """End all processes in their order, each with its time to finish, and everything that they started."""
        for wave in sorted({child.process.wave for child in self.children}):
            self._stop_wave([child for child in self.children if child.process.wave == wave])
        self.children.clear()
        if self.lock is not None:
            self.lock.close()
            self.lock = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that the node listens on."""
        found: dict[str, Any] = json.loads((self.settings.data / NODE_FILE).read_text())
        return found["host"], found["port"]

    def _take_lock(self) -> None:
        self.settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.settings.data / "logs").mkdir(mode=0o700, exist_ok=True)
        lock = (self.settings.data / _LOCK).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise AlreadyRunningError(str(self.settings.data)) from error
        self.lock = lock

    def _spawn(self, child: _Child) -> None:
        process = child.process
        descriptor = os.open(
            log_of(self.settings, process.name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
        )
        try:
            child.popen = subprocess.Popen(
                process.command(self.settings),
                env=environment_of(self.settings) | process.environment,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                # A session of its own: Ctrl-C reaches only us, and we stop the others in order.
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - this process has no other threads
            )
        finally:
            os.close(descriptor)
        child.started_at = time.monotonic()

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.popen is None:
            if now >= child.restart_at:
                self._spawn(child)
            return
        status = child.popen.poll()
        if status is None:
            return
        _kill_group(child.popen)
        child.crashes = 0 if now - child.started_at > _STEADY_AFTER_S else child.crashes + 1
        wait_s = min(_FIRST_WAIT_S * 2 ** max(child.crashes - 1, 0), _LONGEST_WAIT_S)
        child.popen, child.restart_at = None, now + wait_s
        self.say(f"{child.process.name} ended ({_words(status)}); starts again in {wait_s:g} s")

    def _await(self, what: str, is_there: Callable[[], bool]) -> None:
        limit = time.monotonic() + _START_LIMIT_S
        while not is_there():
            dead = next((child for child in self.children if _has_ended(child)), None)
            if dead is not None:
                raise StartError(f"{dead.process.name} ended, see {log_of(self.settings, dead.process.name)}")
            if self.is_stopping:
                raise StartError("stopped before it was up")
            if time.monotonic() > limit:
                raise StartError(f"{what} did not answer within {_START_LIMIT_S:g} s")
            time.sleep(_POLL_S)

    def _stop_wave(self, wave: Iterable[_Child]) -> None:
        running = [(child, child.popen) for child in wave if child.popen is not None]
        for _, popen in running:
            _signal(popen, signal.SIGTERM)
        began = time.monotonic()
        for child, popen in running:
            while popen.poll() is None:
                if self.is_hurried or time.monotonic() - began > child.process.grace_s:
                    break
                time.sleep(_POLL_S)
            # Also what it started and left behind: a worker's child in the middle of a study.
            _kill_group(popen)
            popen.wait()
            child.popen = None


def _has_ended(child: _Child) -> bool:
    return child.popen is not None and child.popen.poll() is not None


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


def _signal(popen: subprocess.Popen[bytes], number: int) -> None:
    if popen.poll() is None:
        popen.send_signal(number)


def _kill_group(popen: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(popen.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # nobody is left in it (macOS says it the second way)
        return


def _words(status: int) -> str:
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name
