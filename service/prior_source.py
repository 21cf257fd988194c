"""What every way of looking for priors shares: the questions, whose answers are believed, and what is kept of what comes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from pydicom import Dataset

from rules.priors import Prior, Series
from service.errors import MalformedError, RefusedError, StorageFullError
from service.headers import Header, file_meta, is_uid, read_header
from service.inquiry import ArchiveError
from service.settings import Settings
from service.store.files import FileStore, StoredFile
from service.store.tables import Study

STUDIES_LIMIT = 1000
TAKEN, OUT_OF_RESOURCES, MISMATCH = 0x0000, 0xA700, 0xA900
"""Statuses of a C-STORE response (PS3.4 B.2.3)."""
DISK_LOW = "the disk is nearly full"


class PriorSource(Protocol):
    """One archive, asked in its own way. Every method raises ArchiveError if the archive does not answer."""

    def studies(self, study: Study) -> list[Prior]:
        """The MR studies of the patient from days before `study`."""

    def series(self, prior: Prior) -> list[Series]:
        """The MR series of an earlier study."""

    def fetch(self, kept: "Kept", series: Sequence[Series]) -> None:
        """Bring some series into `kept`, within its limits; raises ArchiveError if not all of them came, or not in time."""


@dataclass(slots=True)
class Kept:
    """What an archive brought, within limits; `trouble` is the first reason for an object not taken."""

    files: FileStore
    study: Study
    prior: Prior
    settings: Settings
    objects: list[tuple[Header, StoredFile]] = field(default_factory=list)
    size_bytes: int = 0
    trouble: str = ""

    @property
    def room_bytes(self) -> int:
        """Bytes that may still come."""
        return self.settings.prior_limit_mb * 1_000_000 - self.size_bytes

    def take(self, dataset: bytes | bytearray, transfer_syntax_uid: str) -> int:
        """Keep one encoded dataset, if it is of the patient and study that were asked for; returns a C-STORE status."""
        self.size_bytes += len(dataset)
        if self.room_bytes < 0 or len(self.objects) >= self.settings.prior_limit_objects:
            return self.refuse("the earlier study is larger than allowed")
        if is_disk_low(self.files, self.settings):
            return self.refuse(DISK_LOW)
        try:
            header = read_header(dataset, transfer_syntax_uid)
            if not _is_of(header, self.study, self.prior):
                self.trouble = "an object of the earlier study names another patient or study"
                return MISMATCH
            meta = file_meta(header.sop_class_uid, header.sop_instance_uid, transfer_syntax_uid)
            self.objects.append((header, self._keep(meta, dataset)))
        except (RefusedError, MalformedError, StorageFullError) as error:
            return self.refuse(f"an object of the earlier study was not taken: {error}")
        return TAKEN

    def refuse(self, why: str) -> int:
        """Note why something was not taken."""
        self.trouble = self.trouble or why
        return OUT_OF_RESOURCES

    def _keep(self, meta: bytes, dataset: bytes | bytearray) -> StoredFile:
        incoming = self.files.begin(meta)
        try:
            incoming.write(memoryview(dataset))
            stored = incoming.keep(self.prior.study_instance_uid)
            incoming.sync(stored)
        finally:
            incoming.discard()
        return stored


def is_disk_low(files: FileStore, settings: Settings) -> bool:
    """Whether what is left belongs to the studies that are sent to us."""
    return files.free_mb() < settings.disk_watermark_mb


def priors_in(answers: Iterable[Dataset], study: Study) -> list[Prior]:
    """The earlier studies that an archive answered, as far as both identifiers agree with the patient's.

    Raises ArchiveError if there are more than anybody has.
    """
    assert study.study_date is not None  # noqa: S101 - the caller asks for dated studies alone
    found = []
    for number, answer in enumerate(answers):
        if number >= STUDIES_LIMIT:
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


def series_in(answers: Iterable[Dataset]) -> list[Series]:
    """The MR series that an archive answered."""
    return [
        Series(
            str(answer.SeriesInstanceUID),
            str(answer.get("SeriesDescription") or ""),
            str(answer.get("BodyPartExamined") or "").upper(),
            int(answer.get("NumberOfSeriesRelatedInstances") or 0),
        )
        for answer in answers
        if answer.get("Modality") == "MR" and is_uid(str(answer.get("SeriesInstanceUID", "")))
    ]


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
