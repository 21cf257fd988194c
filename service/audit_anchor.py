"""Anchors: the end of the trail written down outside the database, so that cutting off or rewriting the trail shows."""

import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.errors import ServiceError
from service.store.chain import moment_text
from service.store.tables import AuditHead

_FACILITY_AUDIT = 13
"""log audit (RFC 5424 6.2.1)."""
_SEVERITY_NOTICE = 5
_SYSLOG_TIMEOUT_S = 5.0


class AnchorError(ServiceError):
    """An anchor could not be written or read."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The end of the trail at one moment."""

    at: str
    """As in `2026-05-04T12:00:00.000000Z`."""
    sequence: int
    hash: str


def take_anchor(session: Session, now: datetime) -> Anchor | None:
    """The end of the trail now; None while there is no event."""
    found = session.execute(select(AuditHead.sequence, AuditHead.hash).where(AuditHead.id == 1)).one()
    return Anchor(moment_text(now), found.sequence, found.hash) if found.sequence else None


def write_to_file(anchor: Anchor, path: Path) -> None:
    """Add the anchor as a JSON line, durably. The file should lie where the database's owner cannot write.

    Raises AnchorError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="ascii") as file:
            file.write(json.dumps(asdict(anchor)) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise AnchorError(f"{path}: {error.strerror}") from error


def write_to_syslog(anchor: Anchor, host: str, port: int) -> None:
    """Send the anchor as a syslog message over UDP (RFC 5424, RFC 5426).

    Raises AnchorError.
    """
    priority = _FACILITY_AUDIT * 8 + _SEVERITY_NOTICE
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    name = socket.gethostname() or "-"
    text = json.dumps(asdict(anchor))
    message = f"<{priority}>1 {at} {name} cartriage {os.getpid()} audit-anchor - {text}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as sender:
            sender.settimeout(_SYSLOG_TIMEOUT_S)
            sender.sendto(message.encode("ascii", "replace"), address)
    except OSError as error:
        raise AnchorError(f"syslog {host}:{port}: {error.strerror}") from error


def read_anchors(path: Path) -> tuple[Anchor, ...]:
    """The anchors of a file, oldest first; the whole line of a syslog file may stand before each.

    Raises AnchorError if the file or a line cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AnchorError(f"{path} cannot be read") from error
    return tuple(_parsed(line, number, path) for number, line in enumerate(lines, 1) if line.strip())


def _parsed(line: str, number: int, path: Path) -> Anchor:
    try:
        data = json.loads(line[line.index("{") :])
        return Anchor(str(data["at"]), int(data["sequence"]), str(data["hash"]))
    except (ValueError, KeyError, TypeError) as error:
        raise AnchorError(f"{path}, line {number} is no anchor") from error
