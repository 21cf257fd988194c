"""The archive's side of priors: Study Root C-FIND for earlier studies and their series, C-GET of some series to ourselves (PS3.4 C.4.3)."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta

from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.presentation import build_role
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
)

from rules.priors import Prior, Series
from service.accepted import TRANSFER_SYNTAXES, storage_classes
from service.errors import MalformedError, RefusedError, StorageFullError
from service.headers import Header, file_meta, is_uid, read_header
from service.inquiry import ArchiveError, find
from service.settings import Destination, Settings
from service.store.files import FileStore, StoredFile
from service.store.tables import Study

_STUDIES_LIMIT = 1000
_OUT_OF_RESOURCES, _MISMATCH, _SUCCESS = 0xA700, 0xA900, 0x0000
_PENDING = (0xFF00, 0xFF01)


@dataclass(slots=True)
class Kept:
    """What a C-GET brought, within its limits; `trouble` is the first reason for an object not taken."""

    files: FileStore
    study: Study
    prior: Prior
    settings: Settings
    objects: list[tuple[Header, StoredFile]] = field(default_factory=list)
    size_bytes: int = 0
    trouble: str = ""

    def on_store(self, event: evt.Event) -> int:
        """Take one object, if it is of the patient and study that were asked for."""
        request = event.request
        dataset = request.DataSet.getvalue()
        syntax = str(event.context.transfer_syntax)
        self.size_bytes += len(dataset)
        if (
            self.size_bytes > self.settings.prior_limit_mb * 1_000_000
            or len(self.objects) >= self.settings.prior_limit_objects
        ):
            self.trouble = self.trouble or "the earlier study is larger than allowed"
            return _OUT_OF_RESOURCES
        try:
            header = read_header(dataset, syntax)
            if not _is_of(header, self.study, self.prior):
                self.trouble = "an object of the earlier study names another patient or study"
                return _MISMATCH
            meta = file_meta(header.sop_class_uid, header.sop_instance_uid, syntax)
            self.objects.append((header, self._keep(meta, dataset)))
        except (RefusedError, MalformedError, StorageFullError) as error:
            self.trouble = self.trouble or f"an object of the earlier study was not taken: {error}"
            return _OUT_OF_RESOURCES
        return _SUCCESS

    def _keep(self, meta: bytes, dataset: bytes) -> StoredFile:
        incoming = self.files.begin(meta)
        try:
            incoming.write(dataset)
            stored = incoming.keep(self.prior.study_instance_uid)
            incoming.sync(stored)
        finally:
            incoming.discard()
        return stored


def find_studies(association: Association, study: Study) -> list[Prior]:
    """The MR studies of the patient from days before `study`, as far as both identifiers agree in the archive's answer.

    Raises ArchiveError if it does not answer, or with more than anybody has.
    """
    assert study.study_date is not None  # noqa: S101 - the caller asks for dated studies alone
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.PatientID = study.patient_id
    query.IssuerOfPatientID = query.PatientBirthDate = query.StudyInstanceUID = ""
    query.StudyDate = f"-{study.study_date - timedelta(days=1):%Y%m%d}"
    query.ModalitiesInStudy = "MR"
    found = []
    for number, answer in enumerate(find(association, query)):
        if number >= _STUDIES_LIMIT:
            raise ArchiveError("more studies than anybody has")
        prior = Prior(str(answer.get("StudyInstanceUID", "")), _day(answer, "StudyDate") or date.max)
        issuer = str(answer.get("IssuerOfPatientID") or "")
        if (
            is_uid(prior.study_instance_uid)
            and prior.study_date < study.study_date
            and answer.get("PatientID") == study.patient_id
            and (not issuer or issuer == study.issuer)
            and _day(answer, "PatientBirthDate") == study.birth_date
        ):
            found.append(prior)
    return found


def find_series(association: Association, prior: Prior) -> list[Series]:
    """The MR series of an earlier study. Raises ArchiveError if the archive does not answer."""
    query = Dataset()
    query.QueryRetrieveLevel = "SERIES"
    query.StudyInstanceUID = prior.study_instance_uid
    query.Modality = "MR"
    query.SeriesInstanceUID = query.SeriesDescription = query.BodyPartExamined = ""
    query.NumberOfSeriesRelatedInstances = None
    return [
        Series(
            str(answer.SeriesInstanceUID),
            str(answer.get("SeriesDescription") or ""),
            str(answer.get("BodyPartExamined") or "").upper(),
            int(answer.get("NumberOfSeriesRelatedInstances") or 0),
        )
        for answer in find(association, query)
        if answer.get("Modality") == "MR" and is_uid(str(answer.get("SeriesInstanceUID", "")))
    ]


def get_series(association: Association, kept: Kept, series: Sequence[Series]) -> None:
    """Have some series sent to ourselves, into `kept`.

    Raises ArchiveError if the archive does not send them, or not in time.
    """
    deadline = time.monotonic() + kept.settings.prior_timeout_s
    for one in series:
        query = Dataset()
        query.QueryRetrieveLevel = "SERIES"
        query.StudyInstanceUID = kept.prior.study_instance_uid
        query.SeriesInstanceUID = one.series_instance_uid
        try:
            for status, _ in association.send_c_get(query, StudyRootQueryRetrieveInformationModelGet):
                code = status.get("Status")
                if kept.trouble or time.monotonic() > deadline:
                    association.abort()
                    raise ArchiveError(kept.trouble or "the earlier study did not come in time")
                if code not in (*_PENDING, _SUCCESS):
                    raise ArchiveError("no answer" if code is None else f"status 0x{code:04X}")
        except (RuntimeError, ValueError) as error:  # the association is gone, or has no such context
            raise ArchiveError(type(error).__name__) from error
    if kept.trouble:
        raise ArchiveError(kept.trouble)


@contextmanager
def associated(archive: Destination, settings: Settings, kept: Kept | None = None) -> Iterator[Association]:
    """An association to find, or with `kept` to get. Raises ArchiveError if there is none."""
    ae = AE(ae_title=settings.ae_title)
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = (
        settings.archive_timeout_s
    )
    roles = []
    if kept is None:
        ae.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
    else:
        ae.add_requested_context(StudyRootQueryRetrieveInformationModelGet)
        for uid in sorted(storage_classes(("MR",))):
            ae.add_requested_context(uid, list(TRANSFER_SYNTAXES))
            roles.append(build_role(uid, scp_role=True))
    association = ae.associate(
        archive.host,
        archive.port,
        ae_title=archive.ae_title,
        ext_neg=roles,
        evt_handlers=[(evt.EVT_C_STORE, kept.on_store)] if kept else [],
    )
    if not association.is_established:
        raise ArchiveError("rejected" if association.is_rejected else "unreachable")
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def _is_of(header: Header, study: Study, prior: Prior) -> bool:
    asked = (study.patient_id, study.birth_date, prior.study_instance_uid)
    return (header.patient_id, header.birth_date, header.study_instance_uid) == asked and (
        not header.issuer or header.issuer == study.issuer
    )


def _day(answer: Dataset, keyword: str) -> date | None:
    text = str(answer.get(keyword) or "")
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None
