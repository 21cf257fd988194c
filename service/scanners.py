"""Which scanner made a study, and what was measured on it that disease should not move: kept once for each result."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import structlog
from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.anatomy import Region, Role
from rules.codec import MessageError, from_plain
from rules.findings import UNITS, Measured, Quantity
from rules.messages import SeriesUse, StudyTriaged
from service.errors import ForeignPathError
from service.performance import family
from service.store.files import FileStore
from service.store.scanner_tables import ScannerResult
from service.store.session import Store
from service.store.tables import Instance, Job

_log = structlog.get_logger(__name__)
_AT_ONCE = 20
_TAGS = ("Manufacturer", "ManufacturerModelName", "StationName")


@dataclass(frozen=True, slots=True)
class Watched:
    """A measurement whose level tells of the scanner, its protocol or its upkeep."""

    key: str
    name: str
    unit: str


WATCHED = (
    Watched("adc_median", "median ADC of the centrum semiovale", UNITS[Quantity.ADC_MEDIAN].value),
    Watched("csf_ratio", "smaller over larger hemispheric sulcal fluid", UNITS[Quantity.CSF_RATIO].value),
    Watched("epi_artefact", "echo-planar artefact", UNITS[Quantity.EPI_ARTEFACT_VOLUME].value),
    Watched("flair_snr", "FLAIR signal to noise", "1"),
    Watched("flair_edge", "FLAIR edge width", "mm"),
    Watched("flair_ghosting", "FLAIR ghosting", "1"),
)
_PLACES = {
    (Quantity.ADC_MEDIAN, Region.CENTRUM_SEMIOVALE): "adc_median",
    (Quantity.CSF_RATIO, Region.SULCI): "csf_ratio",
    (Quantity.EPI_ARTEFACT_VOLUME, Region.BRAIN): "epi_artefact",
}
"""Where they are measured; of left and right the mean counts."""


def note_scanners(store: Store, files: FileStore) -> int:
    """Keep what new results say of their scanners, some at a time; returns how many.

    Raises StoreUnavailableError.
    """
    with store.reading() as session:
        owed = session.scalars(
            select(Job.job_id)
            .outerjoin(ScannerResult, ScannerResult.job_id == Job.job_id)
            .where(Job.state == "done", Job.triaged.is_not(None), ScannerResult.job_id.is_(None))
            .order_by(Job.id.desc())
            .limit(_AT_ONCE)
        ).all()
        made = [row for job_id in owed for row in _row(session, files, job_id)]
    if made:
        with store.session() as session:
            known = set(
                session.scalars(select(ScannerResult.job_id).where(ScannerResult.job_id.in_(owed))).all()
            )
            session.add_all(ScannerResult(**row) for row in made if row["job_id"] not in known)
    return len(made)


def _row(session: Session, files: FileStore, job_id: str) -> Iterator[dict[str, Any]]:
    job = session.scalars(select(Job).where(Job.job_id == job_id)).one()
    row = {
        "job_id": job.job_id,
        "study_instance_uid": job.study_instance_uid,
        "measured": {},
        "reasons": [],
        "is_assessed": False,
        "done_at": job.done_at or job.created_at,
        **dict.fromkeys(("manufacturer", "model", "station"), ""),
    }
    try:
        triaged: StudyTriaged = from_plain(StudyTriaged, job.triaged)
    except MessageError:
        # Another version wrote it: it stays without figures, and is not looked at again.
        yield row
        return
    yield row | {
        "measured": _measured(triaged),
        "reasons": sorted({family(reason) for reason in triaged.decision.not_assessed}),
        "is_assessed": triaged.decision.is_assessed,
        **_scanner(session, files, triaged),
    }


def _measured(triaged: StudyTriaged) -> dict[str, float]:
    held: dict[str, list[float]] = {}
    for one in triaged.findings:
        key = _PLACES.get((one.quantity, one.region))
        if key and isinstance(one, Measured):
            held.setdefault(key, []).append(one.value)
    found = {key: fmean(values) for key, values in held.items()}
    quality = next((use.quality for use in triaged.series if _is_flair(use)), None)
    if quality is not None:
        values = (
            ("flair_snr", quality.signal_to_noise),
            ("flair_edge", quality.sharpness),
            ("flair_ghosting", quality.ghosting),
        )
        found |= {key: value for key, value in values if value is not None}
    return found


def _is_flair(use: SeriesUse) -> bool:
    return use.is_used and use.role is Role.FLAIR


def _scanner(session: Session, files: FileStore, triaged: StudyTriaged) -> dict[str, str]:
    """From the header of one image, of the FLAIR if there is one."""
    series = sorted(triaged.series, key=lambda use: (not _is_flair(use), not use.is_used))
    found = select(Instance.path).where(
        Instance.study_instance_uid == triaged.study_instance_uid,
        Instance.is_own.is_(False),
        Instance.is_conflict.is_(False),
    )
    if series:
        found = found.where(Instance.series_instance_uid == series[0].series_instance_uid)
    path = session.scalar(found.limit(1))
    texts = _read(files, path) if path else dict.fromkeys(_TAGS, "")
    lengths = {"manufacturer": 64, "model": 64, "station": 16}
    return {name: texts[tag][:length] for (name, length), tag in zip(lengths.items(), _TAGS, strict=True)}


def _read(files: FileStore, path: str) -> dict[str, str]:
    try:
        ds = dcmread(files.resolve(path), stop_before_pixels=True, specific_tags=list(_TAGS))
    except (OSError, InvalidDicomError, ForeignPathError) as error:
        _log.warning("scanner_not_read", error=type(error).__name__)
        return dict.fromkeys(_TAGS, "")
    return {tag: " ".join(str(ds.get(tag) or "").split()) for tag in _TAGS}
