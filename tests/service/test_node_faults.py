"""Small runs of `make fault-node` and `make fuzz-node`."""

from pathlib import Path

import pytest

from service.intake import Intake
from tests.bench.faults import crowd, cut, killed, silent
from tests.bench.fuzz import fuzz_objects, fuzz_pdus
from tests.bench.page import PAGE, table, write_section
from tests.bench.peers import Listener, cartriage


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Listener:
    limits = {"CARTRIAGE_MAXIMUM_ASSOCIATIONS": "20", "CARTRIAGE_NETWORK_TIMEOUT_S": "5"}
    with cartriage(tmp_path_factory.mktemp("faults"), **limits) as running:
        yield running


def test_what_was_acknowledged_outlives_every_kill(tmp_path: Path):
    outcome = killed(tmp_path, rounds=2)[1]
    assert outcome.endswith(" 0 lost")
    assert int(outcome.split()[0]) > 0


def test_dying_and_silent_senders_and_crowds_leave_the_node_well(node: Listener):
    assert "node answers" in cut(node, 20)[1]
    assert "node answers" in silent(node, 10)[1]
    outcome = crowd(node, 40)[1]
    assert " 0 unanswered" in outcome
    assert 10 < int(outcome.split()[0]) <= 20  # those of the silent ones may not have ended yet
    assert "node answers" in outcome


def test_mutated_pdus_leave_the_node_well(node: Listener):
    assert "1 of 1 C-ECHOs" in str(fuzz_pdus(node, 120, seed=1)[2])


@pytest.mark.filterwarnings("ignore")
def test_mutated_objects_are_stored_or_refused(intake: Intake):
    assert fuzz_objects(intake, 150, seed=1)[1] == 150


def test_a_section_is_rewritten_and_nothing_else(tmp_path: Path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- end of x -->\nz\n")
    monkeypatch.setattr("tests.bench.page.PAGE", page)
    write_section("x", table(("h",), [(1,)]))
    assert page.read_text() == "a\n<!-- x -->\n\n| h |\n| --- |\n| 1 |\n\n<!-- end of x -->\nz\n"
    with pytest.raises(LookupError):
        write_section("y", "")
    assert all(
        f"<!-- end of {name} -->" in PAGE.read_text() for name in ("bench-ingest", "fault-node", "fuzz-node")
    )
