"""Inquiry: asks the archives how many objects each series of an open study has (Study Root C-FIND, PS3.4 C.6.2)."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydicom import Dataset
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind
from sqlalchemy import select

from rules.messages import Basis
from service.announcements import Said, note
from service.calling import Caller
from service.completeness import IMAGES
from service.errors import RetryableError
from service.headers import is_uid
from service.parcel import Trouble
from service.rounds import go_round
from service.settings import Destination, Settings
from service.store.session import Store, open_store, upgrade
from service.store.tables import Study
from service.tls import is_handshake_refused

_PENDING = (0xFF00, 0xFF01)
_SUCCESS = 0x0000
_FIND = (build_context(StudyRootQueryRetrieveInformationModelFind),)
_SERIES_LIMIT = 500
"""More series than any study has: an archive that answers more is not believed."""

_log = structlog.get_logger(__name__)


class ArchiveError(RetryableError):
    """An archive did not answer."""


@dataclass(slots=True)
class Inquiry:
    """What was asked when, so that no archive is asked without end."""

    store: Store
    settings: Settings
    not_before: dict[str, datetime] = field(default_factory=dict)

    def ask_due(self, now: datetime) -> int:
        """Ask for every open study that has been quiet for `archive_ask_after_s`; returns how many answers were noted.

        Raises StoreUnavailableError if the database does not answer.
        """
        pause = timedelta(seconds=self.settings.archive_ask_after_s)
        with self.store.reading() as session:
            quiet = select(Study.study_instance_uid).where(
                Study.is_open, Study.last_received_at <= now - pause
            )
            uids = session.scalars(quiet.order_by(Study.last_received_at)).all()
        self.not_before = {uid: at for uid, at in self.not_before.items() if uid in set(uids)}
        due = [uid for uid in uids if self.not_before.get(uid, now) <= now]
        self.not_before |= dict.fromkeys(due, now + pause)
        asked = [one for one in self.settings.archives if isinstance(one, Destination)]
        return sum(self._ask(archive, due, now) for archive in asked) if due else 0

    def _ask(self, archive: Destination, uids: Sequence[str], now: datetime) -> int:
        noted = 0
        try:
            with associated(archive, self.settings, _FIND) as association:
                for uid in uids:
                    noted += self._note(archive, uid, count_series(association, uid), now)
        except ArchiveError as error:
            _log.warning("archive_silent", archive=archive.name, error=error.detail)
        return noted

    def _note(self, archive: Destination, uid: str, series: dict[str, int], now: datetime) -> bool:
        if not series:  # it does not know the study
            return False
        said = Said(
            key=f"{archive.name}:{uid}",
            study_instance_uid=uid,
            basis=Basis.ARCHIVE_COUNT,
            is_final=True,
            series=series,
            sender=archive.ae_title,
        )
        with self.store.session() as session:
            return note(session, said, now)


def count_series(association: Association, study_instance_uid: str) -> dict[str, int]:
    """The number of objects of each image series of a study, as the archive counts them; empty if it does not know the study.

    Raises ArchiveError if it does not answer, or not with numbers.
    """
    query = Dataset()
    query.QueryRetrieveLevel = "SERIES"
    query.StudyInstanceUID = study_instance_uid
    query.Modality = query.SeriesInstanceUID = ""
    query.NumberOfSeriesRelatedInstances = None
    series: dict[str, int] = {}
    for found in find(association, query):
        uid, count = str(found.get("SeriesInstanceUID", "")), found.get("NumberOfSeriesRelatedInstances")
        if found.get("Modality") != IMAGES:
            continue
        if not is_uid(uid) or count is None or len(series) >= _SERIES_LIMIT:
            raise ArchiveError("answer without a count")
        series[uid] = int(count)
    return series


def run_inquiry(settings: Settings, stop: threading.Event) -> None:
    """Ask until `stop` is set; outlives archives and a database that are down."""
    store = open_store(settings)
    upgrade(store)
    go_round(Inquiry(store, settings).ask_due, stop, "inquiry_postponed")
    store.close()


def find(association: Association, query: Dataset) -> Iterator[Dataset]:
    """What an archive answers to a question of the Study Root model. Raises ArchiveError if it does not answer."""
    try:
        for status, found in association.send_c_find(query, StudyRootQueryRetrieveInformationModelFind):
            code = status.get("Status")
            if code in _PENDING and found is not None:
                yield found
            elif code != _SUCCESS:
                raise ArchiveError("no answer" if code is None else f"status 0x{code:04X}")
    except (RuntimeError, ValueError) as error:  # the association is gone, or has no such context
        raise ArchiveError(type(error).__name__) from error


@contextmanager
def associated(
    archive: Destination, settings: Settings, contexts: Sequence[PresentationContext], **named: Any
) -> Iterator[Association]:
    """An association with an archive, over TLS where its settings say so; `named` are further arguments of `AE.associate`.

    Raises ArchiveError if there is none.
    """
    caller = Caller(settings.ae_title, settings.archive_timeout_s)
    try:
        association = caller.call(archive, contexts=list(contexts), **named)
    except OSError as error:
        raise ArchiveError(Trouble.TLS) from error
    if not association.is_established:
        raise ArchiveError(_why_not(association, archive, settings))
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def _why_not(association: Association, archive: Destination, settings: Settings) -> str:
    if association.is_rejected:
        return "rejected"
    is_refused = archive.tls and is_handshake_refused(
        archive.host, archive.port, archive.tls, settings.archive_timeout_s
    )
    return Trouble.TLS if is_refused else "unreachable"
