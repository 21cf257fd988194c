"""Priors over DICOMweb: QIDO-RS for earlier studies and their series, WADO-RS for their objects (PS3.18 10.6, 10.4)."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote, urlencode

import urllib3
from pydicom import Dataset
from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError

from rules.priors import Prior, Series
from service.archives import WebArchive
from service.destinations import Tls
from service.dicomweb.body import media_type
from service.dicomweb.part10 import read_head
from service.errors import MalformedError
from service.headers import is_uid
from service.inquiry import ArchiveError
from service.prior_source import STUDIES_LIMIT, Kept, priors_in, series_in
from service.settings import Settings
from service.store.tables import Study
from service.tls import client_context

_JSON = "application/dicom+json"
_OBJECTS = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_ANSWER_BYTES = 8 << 20
"""Of a query; a thousand studies have some hundred kB."""
_PIECE_BYTES = 1 << 18
_NOTHING = (204, 404)


@dataclass(frozen=True, slots=True)
class WebSource:
    """An archive that is asked over DICOMweb; see `service.prior_source.PriorSource`."""

    archive: WebArchive
    settings: Settings

    def studies(self, study: Study) -> list[Prior]:
        assert study.study_date is not None  # noqa: S101 - the caller asks for dated studies alone
        asked: dict[str, str | list[str]] = {
            "PatientID": study.patient_id,
            "StudyDate": f"-{study.study_date - timedelta(days=1):%Y%m%d}",
            "ModalitiesInStudy": "MR",
            "includefield": ["IssuerOfPatientID", "PatientBirthDate", "StudyDate"],
            "limit": str(STUDIES_LIMIT + 1),
        }
        return priors_in(self._query("studies", asked), study)

    def series(self, prior: Prior) -> list[Series]:
        # One by one: a comma that is percent-encoded, as it must be, is not understood everywhere.
        fields = ["SeriesDescription", "BodyPartExamined", "NumberOfSeriesRelatedInstances"]
        asked: dict[str, str | list[str]] = {"Modality": "MR", "includefield": fields}
        return series_in(self._query(f"studies/{prior.study_instance_uid}/series", asked))

    def fetch(self, kept: Kept, series: Sequence[Series]) -> None:
        deadline = time.monotonic() + kept.settings.prior_timeout_s
        for one in series:
            self._fetch(kept, one, deadline)
        if kept.trouble:
            raise ArchiveError(kept.trouble)

    def _query(self, path: str, asked: Mapping[str, str | list[str]]) -> list[Dataset]:
        with (
            self._pool() as pool,
            self._asked(pool, f"{path}?{urlencode(asked, doseq=True)}", _JSON) as answer,
        ):
            body = _read(answer, _ANSWER_BYTES)
            if answer.status in _NOTHING:
                return []
        try:
            return [Dataset.from_json(one) for one in json.loads(body)]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ArchiveError("answer that is no DICOM JSON") from error

    def _fetch(self, kept: Kept, series: Series, deadline: float) -> None:
        if not is_uid(series.series_instance_uid):
            raise ArchiveError("answer without a UID")
        path = f"studies/{kept.prior.study_instance_uid}/series/{quote(series.series_instance_uid)}"
        with self._pool() as pool, self._asked(pool, path, _OBJECTS) as answer:
            parts = _Parts(kept, media_type(answer.headers.get("content-type", ""))[1].get("boundary", ""))
            while piece := _read(answer, _PIECE_BYTES):
                parts.feed(piece)
                if kept.trouble or time.monotonic() > deadline:
                    raise ArchiveError(kept.trouble or "the earlier study did not come in time")
            if not parts.is_whole:
                raise ArchiveError("answer cut off")

    def _pool(self) -> urllib3.PoolManager:
        try:
            context = (
                client_context(self.archive.tls or Tls()) if self.archive.url.startswith("https:") else None
            )
        except OSError as error:
            raise ArchiveError("certificate or TLS settings") from error
        return urllib3.PoolManager(ssl_context=context, retries=False)

    def _asked(self, pool: urllib3.PoolManager, path: str, accept: str) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": accept}
        if self.archive.token:
            headers["Authorization"] = f"Bearer {self.archive.token.get_secret_value()}"
        timeout_s = self.settings.archive_timeout_s
        try:
            answer = pool.request(
                "GET",
                f"{self.archive.url.rstrip('/')}/{path}",
                headers=headers,
                timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s),
                redirect=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ArchiveError("unreachable") from error
        if answer.status != 200 and answer.status not in _NOTHING:
            answer.close()
            raise ArchiveError(f"HTTP status {answer.status}")
        return answer


@dataclass(slots=True)
class _Parts:
    """The parts of an answer, one object after the other."""

    kept: Kept
    boundary: str
    is_whole: bool = False
    _part: bytearray = field(default_factory=bytearray)
    _parser: MultipartParser = field(init=False)

    def __post_init__(self) -> None:
        if not self.boundary:
            raise ArchiveError("answer that is no multipart")
        self._parser = MultipartParser(
            self.boundary.encode("latin-1"),
            {
                "on_part_begin": self._part.clear,
                "on_part_data": self._add,
                "on_part_end": self._end,
                "on_end": self._close,
            },
        )

    def feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except (MultipartParseError, MalformedError) as error:
            raise ArchiveError("answer that is no multipart of DICOM files") from error

    def _add(self, data: bytes, start: int, end: int) -> None:
        if len(self._part) + end - start > self.kept.room_bytes:
            self.kept.refuse("the earlier study is larger than allowed")
        if not self.kept.trouble:
            self._part += data[start:end]

    def _end(self) -> None:
        if self.kept.trouble or not self._part:
            return
        head = read_head(self._part)
        if head is None:
            raise MalformedError("cut off in its head")
        self.kept.take(self._part[head.length :], head.transfer_syntax_uid)
        self._part.clear()

    def _close(self) -> None:
        self._end()
        self.is_whole = True


def _read(answer: urllib3.BaseHTTPResponse, most: int) -> bytes:
    try:
        return answer.read(most, decode_content=True)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ArchiveError("no answer") from error
