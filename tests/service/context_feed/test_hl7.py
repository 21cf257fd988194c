"""HL7 v2 in: what is taken, what is acknowledged how, and what is set aside."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.assembly import settle
from service.cohort import flagged, remove
from service.context_feed.feed_settings import Hl7Feed
from service.intake import Intake
from service.store.feed_tables import ContextMessage
from service.store.tables import AuditEvent, Job, Study
from tests.service.conftest import NOON, mr_slice, received
from tests.service.context_feed.conftest import START, Laboratory, at


def rows(laboratory: Laboratory) -> list[ContextMessage]:
    with laboratory.where.store.reading() as session:
        return list(session.scalars(select(ContextMessage).order_by(ContextMessage.id)))


def events(laboratory: Laboratory, name: str) -> list[AuditEvent]:
    with laboratory.where.store.reading() as session:
        return list(session.scalars(select(AuditEvent).where(AuditEvent.event == name)))


def test_a_count_of_a_flagged_patient_is_taken_and_decides_the_open_study_again(
    laboratory: Laboratory, intake: Intake
):
    laboratory.flag()
    intake.take(received(mr_slice()), NOON)
    with laboratory.where.store.session() as session:
        settle(session, laboratory.where.settings, NOON + timedelta(seconds=31))
    with laboratory.where.store.session() as session:
        session.scalars(select(Study)).one().last_received_at = datetime.now(
            UTC
        )  # only recent ones are decided again
    assert laboratory.platelets("18.9") == ("AA", "")
    platelets = laboratory.held().platelets
    assert (platelets.value, platelets.at, platelets.source) == (18, at(11, 30), "HL7 LIS")
    with laboratory.where.store.reading() as session:
        assert [job.state for job in session.scalars(select(Job).order_by(Job.id))] == ["owed", "owed"]
    (event,) = events(laboratory, "context_message_taken")
    assert event.detail["fields"] == ["platelets"]
    assert event.detail["matched_by"] == ["patient ID", "birth date"]
    assert len(event.detail["decided_again"]) == 1


def test_the_same_message_again_changes_nothing(laboratory: Laboratory):
    laboratory.flag()
    text = laboratory.message("NM|777-3^^LN||18|10*3/uL|||||F").encode()
    assert [laboratory.send(text) for _ in range(3)] == [("AA", "")] * 3
    assert len(rows(laboratory)) == 1
    assert len(events(laboratory, "cohort_patient_changed")) == 1


def test_a_control_id_with_other_content_is_nobodys_repetition(laboratory: Laboratory):
    laboratory.flag()
    assert laboratory.platelets(40, control_id="7") == ("AA", "")
    assert laboratory.platelets(12, control_id="7") == ("AE", "205")
    assert laboratory.held().platelets.value == 40
    assert [(row.state, row.fault) for row in rows(laboratory)] == [("taken", ""), ("set_aside", "REUSED")]


def test_whoever_is_not_flagged_leaves_no_trace(laboratory: Laboratory):
    laboratory.flag("OTHER")
    assert laboratory.platelets("18") == ("AA", "")
    assert laboratory.say("NM|777-3^^LN||18|furlong|||||F", born="") == ("AA", "")
    assert rows(laboratory) == []


UNFIT = (
    ("NM|777-3^^LN||18|10*3/uL|||||F", {"born": "19700103"}, "204"),
    ("NM|777-3^^LN||18|10*3/uL|||||F", {"born": ""}, "101"),
    ("NM|777-3^^LN||18|10*6/uL|||||F", {}, "102"),
    ("NM|777-3^^LN||many|10*3/uL|||||F", {}, "102"),
    ("NM|777-3^^LN||18|10*3/uL|||||F|||20260504113000", {}, "102"),
    ("NM|777-3^^LN||18|10*3/uL|||||F|||20991231120000+0000", {}, "102"),
    ("NM|icans_grade^^99CARTRIAGE||5||||||F", {}, "102"),
    ("NM|8480-6^^LN||190|mm[Hg]|||||F", {}, "102"),
    ("SN|icans_grade^^99CARTRIAGE||>^2||||||F", {}, "102"),
)
"""OBX and PID that cannot be taken, with ERR-3."""


def test_what_cannot_be_taken_is_set_aside_and_nothing_is_fused(laboratory: Laboratory):
    laboratory.flag()
    before = laboratory.held()
    for observation, fields, expected in UNFIT:
        answer = laboratory.say("NM|ice_score^^99CARTRIAGE||3||||||F", observation, **fields)
        assert answer == ("AE", expected), observation
        assert laboratory.held() == before
    strange = laboratory.message(UNFIT[0][0]).replace("^^^HOSP^MR", "^^^HOSP^XX")
    assert laboratory.send(strange.encode()) == ("AE", "101")  # their number, but of a type that nobody named
    assert len(rows(laboratory)) == len(UNFIT) + 1
    for row in rows(laboratory):
        kept = laboratory.where.settings.data / row.path
        assert kept.read_bytes().startswith(b"MSH")
        assert (row.state, kept.stat().st_mode & 0o077) == ("set_aside", 0)
    told = events(laboratory, "context_message_set_aside")
    assert "SENTINEL" not in "".join(str(event.detail) for event in told)


FOREIGN = (
    (b"hello", "100", True),
    (b"MSH|^~\\&|LIS|H|||1||ORU^R01|5|P|2.5.1\rPID|1||P1^^^H^MR\r" + b"NTE|1\r" * 1001, "100", True),
    (b"MSH|^~\\&|LIS|H|||1||ORU^R01|4|P|2.5.1\rPID|1||P1^^^H^MR\rQQQ|1\r", "100", True),
    (b"MSH|^~\\&|LIS|H|||1||ORU^R01|1|P|9.9\rPID|1||P1\r", "203", False),
    (b"MSH|^~\\&|LIS|H|||1||SIU^S12|2|P|2.5.1\rPID|1||P1\r", "200", False),
    (b"MSH|^~\\&|LIS|H|||1||ORU^R01|3|T|2.5.1\rPID|1||P1\r", "202", False),
)
"""What is no message for us, with ERR-3 and whether it is kept for a person."""


def test_what_is_no_message_for_us_is_rejected(laboratory: Laboratory):
    laboratory.flag()
    for content, expected, is_kept in FOREIGN:
        count = len(rows(laboratory))
        assert laboratory.send(content) == ("AR", expected)
        assert len(rows(laboratory)) - count == is_kept


def test_an_older_observation_that_comes_late_does_not_displace_a_newer_one(laboratory: Laboratory):
    laboratory.flag()
    laboratory.platelets(15, "20260504100000+0200")
    laboratory.platelets(90, "20260503100000+0200")
    assert (laboratory.held().platelets.value, laboratory.held().platelets.at) == (15, at(8))


def test_a_withdrawn_value_gives_way_to_the_one_before(laboratory: Laboratory):
    laboratory.flag()
    laboratory.platelets(60, "20260503080000+0000")
    laboratory.platelets(15, "20260504080000+0000")
    assert laboratory.platelets("", "20260504080000+0000", status="W") == ("AA", "")
    assert (laboratory.held().platelets.value, laboratory.held().platelets.at) == (60, at(8, day=3))
    laboratory.platelets("", "20260503080000+0000", status="D")
    assert laboratory.held().platelets is None


def test_what_a_person_entered_later_is_not_displaced(laboratory: Laboratory):
    laboratory.flag(platelets="33")
    laboratory.platelets(70, "20260504113000+0000")
    assert laboratory.held().platelets.value == 33


def pressure(systolic: int, diastolic: int, moment: str) -> tuple[str, str]:
    halves = (("8480-6", systolic), ("8462-4", diastolic))
    first, second = (f"NM|{code}^^LN||{value}|mm[Hg]|||||F|||{moment}" for code, value in halves)
    return first, second


def test_the_highest_pressure_of_a_day_counts(laboratory: Laboratory):
    laboratory.flag()
    for systolic, moment in ((187, "0504080000"), (120, "0504200000"), (150, "0503230000")):
        assert laboratory.say(*pressure(systolic, 90, f"2026{moment}+0000")) == ("AA", "")
    assert laboratory.held().blood_pressure.value.systolic == 187
    laboratory.say(*pressure(130, 80, "20260505090000+0000"))
    assert laboratory.held().blood_pressure.value.systolic == 130


def test_an_infusion_flags_a_patient_and_its_code_names_the_product(laboratory: Laboratory):
    procedure = "PR1|1||XW033H7^infusion^I10P||20260428"
    assert laboratory.say(kind="ADT^A08", more=procedure) == ("AA", "")
    context = laboratory.held()
    assert (context.patient_id, str(context.birth_date), str(context.infusion_date)) == (
        "P1",
        "1970-01-02",
        "2026-04-28",
    )
    assert context.product == "axicabtagene ciloleucel"


def test_who_was_taken_off_comes_back_by_a_later_infusion_only(laboratory: Laboratory):
    laboratory.flag()
    with laboratory.where.store.session() as session:
        remove(session, "P1", "", "meyer", NOON)
    assert laboratory.say(kind="ADT^A08", more="PR1|1||XW033H7^^I10P||20260428") == ("AA", "")
    with laboratory.where.store.reading() as session:
        assert list(flagged(session)) == []
    assert laboratory.say(kind="ADT^A08", more="PR1|1||XW033H7^^I10P||20260601") == ("AA", "")
    assert str(laboratory.held().infusion_date) == "2026-06-01"


def test_a_merge_of_a_flagged_patient_waits_for_a_person(laboratory: Laboratory):
    laboratory.flag()
    merge = "MRG|P1^^^HOSP^MR"
    assert laboratory.say(kind="ADT^A40", patient_id="P2", more=merge) == ("AE", "204")


def test_several_messages_go_over_one_connection(laboratory: Laboratory):
    laboratory.flag()
    first, second = (
        laboratory.message(f"NM|777-3^^LN||{value}|10*3/uL|||||F").encode() for value in (80, 20)
    )
    with laboratory.connect() as connection:
        connection.sendall(START + first + b"\x1c\r" + START + second + b"\x1c\r")
        assert [laboratory.answer(connection) for _ in range(2)] == [("AA", "")] * 2
    assert laboratory.held().platelets.value == 20


def test_a_message_that_is_too_long_or_too_slow_ends_its_connection_alone(laboratory: Laboratory):
    laboratory.flag()
    with laboratory.connect() as long, laboratory.connect() as slow:
        long.sendall(START + b"M" * 30_000)
        assert long.recv(1) == b""
        began = time.monotonic()
        try:
            while time.monotonic() - began < 10:  # never silent, and never done
                slow.sendall(START if time.monotonic() - began < 0.1 else b"M")
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() - began < 5
    assert laboratory.platelets(18) == ("AA", "")


def test_there_is_room_for_so_many_connections_and_no_more(laboratory: Laboratory):
    with laboratory.connect() as first, laboratory.connect(), laboratory.connect() as third:
        first.settimeout(0.3)
        assert third.recv(1) == b""
    assert events(laboratory, "context_sender_refused")[0].detail["reason"] == "too many connections"


def test_only_known_senders_are_heard(open_laboratory: Callable[[Hl7Feed], Laboratory]):
    known = open_laboratory(Hl7Feed(port=0, senders=("LIS@127.0.0.0/8",)))
    known.flag()
    assert known.platelets(18) == ("AA", "")
    assert known.platelets(18, application="GUEST") == ("AR", "200")
    elsewhere = open_laboratory(Hl7Feed(port=0, senders=("*@10.0.0.0/8",)))
    assert elsewhere.platelets(18) == ("", "")
    assert {one.detail["reason"] for one in events(known, "context_sender_refused")} == {
        "unknown sending application (MSH-3)",
        "unknown address",
    }


def test_a_database_that_does_not_answer_is_no_acknowledgement(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
):
    laboratory.flag()
    broken = laboratory.where.settings.data / "nowhere"
    laboratory.where.store.close()
    moved = laboratory.where.settings.database_file.rename(broken)
    for name in ("-wal", "-shm"):
        (laboratory.where.settings.data / f"cartriage.sqlite3{name}").unlink(missing_ok=True)
    try:
        assert laboratory.platelets(18) == ("AR", "207")
    finally:
        laboratory.where.store.close()
        moved.rename(laboratory.where.settings.database_file)
    assert laboratory.platelets(18) == ("AA", "")
