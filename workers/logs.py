"""One log line format for our own events and those of Celery and the libraries; identifiers only, never PHI."""

import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import structlog

_QUIET = {
    "celery.app.trace": logging.CRITICAL,
    "celery.worker.strategy": logging.WARNING,
    "highdicom": logging.ERROR,
    "kombu": logging.WARNING,
    "matplotlib": logging.WARNING,
    "PIL": logging.WARNING,
    "py.warnings": logging.CRITICAL,
    "pydicom": logging.ERROR,
}
"""Loggers that may quote values of a dataset or arguments of a task; what matters of them is logged by us."""


def configure(log_format: str) -> None:
    """Send structlog and standard logging to stderr, as JSON lines or for a console."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        stack_without_values,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)


def stack_without_values(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Replace exception information by its type and places: messages and locals may hold a patient's data."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        event["exception"] = type(error).__name__
        event["stack"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return event
