from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from pydicom import Dataset

from rules.context import PatientContext
from rules.messages import InstanceFile
from rules.same_patient import Identifiers
from workers.study import (
    modalities,
    patients_of,
    series_digests,
    study_date,
    study_moment,
    with_birth_date,
)


def _header(**values: str) -> Dataset:
    ds = Dataset()
    for keyword, value in values.items():
        ds.add_new(
            keyword,
            {
                "Modality": "CS",
                "PatientID": "LO",
                "IssuerOfPatientID": "LO",
                "StudyTime": "TM",
                "TimezoneOffsetFromUTC": "SH",
            }.get(keyword, "DA"),
            value,
        )
    return ds


def test_the_study_date_is_the_first_valid_of_study_series_and_acquisition():
    assert study_date([_header(), _header(AcquisitionDate="20260303", SeriesDate="20260302")]) == date(
        2026, 3, 2
    )
    assert study_date([_header(StudyDate="", SeriesDate="20260302")]) == date(2026, 3, 2)
    assert study_date([_header()]) is None


@pytest.mark.parametrize(
    ("values", "moment"),
    [
        ({"StudyDate": "20260301", "StudyTime": "101500.5"}, datetime(2026, 3, 1, 10, 15, 0, 500000, UTC)),
        ({"StudyDate": "20260301"}, datetime(2026, 3, 1, tzinfo=UTC)),
        (
            {"StudyDate": "20260301", "StudyTime": "1015", "TimezoneOffsetFromUTC": "+0200"},
            datetime(2026, 3, 1, 10, 15, tzinfo=timezone(timedelta(hours=2))),
        ),
        ({"StudyTime": "1015"}, None),
    ],
)
def test_the_moment_of_a_study_has_its_zone(values, moment):
    assert study_moment([_header(**values)]) == moment


@pytest.mark.parametrize("damaged", ["2026", "99999999", "yesterday"])
def test_a_damaged_date_is_unknown_and_never_an_error(damaged):
    header = Dataset.from_json(
        {"00080020": {"vr": "LO", "Value": [damaged]}, "00100030": {"vr": "LO", "Value": [damaged]}}
    )
    assert study_moment([header]) is None
    assert study_date([header]) is None
    assert with_birth_date(PatientContext(), [header]).birth_date is None


def test_a_recorded_birth_date_is_not_replaced():
    headers = [_header(PatientBirthDate="19900101")]
    assert with_birth_date(PatientContext(), headers).birth_date == date(1990, 1, 1)
    recorded = PatientContext(birth_date=date(1980, 1, 1))
    assert with_birth_date(recorded, headers) == recorded


def test_modalities_are_named_once():
    assert modalities(
        [_header(Modality="MR"), _header(Modality="CT"), _header(Modality="MR"), _header()]
    ) == ("CT", "MR")


def test_the_digests_of_a_series_are_its_own():
    files = [
        InstanceFile("1", "1.1", "1.2", "b", "b"),
        InstanceFile("2", "1.1", "1.2", "a", "a"),
        InstanceFile("3", "9", "1", "c", "c"),
    ]
    assert series_digests(files, "1.1") == ["a", "b"]


def test_the_patients_of_a_study_are_named_once_each():
    one = _header(PatientID="A", PatientBirthDate="19900102")
    other = _header(PatientID="A", IssuerOfPatientID="H", PatientBirthDate="19900102")
    assert patients_of([one, one]) == {Identifiers("A", "", date(1990, 1, 2))}
    assert len(patients_of([one, other])) == 2
    assert patients_of([_header(Modality="MR")]) == {Identifiers()}
