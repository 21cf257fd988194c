import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from service import cohort
from service.archives import AnyArchive, Archive, WebArchive
from service.assembly import settle
from service.cohort_file import entry_of
from service.prior_archive import DimseSource
from service.prior_fetch import Fetching
from service.settings import Settings
from service.store.prior_tables import PriorInstance, PriorSearch
from service.store.tables import AuditEvent, Delivery, Instance, Job, Study
from tests.peers import need_file
from tests.service.conftest import NOON, mr_slice, received
from tests.service.test_node import write_files
from tests.walk.orthanc import free_port, running_orthanc

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("swept"),
]

NOW, BASELINE, LAST = "1.2.3.1", "1.2.3.2", "1.2.3.3"
SETTLED = NOON + timedelta(minutes=1)


PRIOR_PORT = free_port()
_DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    """A real Orthanc with the baseline, the last study, and studies that are not to be taken."""
    folder = tmp_path_factory.mktemp("archive")
    slices = [
        *(mr_slice(number, study=BASELINE, StudyDate="20260418") for number in (1, 2, 3)),
        mr_slice(1, study=BASELINE, series=2, StudyDate="20260418", SeriesDescription="LOC"),
        mr_slice(study=LAST, StudyDate="20260501"),
        mr_slice(study="1.2.3.4", StudyDate="20260419", PatientBirthDate="19700103", PatientID="P1"),
        mr_slice(study="1.2.3.5", StudyDate="20260419", PatientID="P10"),
        mr_slice(
            study="1.2.3.6",
            StudyDate="20260419",
            BodyPartExamined="KNEE",
            StudyDescription="knee",
            SeriesDescription="PD",
        ),
        mr_slice(1, study="1.2.7.2", StudyDate="20260418", PatientID="P7"),
        mr_slice(2, study="1.2.7.2", StudyDate="20260418", PatientID="P7", PatientBirthDate="19700103"),
    ]
    more = {
        "Plugins": [str(need_file(Path(_DICOMWEB)))],
        "DicomModalities": {
            "cartriage": ["CARTRIAGE", "127.0.0.1", 104],
            "priors": ["CARTRIAGE_PRIORS", "127.0.0.1", PRIOR_PORT],
        },
    }
    with running_orthanc(folder, **more) as peer:
        for path in write_files(folder, slices):
            peer.upload(Path(path))
        yield peer


