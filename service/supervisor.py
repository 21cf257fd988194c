"""The supervisor: starts the service's processes, restarts one that dies, and ends with all of them."""

import fcntl
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

from rules.policy import PolicyError
from service.accounts import create_first
from service.broker import clear_socket, is_answering
from service.children import Popen, ask_to_end, end, kill_group, spawn, words_of
from service.context_feed.taking import map_in_force
from service.courier import make_app
from service.environment import environment_of
from service.errors import ServiceError
from service.gate import policy_in_force
from service.log_lines import LogFollower
from service.node import NODE_FILE
from service.processes import BROKER, Process, embedded, has_workers, log_of, planned
from service.runners import WEB
from service.settings import WEB_FILE, Settings
from service.store.session import open_store, upgrade

_LOCK = "up.lock"
_START_LIMIT_S = 60.0
_WEB_LIMIT_S = 20.0
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
    popen: Popen | None = None
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
    first_password: str | None = None
    """Of the account `admin`, made at the very first start; to be shown once and kept nowhere."""
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
        _check_policy(self.settings)
        self._take_lock()
        store = open_store(self.settings)
        upgrade(store)
        with store.session() as session:
            self.first_password = create_first(session, datetime.now(UTC))
        store.close()
        node_file = self.settings.data / NODE_FILE
        web_file = self.settings.data / WEB_FILE
        for file in (node_file, web_file):
            file.unlink(missing_ok=True)
        app = make_app(self.settings)
        for process in planned(self.settings, has_worker=self.has_worker):
            child = _Child(process)
            self.children.append(child)
            self.followers.append(LogFollower(process.name, log_of(self.settings, process.name)))
            self._spawn(child)
            if process.name == BROKER:
                self._await("the broker", lambda: is_answering(app))
        self._await("the node", node_file.exists)
        # Pages that do not come up must not keep the node from receiving.
        limit = time.monotonic() + _WEB_LIMIT_S
        while not web_file.exists() and time.monotonic() < limit and not self.is_stopping:
            self.tend()
            time.sleep(_POLL_S)

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
            clear_socket(self.settings.data)
            self.lock.close()
            self.lock = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that the node listens on."""
        found: dict[str, Any] = json.loads((self.settings.data / NODE_FILE).read_text())
        return found["host"], found["port"]

    @property
    def web_address(self) -> str:
        """What people type to see the pages."""
        settings = self.settings
        if settings.web_url:
            return settings.web_url
        place = settings.data / WEB_FILE
        if not place.exists():
            return f"are not up yet, see {log_of(settings, WEB)}"
        found: dict[str, Any] = json.loads(place.read_text())
        scheme = "https" if settings.web_certificate else "http"
        host = f"[{found['host']}]" if ":" in found["host"] else found["host"]
        return f"{scheme}://{host}:{found['port']}"

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
        environment = environment_of(self.settings) | process.environment
        child.popen = spawn(process.command(self.settings), environment, log_of(self.settings, process.name))
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
        kill_group(child.popen)
        child.crashes = 0 if now - child.started_at > _STEADY_AFTER_S else child.crashes + 1
        wait_s = min(_FIRST_WAIT_S * 2 ** max(child.crashes - 1, 0), _LONGEST_WAIT_S)
        child.popen, child.restart_at = None, now + wait_s
        self.say(f"{child.process.name} ended ({words_of(status)}); starts again in {wait_s:g} s")

    def _await(self, what: str, is_there: Callable[[], bool]) -> None:
        limit = time.monotonic() + _START_LIMIT_S
        while not is_there():
            dead = next((one for one in self.children if one.process.name != WEB and _has_ended(one)), None)
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
            ask_to_end(popen)
        for child, popen in running:
            end(popen, child.process.grace_s, lambda: self.is_hurried)
            child.popen = None


def _check_policy(settings: Settings) -> None:
    """A policy that must not be used is told before anything is started."""
    try:
        policy_in_force(settings.site_policy)
        map_in_force(settings.context_map)
    except PolicyError as error:
        raise StartError(f"policy: {error}") from error


def _has_ended(child: _Child) -> bool:
    return child.popen is not None and child.popen.poll() is not None
