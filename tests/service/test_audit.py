"""Whoever tampers with the trail is found: every way to change, remove, exchange, cut off or rewrite an event."""

import json
import multiprocessing
import re
import socket
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from click.testing import CliRunner, Result
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from rules.codec import to_plain
from service.audit import record
from service.audit_anchor import read_anchors, take_anchor, write_to_syslog
from service.audit_check import Verdict, verify
from service.cli import main
from service.courier import take
from service.settings import Settings
from service.signing import key_of, public_text
from service.store.chain import GENESIS, hash_of
from service.store.session import Store, _alembic, open_store, upgrade
from service.store.tables import AuditEvent, Job, Study
from tests.peers import need
from tests.service.conftest import NOON, STUDY
from tests.service.sending import owe_job, result, write_report


def write(store: Store, count: int) -> None:
    for number in range(count):
        with store.session() as session:
            record(
                session, f"event_{number}", None, "tester", NOON + timedelta(seconds=number), number=number
            )


def check(store: Store, *anchors: object) -> Verdict:
    with store.reading() as session:
        return verify(session, anchors)  # type: ignore[arg-type]


def tamper(store: Store, *statements: str) -> None:
    """As somebody would who owns the database: the triggers go first."""
    with store.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER IF EXISTS audit_event_no_update"))
        connection.execute(text("DROP TRIGGER IF EXISTS audit_event_no_delete"))
        for statement in statements:
            connection.execute(text(statement))


def told(verdict: Verdict) -> list[tuple[int, str]]:
    return [(fault.sequence, fault.words) for fault in verdict.faults]


def test_events_are_chained_from_the_first(store: Store):
    write(store, 3)
    with store.reading() as session:
        events = session.query(AuditEvent).order_by(AuditEvent.sequence).all()
    assert [event.sequence for event in events] == [1, 2, 3]
    assert [event.previous_hash for event in events] == [GENESIS, events[0].hash, events[1].hash]
    assert check(store) == Verdict(3, events[2].hash, ())


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE audit_event SET detail = '{\"number\": 9}' WHERE sequence = 2", (2, "was changed")),
        ("UPDATE audit_event SET actor = 'nobody' WHERE sequence = 2", (2, "was changed")),
        ("UPDATE audit_event SET at = '2026-05-04 11:00:00.000000' WHERE sequence = 2", (2, "was changed")),
        ("UPDATE audit_event SET study_instance_uid = '1.2' WHERE sequence = 2", (2, "was changed")),
        ("UPDATE audit_event SET software = '9' WHERE sequence = 2", (2, "was changed")),
        ("UPDATE audit_event SET policy_digest = 'x' WHERE sequence = 2", (2, "was changed")),
        ("DELETE FROM audit_event WHERE sequence = 3", (3, "event 3 is missing")),
        ("DELETE FROM audit_event WHERE sequence IN (2, 3)", (2, "events 2 to 3 are missing")),
        ("DELETE FROM audit_event WHERE sequence = 1", (1, "event 1 is missing")),
        ("DELETE FROM audit_event WHERE sequence > 3", (4, "cut off")),
        ("DELETE FROM audit_event", (1, "cut off")),
        ("DELETE FROM audit_head", (5, "end of the trail is gone")),
        ("UPDATE audit_head SET sequence = 4", (5, "another event")),
    ],
)
def test_a_change_is_found_and_named(store: Store, change: str, found: tuple[int, str]):
    write(store, 5)
    tamper(store, change)
    assert any(sequence == found[0] and found[1] in words for sequence, words in told(check(store)))


def test_exchanged_events_are_both_named(store: Store):
    write(store, 5)
    tamper(
        store,
        "UPDATE audit_event SET sequence = 99 WHERE sequence = 2",
        "UPDATE audit_event SET sequence = 2 WHERE sequence = 3",
        "UPDATE audit_event SET sequence = 3 WHERE sequence = 99",
    )
    assert {sequence for sequence, _ in told(check(store))} >= {2, 3}


