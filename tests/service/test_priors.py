from datetime import date, datetime, timedelta

import pytest
from pydicom import Dataset
from sqlalchemy import select

from rules.codec import from_plain
from rules.messages import EarlierStudy, StudyReady
from service import cohort
from service.assembly import settle
from service.cohort_file import entry_of
from service.store.tables import AuditEvent, Job, Report, Study
from tests.service.conftest import NOON, mr_slice, received

NOW, BASELINE, LAST = "1.2.3.1", "1.2.3.2", "1.2.3.3"
NONE_KNOWN = "no earlier brain MRI of this patient is known"


@pytest.fixture(autouse=True)
def flagged(store, settings):
    """The patient, with an infusion on April 20."""
    plain = {"patient_id": "P1", "infusion_date": "2026-04-20"}
    with store.session() as session:
        cohort.add(
            session, entry_of(plain, source="test", now=NOON, is_observation=True), settings, "t", NOON
        )


def of(day: str, uid: str, **elements: object) -> Dataset:
    return mr_slice(study=uid, StudyDate=day, **elements)


@pytest.fixture
def arrive(intake, store, settings):
    """Receive studies and settle them, the first named first."""

    def arrive(*studies: Dataset, at: datetime = NOON) -> None:
        for number, ds in enumerate(studies):
            intake.take(received(ds), at + timedelta(seconds=number))
        with store.session() as session:
            settle(session, settings, at + timedelta(minutes=1))

    return arrive


@pytest.fixture
def owed(store):
    """What the workers were told of a study, oldest first."""

    def owed(uid: str = NOW) -> list[StudyReady]:
        with store.reading() as session:
            jobs = session.scalars(select(Job).where(Job.study_instance_uid == uid).order_by(Job.id))
            return [from_plain(StudyReady, job.ready) for job in jobs]

    return owed


def earlier(ready: StudyReady) -> EarlierStudy:
    assert ready.earlier is not None, ready.not_compared
    return ready.earlier


def test_the_baseline_in_our_own_store_goes_to_the_workers_with_its_files(arrive, owed, intake, store):
    arrive(of("20260310", "1.2.3.9"), of("20260418", BASELINE), of("20260501", LAST), of("20260504", NOW))
    (ready,) = owed()
    found = earlier(ready)
    assert (found.study_instance_uid, found.study_date, found.is_baseline) == (
        BASELINE,
        date(2026, 4, 18),
        True,
    )
    assert [one.sop_instance_uid for one in found.instances] == [f"{BASELINE}.1.1"]
    assert intake.files.resolve(found.instances[0].path).exists()
    with store.reading() as session:
        lines = session.scalars(select(AuditEvent).where(AuditEvent.event == "study_admitted")).all()
    assert [line.detail["compared_with"] for line in lines] == ["", "1.2.3.9", BASELINE, BASELINE]


def test_a_patient_who_was_not_flagged_yet_has_a_baseline_all_the_same(arrive, owed, store, settings):
    with store.session() as session:
        cohort.remove(session, "P1", "", "t", NOON)
    arrive(of("20260418", BASELINE))
    entry = entry_of({"patient_id": "P1"}, source="test", now=NOON, is_observation=True)
    with store.session() as session:
        cohort.add(session, entry, settings, "t", NOON)
    arrive(of("20260504", NOW), at=NOON + timedelta(hours=1))
    assert earlier(owed()[-1]).study_instance_uid == BASELINE


@pytest.mark.parametrize(
    "elements",
    [
        {"PatientID": "P2"},
        {"IssuerOfPatientID": "ELSEWHERE"},
        {"PatientBirthDate": "19700103"},
        {"PatientBirthDate": ""},
        {"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"},
        {"BodyPartExamined": "KNEE", "StudyDescription": "MR knee", "SeriesDescription": "PD"},
    ],
    ids=["patient ID", "issuer", "birth date", "no birth date", "no MR", "no head"],
)
def test_what_is_not_surely_a_brain_mri_of_the_patient_is_no_prior(arrive, owed, elements):
    arrive(of("20260418", BASELINE, **elements), of("20260504", NOW))
    (ready,) = owed()
    assert (ready.earlier, ready.not_compared) == (None, NONE_KNOWN)


def test_a_prior_whose_objects_name_two_patients_is_left_out(arrive, owed, intake):
    intake.take(received(mr_slice(2, study=BASELINE, StudyDate="20260418", PatientID="P7")), NOON)
    arrive(of("20260418", BASELINE), of("20260504", NOW))
    assert owed()[0].earlier is None


def test_without_a_birth_date_nothing_is_looked_for_and_the_reason_stands(arrive, owed):
    arrive(of("20260418", BASELINE), of("20260504", NOW, PatientBirthDate=""))
    (ready,) = owed()
    assert ready.earlier is None
    assert "birth date" in ready.not_compared


def test_a_prior_that_its_own_result_knows_without_flair_is_passed_over(arrive, owed, store):
    arrive(of("20260310", "1.2.3.9"), of("20260418", BASELINE))
    with store.session() as session:
        job = session.scalars(select(Job).where(Job.study_instance_uid == BASELINE)).one()
        job.state, job.triaged = "done", {"series": [{"role": "T1"}]}
    arrive(of("20260504", NOW), at=NOON + timedelta(hours=1))
    assert earlier(owed()[0]).study_instance_uid == "1.2.3.9"


def test_our_own_reports_in_a_prior_are_not_compared_with(arrive, owed, store):
    arrive(of("20260418", BASELINE))
    ours = {"job_id": owed(BASELINE)[0].job_id, "kind": "SR", "sop_class_uid": "1", "path": "", "sha256": ""}
    uids = {"series_instance_uid": "1.7", "transfer_syntax_uid": "1"}
    with store.session() as session:
        session.add(Report(sop_instance_uid="1.2.3.77", **ours, **uids))
    report = mr_slice(1, study=BASELINE, StudyDate="20260418", SOPInstanceUID="1.2.3.77")
    arrive(report, of("20260504", NOW), at=NOON + timedelta(hours=1))
    assert [one.sop_instance_uid for one in earlier(owed()[0]).instances] == [f"{BASELINE}.1.1"]


def test_a_prior_that_comes_later_makes_one_more_job_and_only_for_a_study_that_had_none(arrive, owed):
    arrive(of("20260504", NOW))
    arrive(of("20260501", LAST), at=NOON + timedelta(minutes=10))
    alone, compared = owed()
    assert alone.not_compared == NONE_KNOWN
    assert earlier(compared).study_instance_uid == LAST
    assert compared.predecessor_job_id == alone.job_id
    assert compared.snapshot == alone.snapshot
    arrive(of("20260418", BASELINE), at=NOON + timedelta(minutes=20))
    assert len(owed()) == 2
    assert earlier(owed(LAST)[-1]).study_instance_uid == BASELINE


def test_the_same_prior_again_changes_nothing(arrive, owed, store):
    arrive(of("20260418", BASELINE), of("20260504", NOW))
    with store.session() as session:
        for study in session.scalars(select(Study)):
            study.is_open = True
    arrive(at=NOON + timedelta(hours=1))
    assert len(owed()) == 1
