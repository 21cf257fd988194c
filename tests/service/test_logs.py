import json
import logging
import warnings
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from service.logs import configure_logs
from tests.service.conftest import SENTINEL


@pytest.fixture
def lines() -> Iterator[StringIO]:
    root = logging.getLogger()
    before, level, form = root.handlers[:], root.level, warnings.formatwarning
    stream = StringIO()
    configure_logs("json", "node", stream)
    yield stream
    root.handlers = before
    root.setLevel(level)
    warnings.formatwarning = form
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def read(lines: StringIO) -> list[dict]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_line_has_time_level_process_event_and_fields(lines: StringIO):
    structlog.get_logger().info("study_settled", study_instance_uid="1.2.3")
    (line,) = read(lines)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "study_settled",
        "study_instance_uid": "1.2.3",
        "level": "info",
        "process": "node",
    }


def test_the_standard_library_speaks_through_the_same_formatter(lines: StringIO):
    logging.getLogger("anything").warning("something %s", "happened")
    (line,) = read(lines)
    assert (line["event"], line["level"], line["process"]) == ("something happened", "warning", "node")


@pytest.mark.parametrize("name", ["pynetdicom", "pynetdicom.acse", "pydicom", "sqlalchemy.engine", "alembic"])
def test_talkative_libraries_are_quiet(lines: StringIO, name: str):
    logging.getLogger(name).info(SENTINEL)
    logging.getLogger(name).debug(SENTINEL)
    assert lines.getvalue() == ""


def test_an_error_s_text_stays_out_of_the_log(lines: StringIO):
    try:
        int(SENTINEL)
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("anything").exception("failed too")
    for line in read(lines):
        assert line["error"] == "ValueError"
        assert "test_logs.py" in line["error_at"]
    assert SENTINEL not in lines.getvalue()


@pytest.mark.filterwarnings("always")
def test_a_warning_s_text_stays_out_of_the_log(lines: StringIO):
    logging.captureWarnings(capture=False)
    assert warnings.formatwarning(SENTINEL, UserWarning, "reader.py", 7) == "UserWarning at reader.py:7"


def test_the_console_form_is_one_line_too(lines: StringIO):
    stream = StringIO()
    configure_logs("console", "node", stream)
    structlog.get_logger().info("node_listening", port=11112)
    assert stream.getvalue().count("\n") == 1
    assert "node_listening" in stream.getvalue()