def test_a_removed_event_with_its_followers_renumbered_is_found(store: Store):
    write(store, 5)
    tamper(
        store,
        "DELETE FROM audit_event WHERE sequence = 3",
        "UPDATE audit_event SET sequence = sequence - 1 WHERE sequence > 3",
        "UPDATE audit_head SET sequence = 4",
    )
    assert told(check(store))[0] == (3, "was changed after it was written")


def _rewrite(store: Store) -> None:
    """Change an event and compute everything after it anew: what only an anchor can show."""
    with store.reading() as session:
        events = session.query(AuditEvent).order_by(AuditEvent.sequence).all()
    last, statements = GENESIS, []
    for event in events:
        fields = {name: getattr(event, name) for name in AuditEvent.__table__.columns.keys()}  # noqa: SIM118
        fields |= {"actor": "forger", "previous_hash": last}
        last = hash_of(fields)
        statements.append(
            f"UPDATE audit_event SET actor = 'forger', previous_hash = '{fields['previous_hash']}', "  # noqa: S608
            f"hash = '{last}' WHERE id = {event.id}"
        )
    tamper(store, *statements, f"UPDATE audit_head SET hash = '{last}'")  # noqa: S608


def test_a_trail_that_was_written_anew_is_found_by_an_anchor(store: Store):
    write(store, 3)
    with store.reading() as session:
        anchor = take_anchor(session, NOON)
    write(store, 2)
    _rewrite(store)
    assert check(store).is_whole
    ((sequence, words),) = told(check(store, anchor))
    assert sequence == 3
    assert "anchored at 2026-05-04T12:00:00.000000Z" in words


def test_a_trail_that_was_cut_off_with_its_end_is_found_by_an_anchor(store: Store):
    write(store, 5)
    with store.reading() as session:
        anchor = take_anchor(session, NOON)
        third = session.query(AuditEvent).filter_by(sequence=3).one().hash
    tamper(
        store,
        "DELETE FROM audit_event WHERE sequence > 3",
        f"UPDATE audit_head SET sequence = 3, hash = '{third}'",  # noqa: S608
    )
    assert check(store).is_whole
    ((sequence, words),) = told(check(store, anchor))
    assert sequence == 5
    assert "missing" in words


def test_a_stored_result_that_was_changed_is_found(store: Store, settings: Settings):
    job_id = owe_job(store)
    take(store, result(job_id, (write_report(settings.files, "1.2.3"),)), settings, NOON)
    assert check(store).is_whole
    with store.session() as session:
        job = session.query(Job).one()
        job.triaged = {**(job.triaged or {}), "snapshot": 7}
    ((_, words),) = told(check(store))
    assert "stored result" in words


@pytest.mark.parametrize("change", ["UPDATE audit_event SET actor = 'x'", "DELETE FROM audit_event"])
def test_the_database_refuses_to_change_the_trail(store: Store, change: str):
    write(store, 1)
    with pytest.raises(IntegrityError, match="append-only"), store.engine.begin() as connection:
        connection.execute(text(change))


def test_what_is_rolled_back_leaves_no_event(store: Store):
    with store.session() as session:
        record(session, "kept", None, "tester", NOON)
        with session.begin_nested() as savepoint:
            record(session, "forgotten", None, "tester", NOON)
            savepoint.rollback()
        record(session, "kept_too", None, "tester", NOON)
    with store.session() as session:
        record(session, "forgotten", None, "tester", NOON)
        session.rollback()
    with store.reading() as session:
        events = session.query(AuditEvent).order_by(AuditEvent.sequence)
        assert [event.event for event in events] == ["kept", "kept_too"]
    assert check(store).is_whole


