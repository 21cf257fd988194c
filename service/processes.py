"""The table of processes that make the service, and how each is started."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from service.broker import server_command, socket_url
from service.runners import AUDIT_FEED, CONTEXT_FEED, DICOMWEB, RETENTION, WEB
from service.settings import Settings

BROKER = "broker"
WORKER = "worker"
_HEAVY = ("numpy", "SimpleITK", "highdicom")
"""What the workers need; looked for, never imported."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process: what to run, and when to stop it."""

    name: str
    command: Callable[[Settings], list[str]]
    wave: int
    """Order of stopping, lowest first: what takes new work in goes before what carries it out."""
    grace_s: float
    """Time to end by itself after SIGTERM."""
    environment: dict[str, str] = field(default_factory=dict)


def _ours(name: str) -> Callable[[Settings], list[str]]:
    return lambda _: [sys.executable, "-m", "service.cli", "run", name]


PROCESSES = (
    Process(BROKER, server_command, wave=3, grace_s=5.0),
    Process(AUDIT_FEED, _ours(AUDIT_FEED), wave=2, grace_s=20.0),  # after the desk, which tells that we stop
    Process("courier", _ours("courier"), wave=2, grace_s=10.0),
    Process("delivery", _ours("delivery"), wave=2, grace_s=10.0),
    Process(
        WORKER,
        lambda _: [sys.executable, "-m", "workers"],
        wave=1,
        grace_s=10.0,
        # Celery would let a task of minutes finish; it is idempotent and owed in the database, so it may be cut off.
        environment={"REMAP_SIGTERM": "SIGQUIT"},
    ),
    Process("bell", _ours("bell"), wave=1, grace_s=10.0),
    Process("assembly", _ours("assembly"), wave=1, grace_s=10.0),
    Process("inquiry", _ours("inquiry"), wave=1, grace_s=30.0),
    Process("priors", _ours("priors"), wave=1, grace_s=30.0),
    Process("node", _ours("node"), wave=1, grace_s=10.0),
    Process(DICOMWEB, _ours(DICOMWEB), wave=1, grace_s=10.0),
    Process(CONTEXT_FEED, _ours(CONTEXT_FEED), wave=1, grace_s=20.0),
    Process(RETENTION, _ours(RETENTION), wave=1, grace_s=20.0),
    Process("desk", _ours("desk"), wave=1, grace_s=10.0),
    Process(WEB, _ours(WEB), wave=0, grace_s=10.0),
)
"""In order of starting: whoever hands on starts after whoever takes."""


def has_workers() -> bool:
    """Whether the workers' extra is installed on this machine."""
    return all(importlib.util.find_spec(name) for name in _HEAVY)


def embedded(settings: Settings) -> Settings:
    """The settings with an absolute data folder and the embedded broker named, if no other is set."""
    data = settings.data.resolve()
    return settings.model_copy(update={"data": data, "redis_url": settings.redis_url or socket_url(data)})


def planned(settings: Settings, *, has_worker: bool) -> tuple[Process, ...]:
    """The processes to run: no broker if one is set, no worker if none is wanted here, no inquiry, priors, web intake or feeds if nobody is at their end."""
    left_out = {WORKER} if not has_worker else set()
    if not settings.archives:
        left_out |= {"inquiry", "priors"}
    if settings.dicomweb_port is None:
        left_out.add(DICOMWEB)
    if not settings.audit_syslog:
        left_out.add(AUDIT_FEED)
    if not (settings.context_hl7 or settings.context_fhir):
        left_out.add(CONTEXT_FEED)
    if not (settings.retention_days or settings.retention_event_days):
        left_out.add(RETENTION)
    if settings.redis_url and settings.redis_url != socket_url(settings.data):
        left_out.add(BROKER)
    return tuple(process for process in PROCESSES if process.name not in left_out)


def log_of(settings: Settings, name: str) -> Path:
    """Where a process logs to, one JSON object a line."""
    return settings.data / "logs" / f"{name}.jsonl"
