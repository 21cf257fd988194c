"""Priors over DIMSE: Study Root C-FIND for earlier studies and their series, then C-GET, or C-MOVE to ourselves (PS3.4 C.4)."""

import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.presentation import build_context, build_role
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from rules.priors import Prior, Series
from service.accepted import TRANSFER_SYNTAXES, storage_classes, tls_context
from service.archives import Archive
from service.inquiry import ArchiveError, associated, find
from service.parcel import Trouble
from service.prior_source import Kept, priors_in, series_in
from service.settings import Settings
from service.store.tables import Study

_TAKEN = sorted(storage_classes(("MR",)))
"""SOP Classes of what comes."""
_PENDING, _SUCCESS = (0xFF00, 0xFF01), 0x0000


@dataclass(frozen=True, slots=True)
class DimseSource:
    """An archive that is asked over DIMSE; see `service.prior_source.PriorSource`."""

    archive: Archive
    settings: Settings

    def studies(self, study: Study) -> list[Prior]:
        assert study.study_date is not None  # noqa: S101 - the caller asks for dated studies alone
        query = Dataset()
        query.QueryRetrieveLevel = "STUDY"
        query.PatientID = study.patient_id
        query.IssuerOfPatientID = query.PatientBirthDate = query.StudyInstanceUID = ""
        query.StudyDate = f"-{study.study_date - timedelta(days=1):%Y%m%d}"
        query.ModalitiesInStudy = "MR"
        with self._associated(StudyRootQueryRetrieveInformationModelFind) as association:
            return priors_in(find(association, query), study)

    def series(self, prior: Prior) -> list[Series]:
        query = Dataset()
        query.QueryRetrieveLevel = "SERIES"
        query.StudyInstanceUID = prior.study_instance_uid
        query.Modality = "MR"
        query.SeriesInstanceUID = query.SeriesDescription = query.BodyPartExamined = ""
        query.NumberOfSeriesRelatedInstances = None
        with self._associated(StudyRootQueryRetrieveInformationModelFind) as association:
            return series_in(find(association, query))

    def fetch(self, kept: Kept, series: Sequence[Series]) -> None:
        if self.archive.retrieve == "move":
            with (
                self._listening(kept),
                self._associated(StudyRootQueryRetrieveInformationModelMove) as association,
            ):
                self._retrieve(association, kept, series)
        else:
            with self._associated(StudyRootQueryRetrieveInformationModelGet, kept) as association:
                self._retrieve(association, kept, series)

    def _retrieve(self, association: Association, kept: Kept, series: Sequence[Series]) -> None:
        deadline = time.monotonic() + kept.settings.prior_timeout_s
        for one in series:
            query = Dataset()
            query.QueryRetrieveLevel = "SERIES"
            query.StudyInstanceUID = kept.prior.study_instance_uid
            query.SeriesInstanceUID = one.series_instance_uid
            try:
                for status, _ in self._answers(association, query):
                    if kept.trouble or time.monotonic() > deadline:
                        association.abort()
                        raise ArchiveError(kept.trouble or "the earlier study did not come in time")
                    code = status.get("Status")
                    if code not in (*_PENDING, _SUCCESS):
                        raise ArchiveError("no answer" if code is None else f"status 0x{code:04X}")
            except (RuntimeError, ValueError) as error:  # the association is gone, or has no such context
                raise ArchiveError(type(error).__name__) from error
        if kept.trouble:
            raise ArchiveError(kept.trouble)

    def _answers(self, association: Association, query: Dataset) -> Iterator[tuple[Dataset, Any]]:
        if self.archive.retrieve == "move":
            return association.send_c_move(
                query, self.settings.prior_ae_title, StudyRootQueryRetrieveInformationModelMove
            )
        return association.send_c_get(query, StudyRootQueryRetrieveInformationModelGet)

    @contextmanager
    def _listening(self, kept: Kept) -> Iterator[None]:
        """A listener of its own for what a C-MOVE brings, only as long as it brings it: what comes to the node is a study to analyse."""
        ae = AE(ae_title=self.settings.prior_ae_title)
        ae.require_called_aet = True
        ae.require_calling_aet = [self.archive.ae_title]
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = self.settings.archive_timeout_s
        for uid in _TAKEN:
            ae.add_supported_context(uid, list(TRANSFER_SYNTAXES))
        address = (self.settings.host, self.settings.prior_port)
        try:
            server = ae.start_server(
                address, block=False, evt_handlers=_takers(kept), ssl_context=self._secured()
            )
        except OSError as error:
            raise ArchiveError(f"port {self.settings.prior_port} is taken") from error
        try:
            yield
        finally:
            server.shutdown()

    def _secured(self) -> ssl.SSLContext | None:
        """Mutual TLS as the node's, where the archive is asked over TLS: what it brings must not come in the clear."""
        if self.archive.tls is None:
            return None
        try:
            context = tls_context(self.settings)
        except OSError as error:
            raise ArchiveError(Trouble.TLS) from error
        if context is None:
            raise ArchiveError("C-MOVE from an archive over TLS needs CARTRIAGE_TLS_CERTIFICATE")
        return context

    @contextmanager
    def _associated(self, model: str, kept: Kept | None = None) -> Iterator[Association]:
        """An association for one service; with `kept`, what comes on it goes there. Raises ArchiveError if there is none."""
        contexts, named = [build_context(model)], {}
        if kept:
            contexts += [build_context(uid, list(TRANSFER_SYNTAXES)) for uid in _TAKEN]
            named = {
                "ext_neg": [build_role(uid, scp_role=True) for uid in _TAKEN],
                "evt_handlers": _takers(kept),
            }
        with associated(self.archive, self.settings, contexts, **named) as association:
            yield association


def _takers(kept: Kept) -> list[tuple[Any, ...]]:
    def on_store(event: Any) -> int:
        return kept.take(event.request.DataSet.getvalue(), str(event.context.transfer_syntax))

    return [(evt.EVT_C_STORE, on_store)]
