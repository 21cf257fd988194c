"""What goes by its age, what never goes, and that the trail stays whole."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import ValidationError
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from rules.volumes import folder_of
from service.answers import acknowledge
from service.audit import record
from service.audit_anchor import Anchor
from service.audit_check import Verdict, verify
from service.audit_purge import AuditPurgeError, last_due, purge_events
from service.cli import main
from service.gate import policy_in_force
from service.intake import Intake
from service.replay import Outcome, Policies, replay
from service.retention import due, purge_rest, purge_study, sweep
from service.settings import Settings
from service.store.desk_tables import WorklistState
from service.store.retention_tables import AuditCheckpoint, Purge
from service.store.session import Store
from service.store.tables import AuditEvent, Delivery, Instance, Job, Study
from tests.service.conftest import NOON, mr_slice, received
from tests.service.web.conftest import DEEP, HEALTHY, Hospital


@pytest.fixture
def house(store: Store, settings: Settings, intake: Intake, tmp_path: Path) -> Hospital:
    ages = {"retention_days": 60, "retention_event_days": 365, "retention_archive": tmp_path / "old"}
    return Hospital(store, settings.model_copy(update=ages), intake)


@pytest.fixture
def run(house: Hospital, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("CARTRIAGE_DATA", str(house.settings.data))
    monkeypatch.setenv("CARTRIAGE_RETENTION_DAYS", "60")
    return lambda *arguments: CliRunner().invoke(main, [*arguments])


def images(house: Hospital) -> set[str]:
    root = house.settings.files
    return {str(path.relative_to(root)) for path in root.glob("instances/*/*/*.dcm")}


def test_only_what_is_old_and_finished_goes(house: Hospital):
    later = house.now + timedelta(days=100)
    critical, calm, undelivered = (
        house.study("DEEP", DEEP),
        house.study("CALM", HEALTHY),
        house.study("OWED", HEALTHY),
    )
    house.receive("STRANGER")
    house.flag("WAITS")
    waiting = house.receive("WAITS")
    house.intake.take(received(mr_slice(study="1.2.4", PatientID="OPEN")), house.now)
    with house.store.session() as session:
        job = session.scalars(select(Job).where(Job.study_instance_uid == undelivered)).one()
        row = {"cargo": "SR", "sop_instance_uid": "2.25.1", "destination": "pacs", "priority": "P4"}
        times = {"try_at": house.now, "created_at": house.now}
        session.add(
            Delivery(study_instance_uid=undelivered, job_id=job.job_id, state="stored", **row, **times)
        )

    def names(at: datetime = later) -> set[str]:
        with house.store.reading() as session:
            return {one.study_instance_uid for one in due(session, house.settings, at)}

    strangers = names() - {calm}
    assert len(strangers) == 1
    assert not {critical, undelivered, waiting, "1.2.4"} & names()
    assert names(house.now + timedelta(days=59)) == set()
    with house.store.session() as session:
        acknowledge(session, critical, "meyer", policy_in_force(None), house.now)
        session.scalars(select(Delivery)).one().state = "proven"
    assert names() == {critical, calm, undelivered, *strangers}
    assert purge_study(house.store, house.settings, waiting, later) is False


def test_a_purged_study_keeps_its_result_and_says_so_and_comes_back_whole(house: Hospital):
    uid = house.study("CALM", HEALTHY)
    before, later = images(house), house.now + timedelta(days=100)
    assert purge_study(house.store, house.settings, uid, later)
    assert (images(house), purge_study(house.store, house.settings, uid, later)) == (set(), False)
    with house.store.reading() as session:
        assert session.scalars(select(Instance)).all() == []
        assert (session.scalars(select(Purge)).one().objects, session.scalars(select(Job)).one().state) == (
            2,
            "done",
        )
        study = session.get_one(Study, uid)
        (found,) = replay(session, study, Policies(policy_in_force(None), house.settings.policies))
        assert (found.outcome, verify(session).faults) == (Outcome.IDENTICAL, ())
    assert found.purged.startswith("2 images were deleted by their age on ")
    assert sweep(house.store, house.settings, datetime.now(UTC)) == 0
    assert sweep(house.store, house.settings, datetime.now(UTC) + timedelta(hours=2)) == 2
    assert list((house.settings.files / "purged").iterdir()) == []

    house.receive("CALM")
    assert images(house) == before
    with house.store.reading() as session:
        assert len(session.scalars(select(Job)).all()) == 1


def test_an_object_that_is_sent_while_it_goes_is_put_back(house: Hospital):
    uid = house.study("CALM", HEALTHY)
    before = images(house)
    purge_study(house.store, house.settings, uid, house.now + timedelta(days=100))
    house.receive("CALM")
    root = house.settings.files
    for path in before:  # as if the rename had come after the sender's bytes were found in place
        (root / "purged" / uid).mkdir(parents=True, exist_ok=True)
        (root / path).replace(root / "purged" / uid / Path(path).name)
    sweep(house.store, house.settings, datetime.now(UTC) + timedelta(hours=2))
    assert images(house) == before


def test_the_cache_goes_by_its_age(house: Hospital):
    folder = house.settings.data / "cache" / "brain" / "ab"
    folder.mkdir(parents=True)
    old, new = folder / "ab1.pickle", folder / "ab2.pickle"
    for path, days in ((old, 61), (new, 59)):
        path.write_bytes(b"x")
        at = house.now.timestamp() - days * 86_400
        os.utime(path, (at, at))
    purge_rest(house.store, house.settings, house.now)
    assert (old.exists(), new.exists()) == (False, True)


def test_the_command_shows_first_and_deletes_then(house: Hospital, run: Callable[..., Result]):
    uid = house.study("CALM", HEALTHY)
    assert "images of 0 studies" in run("purge", "--dry-run").output
    with house.store.session() as session:
        long_ago = house.now - timedelta(days=90)
        session.get_one(Study, uid).last_received_at = long_ago
        session.scalars(select(Job)).one().created_at = long_ago
    assert "images of 1 studies (2 objects" in run("purge", "--dry-run").output
    assert len(images(house)) == 2
    assert "Gone: images of 1 studies" in run("purge").output
    assert images(house) == set()
    with house.store.reading() as session:
        assert (
            session.scalars(select(AuditEvent).where(AuditEvent.event == "study_purged"))
            .one()
            .detail["objects"]
            == 2
        )
    assert "deleted by their age" in run("replay", uid).output


@pytest.mark.parametrize(
    "wrong", [{"retention_days": 59}, {"retention_event_days": 364}, {"retention_event_days": 400}]
)
def test_an_age_that_would_be_too_young_is_refused(wrong: dict[str, int]):
    with pytest.raises(ValidationError, match=r"at least|needs retention_archive"):
        Settings(**wrong)  # type: ignore[arg-type]


def write(store: Store, *days: int) -> None:
    with store.session() as session:
        for day in days:
            record(session, "x", None, "tester", NOON + timedelta(days=day), day=day)
        session.merge(WorklistState(id=1, sequence=1000, version=1, at=NOON))


def checked(store: Store, *anchors: Anchor) -> Verdict:
    with store.reading() as session:
        return verify(session, anchors)


def test_old_events_leave_for_a_file_and_the_trail_stays_whole(house: Hospital, run: Callable[..., Result]):
    write(house.store, 0, 1, 2, 3, 4, 5)
    with house.store.reading() as session:
        third = session.scalars(select(AuditEvent).where(AuditEvent.sequence == 3)).one()
    made = purge_events(house.store, house.settings, "tester", NOON + timedelta(days=368))
    assert made is not None
    assert (made.sequence, made.events, made.hash) == (3, 3, third.hash)
    again = purge_events(house.store, house.settings, "tester", NOON + timedelta(days=369))
    assert again is not None
    assert again.events == 1
    verdict = checked(house.store, Anchor("then", 4, again.hash))
    assert (verdict.events, verdict.faults) == (4, ())
    (fault,) = checked(house.store, Anchor("then", 4, "0" * 64)).faults
    assert "checkpoint is wrong" in fault.words
    files = sorted((house.settings.retention_archive or Path()).iterdir())
    assert [path.name for path in files] == [
        "audit-000000001-000000003.jsonl",
        "audit-000000004-000000004.jsonl",
    ]
    assert run("audit", "verify", "--export", str(files[0])).exit_code == 0
    with pytest.raises(IntegrityError, match="append-only"), house.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_event WHERE sequence = 5"))


def test_a_beginning_that_was_cut_off_with_a_forged_checkpoint_is_found(house: Hospital):
    write(house.store, 0, 1, 2, 3)
    with house.store.session() as session:
        second = session.scalars(select(AuditEvent).where(AuditEvent.sequence == 2)).one()
        forged = {
            "sequence": 2,
            "hash": second.hash,
            "events": 2,
            "file": "x",
            "sha256": "0" * 64,
            "at": NOON,
        }
        session.add(AuditCheckpoint(**forged))
        session.flush()
        session.execute(text("DELETE FROM audit_event WHERE sequence <= 2"))
    (fault,) = checked(house.store).faults
    assert (fault.sequence, "no event tells" in fault.words) == (3, True)


def test_a_trail_that_is_not_whole_stays_as_it_is(house: Hospital):
    write(house.store, 0, 1, 2)
    with house.store.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_event_no_update"))
        connection.execute(text("UPDATE audit_event SET actor = 'x' WHERE sequence = 2"))
    with pytest.raises(AuditPurgeError, match="event 2 was changed"):
        purge_events(house.store, house.settings, "tester", NOON + timedelta(days=900))
    assert checked(house.store).events == 3


def test_events_of_a_study_that_is_not_finished_stay_with_all_after_them(house: Hospital):
    uid = house.study("DEEP", DEEP)
    later = house.now + timedelta(days=900)
    with house.store.reading() as session:
        first = session.scalars(
            select(AuditEvent.sequence).where(AuditEvent.study_instance_uid == uid)
        ).first()
        assert last_due(session, house.settings, later) == (first or 0) - 1
    with house.store.session() as session:
        acknowledge(session, uid, "meyer", policy_in_force(None), house.now)
    house.follow()
    with house.store.reading() as session:
        assert last_due(session, house.settings, later) > (first or 0)


def test_volumes_of_the_page_go_with_the_images_and_what_cannot_go_is_told_and_tried_again(
    house: Hospital, monkeypatch
):
    uid = house.study("CALM", HEALTHY)
    volumes = house.settings.files / folder_of(uid)
    volumes.mkdir(parents=True)
    (volumes / "one.nii.gz").write_bytes(b"pixels")
    later = house.now + timedelta(days=100)

    def refuse(_: Path) -> None:
        raise PermissionError

    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(shutil, "rmtree", refuse)
        assert purge_study(house.store, house.settings, uid, later)
    assert [one["error"] for one in logs if one["event"] == "volumes_not_deleted"] == ["PermissionError"]
    assert volumes.exists()
    purge_rest(house.store, house.settings, later)
    assert not volumes.exists()