def test_the_trail_of_an_older_version_is_chained_as_it_stands(settings: Settings):
    old = open_store(settings)
    config = _alembic()
    with old.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        insert = (
            "INSERT INTO audit_event (id, at, event, actor, detail) VALUES (:id, :at, :event, 'x', :detail)"
        )
        for number in (3, 5, 9):
            detail = json.dumps({"policy": {"digest": "d" * 64}, "share": 0.1})
            at = f"2026-05-04 12:00:0{number}.250000"
            connection.execute(
                text(insert), {"id": number, "at": at, "event": f"e{number}", "detail": detail}
            )
    upgrade(old)
    write(old, 1)
    assert (check(old).events, check(old).faults) == (4, ())
    with old.reading() as session:
        events = session.query(AuditEvent).order_by(AuditEvent.sequence).all()
    old.close()
    assert [(event.sequence, event.event) for event in events[:3]] == [(1, "e3"), (2, "e5"), (3, "e9")]
    assert events[0].policy_digest == "d" * 64


def _writer(settings: Settings, name: str) -> None:
    store = open_store(settings)
    for number in range(15):
        with store.session() as session:
            record(session, "x", None, name, NOON, number=number)
    store.close()


def write_from_processes(settings: Settings) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_writer, args=(settings, f"writer {number}")) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0]


def test_writers_in_several_processes_make_one_chain(store: Store, settings: Settings):
    write_from_processes(settings)
    verdict = check(store)
    assert (verdict.events, verdict.faults) == (30, ())


@pytest.fixture
def run(settings: Settings) -> Callable[..., Result]:
    def call(*arguments: str, fails: bool = False) -> Result:
        outcome = CliRunner().invoke(main, ["audit", *arguments, "--data", str(settings.data)])
        assert outcome.exit_code == (1 if fails else 0), outcome.output
        return outcome

    return call


def test_the_command_tells_an_unchanged_trail_from_a_changed_one(store: Store, run: Callable[..., Result]):
    write(store, 4)
    assert "4 events" in run("verify").output
    tamper(store, "DELETE FROM audit_event WHERE sequence = 2")
    assert "event 2: event 2 is missing" in run("verify", fails=True).output


def test_anchors_are_written_and_compared(store: Store, run: Callable[..., Result], tmp_path: Path):
    file = tmp_path / "outside" / "anchors.jsonl"
    write(store, 2)
    run("anchor", "--file", str(file))
    write(store, 1)
    run("anchor", "--file", str(file))
    assert [anchor.sequence for anchor in read_anchors(file)] == [2, 3]
    assert "2 anchors compared" in run("verify", "--anchors", str(file)).output
    _rewrite(store)
    assert "written anew" in run("verify", "--anchors", str(file), fails=True).output


def test_an_anchor_travels_as_a_syslog_message(store: Store, tmp_path: Path):
    write(store, 1)
    with store.reading() as session:
        anchor = take_anchor(session, NOON)
    assert anchor
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        write_to_syslog(anchor, *receiver.getsockname())
        message = receiver.recv(4096).decode()
    assert re.match(r"<109>1 \d{4}-\d\d-\d\dT\S+Z \S+ cartriage \d+ audit-anchor - \{", message)
    line = tmp_path / "syslog"
    line.write_text(f"{message}\n")
    assert read_anchors(line) == (anchor,)


def test_exported_events_can_be_checked_without_the_database(
    store: Store, run: Callable[..., Result], tmp_path: Path
):
    write(store, 3)
    file = tmp_path / "trail.jsonl"
    run("export", "--out", str(file))
    assert "3 events" in run("verify", "--export", str(file)).output
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0] + lines[2])
    assert "event 2 is missing" in run("verify", "--export", str(file), fails=True).output
    file.write_text("".join(lines).replace('"number": 1', '"number": 7'))
    assert "event 2: was changed" in run("verify", "--export", str(file), fails=True).output
    file.write_text("[]\n")
    assert "line 1 is no event" in run("verify", "--export", str(file), fails=True).output


