from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from rules.messages import Basis
from service.assembly import settle
from service.inquiry import Inquiry
from service.intake import Intake
from service.settings import Destination, Settings
from service.store.session import Store
from service.store.tables import Announced, AuditEvent, Study
from tests.service.conftest import NOON, STUDY, mr_slice, received
from tests.service.test_node import write_files
from tests.walk.orthanc import free_port, running_orthanc

# pynetdicom's client side leaves sockets to the garbage collector; see `swept`.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("swept"),
]

SOON = NOON + timedelta(seconds=6)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A real Orthanc with a study of two image series and a report."""
    folder = tmp_path_factory.mktemp("archive")
    slices = [mr_slice(number, series=series) for series in (1, 2) for number in (1, 2)]
    report = mr_slice(1, series=8, Modality="SR")
    with running_orthanc(folder) as peer:
        for path in write_files(folder, [*slices, report]):
            peer.upload(Path(path))
        yield Destination(name="archive", ae_title="ORTHANC", host="127.0.0.1", port=peer.dicom_port)


@pytest.fixture
def inquiry(store: Store, settings: Settings, archive: Destination) -> Inquiry:
    return Inquiry(store, settings.model_copy(update={"archives": (archive,)}))


def take(intake: Intake, *places: tuple[int, int]) -> None:
    for series, number in places:
        intake.take(received(mr_slice(number, series=series)), NOON)


def basis(store: Store, settings: Settings) -> str | None:
    with store.session() as session:
        if not settle(session, settings, SOON):
            return None
    with store.reading() as session:
        line = session.scalars(select(AuditEvent).where(AuditEvent.event == "study_settled")).one()
        return line.detail["basis"]


def test_an_archive_that_counts_the_same_settles_the_study(store, settings, intake, inquiry: Inquiry):
    take(intake, (1, 1), (1, 2), (2, 1), (2, 2))
    assert basis(store, settings) is None
    assert inquiry.ask_due(SOON) == 1
    assert basis(store, settings) == Basis.ARCHIVE_COUNT


def test_an_archive_that_has_more_tells_what_is_missing(store, settings, intake, inquiry: Inquiry):
    take(intake, (1, 1), (1, 2), (2, 1))
    inquiry.ask_due(SOON)
    assert basis(store, settings) is None
    with store.session() as session:
        settle(session, settings, NOON + timedelta(seconds=31))
    with store.reading() as session:
        line = session.scalars(select(AuditEvent).where(AuditEvent.event == "study_settled")).one()
    assert line.detail["missing"] == [f"series {STUDY}.2: 1 of 2 objects"]


def test_an_archive_is_asked_again_only_after_a_while(store, settings, intake, inquiry: Inquiry):
    take(intake, (1, 1))
    assert inquiry.ask_due(SOON) == 1
    assert inquiry.ask_due(SOON + timedelta(seconds=1)) == 0
    assert inquiry.ask_due(SOON + timedelta(seconds=6)) == 0  # asked, and heard nothing new
    with store.reading() as session:
        assert session.scalars(select(Announced)).one().series == {f"{STUDY}.1": 2, f"{STUDY}.2": 2}


def test_a_study_that_is_still_arriving_or_that_no_archive_knows_stays_as_it_is(
    store, settings, intake, inquiry
):
    intake.take(received(mr_slice(1, study="1.2.3.4")), NOON)
    assert inquiry.ask_due(NOON + timedelta(seconds=1)) == 0
    assert inquiry.ask_due(SOON) == 0


def test_a_silent_archive_changes_nothing(store: Store, settings: Settings, intake: Intake):
    nobody = Destination(name="gone", ae_title="GONE", host="127.0.0.1", port=free_port())
    inquiry = Inquiry(store, settings.model_copy(update={"archives": (nobody,), "archive_timeout_s": 1.0}))
    take(intake, (1, 1))
    assert inquiry.ask_due(SOON) == 0
    with store.reading() as session:
        assert session.scalars(select(Study.is_open)).one()
