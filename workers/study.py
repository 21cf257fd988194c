"""Plain facts of a study from its headers, for the rules."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from pydicom import Dataset
from pydicom.valuerep import DA, DT

from rules.context import PatientContext
from rules.messages import InstanceFile
from rules.same_patient import Identifiers
from workers.imaging.headers import quiet, text

DATES = ("StudyDate", "SeriesDate", "AcquisitionDate")
"""Where a study's date may stand, best first."""
PATIENT = ("PatientID", "IssuerOfPatientID", "PatientBirthDate")
_PER_YEAR = {"Y": 1, "M": 12, "W": 52, "D": 365}
"""Units of the value representation AS (PS3.5 6.2) in a year."""
_DATE_LENGTH = len("YYYYMMDD")


def study_date(headers: Sequence[Dataset]) -> date | None:
    """The study's date (0008,0020), or the first series or acquisition date; None if no header has a valid one."""
    for keyword in DATES:
        if found := _first_date(headers, keyword):
            return found
    return None


def study_moment(headers: Sequence[Dataset]) -> datetime | None:
    """When the study was made (0008,0020 and 0008,0030), in the zone of (0008,0201), UTC without one; None if unknown."""
    with quiet():
        for header in headers:
            day, time, zone = (
                text(header, key) for key in ("StudyDate", "StudyTime", "TimezoneOffsetFromUTC")
            )
            try:
                moment = DT(f"{day}{time}{zone}")
            except ValueError:
                continue
            if moment and len(day) == _DATE_LENGTH:
                return moment.replace(tzinfo=moment.tzinfo or UTC)
    return None


def modalities(headers: Sequence[Dataset]) -> tuple[str, ...]:
    """The modalities (0008,0060) of the study, sorted."""
    return tuple(sorted({text(header, "Modality") for header in headers} - {""}))


def with_birth_date(context: PatientContext, headers: Sequence[Dataset]) -> PatientContext:
    """The context with the birth date (0010,0030) of the headers, where nobody recorded one."""
    if context.birth_date is not None:
        return context
    return replace(context, birth_date=_first_date(headers, "PatientBirthDate"))


def patients_of(headers: Sequence[Dataset]) -> set[Identifiers]:
    """Whom the images name; one patient, in a tidy study."""
    with quiet():
        return {
            Identifiers(
                text(header, "PatientID"),
                text(header, "IssuerOfPatientID"),
                _first_date([header], "PatientBirthDate"),
            )
            for header in headers
        }


def age_years(headers: Sequence[Dataset]) -> int | None:
    """Age at the study: Patient's Age (0010,1010) in whole years, else from birth and study date; None if unknown."""
    with quiet():
        for header in headers:
            found = text(header, "PatientAge")
            if found[:-1].isdigit() and found[-1:] in _PER_YEAR:
                return int(found[:-1]) // _PER_YEAR[found[-1]]
    born, then = _first_date(headers, "PatientBirthDate"), study_date(headers)
    if born is None or then is None or then < born:
        return None
    return then.year - born.year - ((then.month, then.day) < (born.month, born.day))


def series_digests(instances: Sequence[InstanceFile], series_instance_uid: str) -> list[str]:
    """SHA-256 of each file of a series, sorted: its identity as an input."""
    return sorted({one.sha256 for one in instances if one.series_instance_uid == series_instance_uid})


def _first_date(headers: Sequence[Dataset], keyword: str) -> date | None:
    with quiet():
        for header in headers:
            try:
                found = DA(text(header, keyword))
            except ValueError:
                continue
            if found:
                return date(found.year, found.month, found.day)
    return None