def test_a_spreadsheet_gets_no_formula(store: Store, run: Callable[..., Result], tmp_path: Path):
    with store.session() as session:
        record(session, "x", None, "=HYPERLINK(1)", NOON)
    run("export", "--format", "csv", "--out", str(tmp_path / "trail.csv"))
    assert "'=HYPERLINK(1)" in (tmp_path / "trail.csv").read_text()


def test_a_signed_report_of_a_study_shows_every_change(
    store: Store, settings: Settings, run: Callable[..., Result], tmp_path: Path
):
    job_id = owe_job(store)
    answer = result(job_id, (write_report(settings.files, "1.2.3"),))
    take(store, replace(answer, decision=replace(answer.decision, sentences=("<b>P2</b>",))), settings, NOON)
    file = tmp_path / "report.html"
    run("export", "--format", "html", "--study", STUDY, "--out", str(file))
    page = file.read_text()
    assert "&lt;b&gt;P2&lt;/b&gt;" in page
    assert "study triaged" in page
    assert public_text(key_of(settings.data)) in run("verify", "--report", str(file)).output
    file.write_text(page.replace("study triaged", "study forged"))
    assert "changed after it was signed" in run("verify", "--report", str(file), fails=True).output
    key = settings.data / "keys" / "audit.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_report_as_pdf_is_read_by_another_program_and_shows_every_change(
    store: Store, settings: Settings, run: Callable[..., Result], tmp_path: Path
):
    job_id = owe_job(store)
    answer = result(job_id, (write_report(settings.files, "1.2.3"),))
    take(
        store,
        replace(answer, decision=replace(answer.decision, sentences=("Ödem Łuk \u6c34",))),
        settings,
        NOON,
    )
    file, text = tmp_path / "report.pdf", tmp_path / "report.txt"
    run("export", "--format", "pdf", "--study", STUDY, "--out", str(file))
    done = subprocess.run(
        [need("pdftotext"), "-layout", str(file), str(text)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == "", "no trouble with the file, nor with its last line"
    read = text.read_text(encoding="utf-8")
    for words in ("study triaged", "Ödem Łuk U+6C34", "The whole trail of", "Ed25519", "page 1 of"):
        assert words in read
    with store.reading() as session:
        known = session.query(AuditEvent).filter_by(study_instance_uid=STUDY)
        digests = [event.hash for event in known if event.event != "audit_exported"]
    assert digests
    assert all(digest[:16] in read for digest in digests)
    assert public_text(key_of(settings.data)) in run("verify", "--report", str(file)).output
    changed = bytearray(file.read_bytes())
    changed[len(changed) // 2] ^= 1
    file.write_bytes(changed)
    assert "changed after it was signed" in run("verify", "--report", str(file), fails=True).output


def test_events_are_found_by_who_what_and_when(store: Store, run: Callable[..., Result]):
    write(store, 5)
    found = json.loads(run("search", "--event", "event_3", "--json").output)
    assert [event["sequence"] for event in found] == [4]
    found = json.loads(run("search", "--since", "2026-05-04T12:00:03", "--actor", "tester", "--json").output)
    assert [event["sequence"] for event in found] == [5, 4]
    assert "No event fits" in run("search", "--event", "nothing").output


def test_an_event_names_the_policy_and_the_inputs_it_tells_of(store: Store):
    with store.session() as session:
        session.add(
            Study(
                study_instance_uid="1.2",
                patient_id="P",
                received_at=NOON,
                last_received_at=NOON,
                is_open=False,
            )
        )
        policy = result("a" * 64, ()).decision.policy
        record(session, "x", "1.2", "tester", NOON, policy=policy, input_digest="b" * 64)
    with store.reading() as session:
        event = session.query(AuditEvent).one()
    assert (event.policy_digest, event.input_digest) == ("0" * 64, "b" * 64)
    assert event.detail["policy"] == to_plain(policy)
    assert event.software
