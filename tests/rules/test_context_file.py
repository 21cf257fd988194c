from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from rules.codec import from_plain, to_plain
from rules.context import BloodPressure, Motor, PatientContext, Seizure
from rules.context_file import FIELDS, ContextError, context_from_mapping, load_context

AT = datetime(2026, 5, 16, 7, 0, tzinfo=UTC)


def write(folder: Path, text: str) -> Path:
    path = folder / "context.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_yaml_file_becomes_a_context_of_a_cart_recipient(tmp_path: Path):
    context = load_context(
        write(
            tmp_path,
            "patient_id: X1\nbirth_date: 1990-02-03\ninfusion_date: 2026-05-01\nicans_grade: 1\n"
            "ice_score: {value: 9, at: 2026-05-16T08:00+02:00, source: ward}\nblood_pressure: 187/109\n"
            "seizure: none\nmotor: paraparesis\nrecorded_at: 2026-05-16T07:00Z\nnotes: [migraine, known SVD]\n",
        )
    )
    assert context.is_cart_recipient
    assert context.infusion_date == date(2026, 5, 1)
    assert context.icans_grade is not None
    assert context.icans_grade.at == AT
    assert context.ice_score is not None
    assert (context.ice_score.value, context.ice_score.source) == (9, "ward")
    assert context.blood_pressure is not None
    assert context.blood_pressure.value == BloodPressure(187, 109)
    assert context.seizure is not None
    assert context.seizure.value is Seizure.NONE
    assert context.motor is not None
    assert context.motor.value is Motor.PARAPARESIS
    assert context.notes == ("migraine", "known SVD")
    assert from_plain(PatientContext, to_plain(context)) == context


def test_a_file_may_say_that_the_patient_is_no_recipient(tmp_path: Path):
    assert not load_context(write(tmp_path, "is_cart_recipient: false")).is_cart_recipient


def test_empty_cells_of_a_csv_row_stay_unknown():
    row = {"patient_id": "X1", "icans_grade": "", "has_neuro_indication": "yes", "order_priority": "stat"}
    context = context_from_mapping(row, source="row 2", recorded_at=AT)
    assert context.icans_grade is None
    assert context.has_neuro_indication is True
    assert context.order_priority == "STAT"


def test_the_argument_is_the_time_of_values_that_carry_none():
    context = context_from_mapping({"crs_grade": 3}, source="user", recorded_at=AT)
    assert context.crs_grade is not None
    assert context.crs_grade.at == AT
    assert context.crs_grade.source == "user"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("icans_grade", "5"),
        ("icans_grade", "1.5"),
        ("ice_score", 11),
        ("capd_score", -1),
        ("crs_grade", "two"),
        ("blood_pressure", "109"),
        ("blood_pressure", "109/187"),
        ("seizure", "maybe"),
        ("history", "cns_tumor"),
        ("consciousness", "asleep"),
        ("infusion_date", "01.05.2026"),
        ("has_neuro_indication", "perhaps"),
        ("recorded_at", "2026-05-16T07:00"),
        ("order_priority", "urgent"),
        ("patient_id", "A\\B"),
        ("platelets", ["a", "b"]),
        ("notes", {"a": 1}),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_what_is(field: str, value: object):
    with pytest.raises(ContextError) as caught:
        context_from_mapping({field: value}, source="row 7")
    assert caught.value.field == field
    assert caught.value.value == value
    assert caught.value.allowed
    assert str(caught.value).startswith("row 7: ")


def test_an_unknown_field_is_refused_with_the_nearest_known_one():
    with pytest.raises(ContextError, match="did you mean `icans_grade`"):
        context_from_mapping({"icans_grad": 1}, source="x")


def test_unknown_keys_of_a_recorded_value_are_refused():
    with pytest.raises(ContextError, match="value, at, source"):
        context_from_mapping({"crs_grade": {"value": 1, "when": "now"}}, source="x")


def test_infusion_before_birth_is_refused():
    with pytest.raises(ContextError, match="after birth_date"):
        context_from_mapping({"birth_date": "2000-01-01", "infusion_date": "1999-01-01"}, source="x")


@pytest.mark.parametrize("text", ["- a\n- b\n", "icans_grade: [1\n", ""])
def test_what_is_not_a_mapping_is_refused(tmp_path: Path, text: str):
    with pytest.raises(ContextError):
        load_context(write(tmp_path, text))


def test_every_field_of_the_context_can_be_given():
    assert {"recorded_at", *PatientContext.__dataclass_fields__} == set(FIELDS)
