"""Logs of every process in one form: static event names, UIDs as fields, never a patient."""

import logging
import sys
import warnings
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_LEVELS = {
    "alembic": logging.WARNING,
    "celery.app.trace": logging.WARNING,
    "kombu": logging.WARNING,
    "pydicom": logging.ERROR,
    "pynetdicom": logging.WARNING,
    "redis": logging.WARNING,
    "sqlalchemy": logging.WARNING,
}
"""Lowest level of libraries that below it print datasets, values, messages or statement parameters: patients."""


def configure_logs(
    log_format: Literal["json", "console"], process: str, stream: TextIO | None = None
) -> None:
    """Send structlog and the standard library's logging through one formatter, to `stream` (standard error).

    process : name that each line carries, such as `node`
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_process(process),
        _without_error_texts,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(log_format)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    _quieten()


def _quieten() -> None:
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)
    # A warning's text may quote a value of the dataset; its place in the code is enough for us.
    logging.captureWarnings(capture=True)
    warnings.formatwarning = _warning_without_text


def _warning_without_text(
    message: Warning | str,  # noqa: ARG001 - Python's signature
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,  # noqa: ARG001 - Python's signature
) -> str:
    return f"{category.__name__} at {filename}:{lineno}"


def _with_process(process: str) -> Processor:
    def add(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        event.setdefault("process", process)
        return event

    return add


def _without_error_texts(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Replace an exception by its type and place: its text may quote a dataset or a statement's parameters."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["error_at"] = _place(error)
    return event


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def _renderer(log_format: Literal["json", "console"]) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
