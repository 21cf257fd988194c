"""`cartriage replay --images`, whole: stored image files analysed again by the workers, in a process of their own."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydicom import dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from rules.codec import from_plain, to_plain
from rules.context import PatientContext
from rules.identity import digest_of, input_digest, job_id
from rules.messages import Basis, Completeness, StudyReady, StudyTriaged
from rules.policy import load
from service.audit import record
from service.cli import main
from service.settings import Settings
from service.store.session import Store, open_store, upgrade
from service.store.tables import Job, Study
from tests.service.conftest import mr_slice
from workers.cache import Cache
from workers.offline import _scan
from workers.pipeline import Places, triage

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_store(settings)
    upgrade(opened)
    yield opened
    opened.close()


def _analysed(settings: Settings, cache: Path) -> tuple[StudyReady, StudyTriaged]:
    """A study of three small slices in the file store, in which no brain is found, and what the workers make of it."""
    folder = settings.files / "in"
    folder.mkdir(parents=True)
    for number in (1, 2, 3):
        ds = mr_slice(number)
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dcmwrite(folder / f"{number}.dcm", ds, enforce_file_format=True)
    ((uid, files),) = _scan(folder.resolve(), folder / "none")[0].items()
    root = str(settings.files.resolve()).lstrip("/")
    instances = tuple(
        from_plain(type(one), {**to_plain(one), "path": one.path.removeprefix(f"{root}/")})
        for one in sorted(files, key=lambda one: one.sop_instance_uid)
    )
    context, policy = PatientContext(is_cart_recipient=True), load()
    ready = StudyReady(
        job_id=job_id(uid, input_digest(instances), digest_of(context), policy.digest),
        study_instance_uid=uid,
        snapshot=1,
        instances=instances,
        completeness=Completeness(Basis.QUIET_TIME, len(instances)),
        context=context,
        policy_digest=policy.digest,
        requested_at=NOON,
    )
    return ready, triage(ready, Places(settings.files, None), policy, Cache(cache))


def _keep(store: Store, ready: StudyReady, triaged: dict) -> None:
    uid = ready.study_instance_uid
    with store.session() as session:
        session.add(Study(study_instance_uid=uid, patient_id="P1", received_at=NOON, last_received_at=NOON))
        session.flush()
        held = {"job_id": ready.job_id, "study_instance_uid": uid, "snapshot": 1, "state": "done"}
        documents = {"ready": to_plain(ready), "triaged": triaged}
        session.add(Job(**held, **documents, priority="P4", created_at=NOON, done_at=NOON))
        told = {"job_id": ready.job_id, "result_digest": digest_of(triaged)}
        record(session, "study_triaged", uid, "courier", NOON, **told)


def test_images_analysed_again_give_every_finding_but_the_one_that_was_edited(
    store: Store, settings: Settings, tmp_path: Path
):
    ready, triaged = _analysed(settings, tmp_path / "cache")
    assert triaged.reports == ()
    plain = to_plain(triaged)
    edited = plain["findings"][0]
    true, edited["detail"] = edited["detail"], "no T9 series"
    plain["versions"]["numpy"] = "1.0"
    _keep(store, ready, plain)
    runner = CliRunner(env={"CARTRIAGE_DATA": str(settings.data)})
    outcome = runner.invoke(main, ["replay", ready.study_instance_uid, "--images", "--json"])
    assert outcome.exit_code == 1, outcome.output
    images = json.loads(outcome.output)[0]["images"]
    (difference,) = images["analysed"]["differences"]
    assert (difference["field"], difference["stored"]) == ("detail", "no T9 series")
    assert difference["replayed"] == true
    assert [one.partition(" ")[0] for one in images["analysed"]["changed"]] == ["numpy"]