def reached(orthanc, way: str) -> AnyArchive:
    """The Orthanc, asked in one of the ways."""
    if way == "web":
        url = f"http://127.0.0.1:{orthanc.http_port}/dicom-web"
        return WebArchive(name="archive", kind="dicomweb", url=url)
    peer = {"name": "archive", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": orthanc.dicom_port}
    return Archive(**peer, retrieve=way)


@pytest.fixture
def archive(orthanc) -> AnyArchive:
    return reached(orthanc, "get")


@pytest.fixture
def fetch(store, settings, intake):
    """A flagged patient's study arrives and is settled; then the archive is asked."""

    def fetch(archive: AnyArchive, patient: str = "P1", **changes: object) -> Fetching:
        plain = {"patient_id": patient, "infusion_date": "2026-04-20"}
        entry = entry_of(plain, source="test", now=NOON, is_observation=True)
        with store.session() as session:
            cohort.add(session, entry, settings, "t", NOON)
        intake.take(received(mr_slice(study=NOW, PatientID=patient)), NOON)
        with store.session() as session:
            settle(session, settings, SETTLED)
        limits = {"archives": (archive,), "archive_timeout_s": 5.0, "prior_port": PRIOR_PORT} | changes
        fetching = Fetching(store, settings.model_copy(update=limits))
        assert fetching.ask_due(SETTLED) == 1
        return fetching

    return fetch


def outcome(store) -> tuple[str, str]:
    with store.reading() as session:
        search = session.get_one(PriorSearch, NOW)
        return search.state, search.outcome


@pytest.mark.parametrize("way", ["get", "move", "web"])
def test_the_baseline_is_fetched_and_the_study_decided_again_beside_it(fetch, orthanc, store, intake, way):
    fetching = fetch(reached(orthanc, way))
    assert outcome(store) == ("done", "")
    with store.reading() as session:
        alone, compared = (job.ready for job in session.scalars(select(Job).order_by(Job.id)))
        line = session.scalars(select(AuditEvent).where(AuditEvent.event == "prior_fetched")).one()
    assert (alone["earlier"], alone["not_compared"] != "") == (None, True)
    assert compared["earlier"]["study_instance_uid"] == BASELINE
    assert compared["earlier"]["is_baseline"]
    assert [one["series_instance_uid"] for one in compared["earlier"]["instances"]] == [f"{BASELINE}.1"] * 3
    for one in compared["earlier"]["instances"]:
        assert intake.files.resolve(one["path"]).exists()
    assert (line.detail["prior"], line.detail["objects"]) == (BASELINE, 3)
    assert fetching.ask_due(SETTLED + timedelta(hours=1)) == 0


def test_a_fetched_study_is_never_one_of_ours(fetch, archive, store, settings):
    fetch(archive)
    with store.session() as session:
        assert settle(session, settings, SETTLED + timedelta(hours=1)) == []
    with store.reading() as session:
        assert session.scalars(select(Study.study_instance_uid)).all() == [NOW]
        assert session.scalars(select(Instance.study_instance_uid)).all() == [NOW]
        assert session.scalars(select(Delivery)).all() == []


def test_a_prior_of_more_objects_than_allowed_is_left_and_told(fetch, archive, store):
    fetch(archive, prior_limit_objects=2)
    assert outcome(store) == ("done", "the earlier study has more objects than allowed")
    with store.reading() as session:
        line = session.scalars(select(AuditEvent).where(AuditEvent.event == "prior_not_fetched")).one()
        assert "more objects" in line.detail["reason"]
        assert session.scalars(select(PriorInstance)).all() == []


@pytest.mark.parametrize(
    ("way", "patient", "changes"),
    [
        ("get", "P7", {}),
        ("get", "P1", {"prior_limit_mb": 0}),
        ("get", "P1", {"prior_timeout_s": 0.0}),
        ("move", "P7", {}),
        ("move", "P1", {"prior_timeout_s": 0.0}),
        ("web", "P7", {}),
        ("web", "P1", {"prior_limit_mb": 0}),
        ("web", "P1", {"prior_timeout_s": 0.0}),
        ("web", "P1", {"disk_watermark_mb": 1 << 40}),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else value,
)
def test_of_a_prior_that_cannot_come_as_a_whole_nothing_is_kept(fetch, orthanc, store, way, patient, changes):
    fetch(reached(orthanc, way), patient, **changes)
    assert outcome(store)[0] == "owed"
    with store.reading() as session:
        assert session.get_one(PriorSearch, NOW).tries == 1
        assert session.scalars(select(PriorInstance)).all() == []
        assert len(session.scalars(select(Job)).all()) == 1


def test_what_an_archive_moves_to_us_is_no_study_of_ours_and_only_it_may_bring_it(fetch, orthanc, store):
    fetch(reached(orthanc, "move"))
    with store.reading() as session:
        assert session.scalars(select(Study.study_instance_uid)).all() == [NOW]
        assert len(session.scalars(select(PriorInstance)).all()) == 3
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", PRIOR_PORT), 5).close()


def test_a_study_of_another_part_is_known_by_its_objects_where_the_archive_does_not_tell(
    fetch, archive, store, monkeypatch
):
    told = DimseSource.series
    monkeypatch.setattr(
        DimseSource, "series", lambda self, prior: [replace(one, body_part="") for one in told(self, prior)]
    )
    fetch(archive)
    with store.reading() as session:
        assert set(session.scalars(select(PriorInstance.study_instance_uid))) == {BASELINE}


def test_a_port_for_moves_that_is_taken_is_told(fetch, orthanc, store):
    with socket.create_server(("127.0.0.1", PRIOR_PORT)):
        fetch(reached(orthanc, "move"))
    with store.reading() as session:
        assert session.get_one(PriorSearch, NOW).tries == 1


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/dicom-web", "http://127.0.0.1:{port}/nothing", "http://127.0.0.1:{port}/app"]
)
def test_a_web_archive_that_is_none_is_asked_again(fetch, orthanc, store, url):
    fetch(WebArchive(name="a", kind="dicomweb", url=url.format(port=orthanc.http_port)))
    assert outcome(store)[0] in ("owed", "done")
    with store.reading() as session:
        assert session.scalars(select(PriorInstance)).all() == []


def test_archives_are_read_from_the_settings_by_their_kind(settings):
    plain = [
        {"name": "a", "ae_title": "A", "host": "h", "port": 104, "retrieve": "move"},
        {"name": "b", "kind": "dicomweb", "url": "https://b/dicom-web"},
    ]
    given = Settings.model_validate(settings.model_dump() | {"archives": plain})
    assert [type(one) for one in given.archives] == [Archive, WebArchive]


def test_an_archive_that_is_down_is_asked_again_with_pauses_and_then_no_more(fetch, store):
    nobody = Archive(name="gone", ae_title="GONE", host="127.0.0.1", port=free_port())
    fetching = fetch(nobody, archive_timeout_s=1.0)
    assert outcome(store)[0] == "owed"
    assert fetching.ask_due(SETTLED + timedelta(seconds=19)) == 0
    asked = [fetching.ask_due(SETTLED + timedelta(hours=number)) for number in range(1, 7)]
    assert asked == [1, 1, 1, 1, 0, 0]
    assert outcome(store) == ("given_up", "the archives did not give it (unreachable)")
    with store.reading() as session:
        assert len(session.scalars(select(Job)).all()) == 1
