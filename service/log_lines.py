"""The logs of the processes, followed for a person at a terminal."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LIMIT_BYTES = 50 << 20
_LOUD = frozenset({"warning", "error", "critical"})
_MILESTONES = frozenset(
    {
        "study_settled",
        "study_admitted",
        "study_declined",
        "study_triaged",
        "study_triaged_after_failure",
        "triage_done",
        "report_stored",
        "report_stored_with_warning",
    }
)
"""Events of the usual course that a person may follow; the trail has all of them."""
_HIDDEN = frozenset({"event", "level", "timestamp", "process", "logger", "stack"})
_PYTHON_WARNING = "Warning at "
"""How service.logs renders warnings of libraries; they are for developers."""
_TAIL = 15
_WIDTH = 240


@dataclass(slots=True)
class LogFollower:
    """Reads what a process has added to its log."""

    name: str
    path: Path
    position: int = 0

    def __post_init__(self) -> None:
        self.position = self.path.stat().st_size if self.path.exists() else 0

    def news(self) -> list[str]:
        """Short forms of the new lines that a person should see."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self.position)
            chunk = file.read()
        whole = chunk[: chunk.rfind(b"\n") + 1]
        self.position += len(whole)
        lines = whole.decode(errors="replace").splitlines()
        shown = [short(self.name, line) for line in lines]
        self._shorten()
        return [line for line in shown if line]

    def _shorten(self) -> None:
        """Keep the log and one older one. Its writer appends, so emptying the file in place is safe."""
        if self.position < _LIMIT_BYTES:
            return
        shutil.copyfile(self.path, self.path.with_suffix(".jsonl.1"))
        with self.path.open("r+b") as file:
            file.truncate(0)
        self.position = 0


def short(name: str, line: str) -> str:
    """A log line for a person, or an empty string if it need not be seen.

    >>> short("node", '{"event": "disk_nearly_full", "level": "error", "free_mb": 3}')
    'node: disk_nearly_full free_mb=3'
    >>> short("node", '{"event": "instance_stored", "level": "info"}')
    ''
    """
    parsed = _parsed(line)
    if parsed is None:
        return ""
    event = str(parsed.get("event", ""))
    if _PYTHON_WARNING in event or (parsed.get("level") not in _LOUD and event not in _MILESTONES):
        return ""
    fields = [f"{key}={value}" for key, value in parsed.items() if key not in _HIDDEN]
    return " ".join([f"{name}:", event, *fields])[:_WIDTH]


def tail(path: Path, lines: int = _TAIL) -> list[str]:
    """The last lines of a log as they stand, for the moment when something failed."""
    if not path.exists():
        return []
    return [line[:_WIDTH] for line in path.read_text(errors="replace").splitlines()[-lines:]]


def _parsed(line: str) -> dict[str, Any] | None:
    """A line as JSON; what is no JSON (Celery's banner, Redis) stays in the file."""
    try:
        parsed = json.loads(line)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
