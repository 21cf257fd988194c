"""An archive that speaks TLS only: an Orthanc that asks for our certificate."""

from datetime import timedelta
from pathlib import Path

import pytest
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind
from sqlalchemy import select

from service import cohort
from service.archives import Archive
from service.assembly import settle
from service.cohort_file import entry_of
from service.destinations import Tls
from service.inquiry import ArchiveError, Inquiry, associated
from service.prior_archive import DimseSource
from service.prior_fetch import Fetching
from service.store.prior_tables import PriorInstance, PriorSearch
from service.store.tables import Announced
from tests.service.conftest import NOON, mr_slice, received
from tests.service.context_feed.certificates import certificates
from tests.service.test_node import write_files
from tests.walk.orthanc import free_port, running_orthanc

NOW, BASELINE = "1.2.3.1", "1.2.3.2"
PRIOR_PORT = free_port()
FIND = [build_context(StudyRootQueryRetrieveInformationModelFind)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tls-archive")
    certificates(folder)
    return folder


@pytest.fixture(scope="module")
def port(folder: Path):
    """The port of an Orthanc with an earlier study and the present one, which moves objects over TLS too."""
    priors = {"AET": "CARTRIAGE_PRIORS", "Host": "127.0.0.1", "Port": PRIOR_PORT, "UseDicomTls": True}
    more = {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(folder / "us.pem"),
        "DicomTlsPrivateKey": str(folder / "us.key"),
        "DicomTlsTrustedCertificates": str(folder / "ca.pem"),
        "DicomModalities": {"priors": priors, "cartriage": ["CARTRIAGE", "127.0.0.1", 104]},
    }
    slices = [mr_slice(number, study=BASELINE, StudyDate="20260418") for number in (1, 2)]
    with running_orthanc(folder, **more) as peer:
        for path in write_files(folder, [*slices, mr_slice(study=NOW)]):
            peer.upload(Path(path))
        yield peer.dicom_port


def archive(port: int, tls: Tls | None, retrieve: str = "get") -> Archive:
    peer = {"name": "archive", "ae_title": "ORTHANC", "host": "localhost", "port": port}
    return Archive(**peer, tls=tls, retrieve=retrieve)


def known(folder: Path) -> Tls:
    us = {"certificate": folder / "us.pem", "key": folder / "us.key"}
    return Tls(ca=folder / "ca.pem", is_host_checked=False, **us)


def test_an_archive_counts_over_tls(port, folder, store, settings, intake):
    intake.take(received(mr_slice(study=NOW)), NOON)
    inquiry = Inquiry(store, settings.model_copy(update={"archives": (archive(port, known(folder)),)}))
    assert inquiry.ask_due(NOON + timedelta(seconds=6)) == 1
    with store.reading() as session:
        assert session.scalars(select(Announced)).one().study_instance_uid == NOW


@pytest.mark.parametrize("retrieve", ["get", "move"])
def test_an_earlier_study_comes_over_tls(port, folder, store, settings, intake, retrieve: str):
    plain = {"patient_id": "P1", "infusion_date": "2026-04-20"}
    entry = entry_of(plain, source="test", now=NOON, is_observation=True)
    with store.session() as session:
        cohort.add(session, entry, settings, "t", NOON)
    intake.take(received(mr_slice(study=NOW, PatientID="P1")), NOON)
    settled = NOON + timedelta(minutes=1)
    with store.session() as session:
        settle(session, settings, settled)
    ours = {"tls_certificate": folder / "us.pem", "tls_key": folder / "us.key"}
    changes = {
        "archives": (archive(port, known(folder), retrieve),),
        "tls_authorities": folder / "ca.pem",
        "archive_timeout_s": 5.0,
        "prior_port": PRIOR_PORT,
    }
    Fetching(store, settings.model_copy(update=ours | changes)).ask_due(settled)
    with store.reading() as session:
        assert session.get_one(PriorSearch, NOW).outcome == ""
        assert len(session.scalars(select(PriorInstance)).all()) == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ca": None}, "no secure connection"),
        ({"certificate": None, "key": None}, "no secure connection|unreachable"),
        ({"ca": Path("nowhere.pem")}, "no secure connection"),
    ],
    ids=["not trusted by us", "we are not trusted", "no such file"],
)
def test_without_trust_on_both_sides_there_is_no_association(port, folder, settings, change, why: str):
    tls = known(folder).model_copy(update=change)
    with pytest.raises(ArchiveError, match=why), associated(archive(port, tls), settings, FIND):
        pass


def test_an_archive_over_tls_is_not_let_to_bring_anything_in_the_clear(port, folder, store, settings, intake):

    source = DimseSource(archive(port, known(folder), "move"), settings)
    with pytest.raises(ArchiveError, match="TLS_CERTIFICATE"):
        source.fetch(None, ())  # type: ignore[arg-type] - nothing may come that far
