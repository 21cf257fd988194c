from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from rules.codec import from_plain, to_plain
from rules.context import BloodPressure, Depth, History, Motor, PatientContext, Recorded, Seizure
from rules.context_file import (
    ALLOWED,
    FIELDS,
    MAX_BYTES,
    ContextError,
    _choice,
    _choices,
    _whole,
    context_from_mapping,
    load_context,
)

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


def test_whole_numbers_and_choices_say_what_they_take():
    count = _whole(3, 12, "G/L")
    assert (count.allowed, _whole(0, 4).allowed) == (
        "a whole number from 3 to 12 G/L",
        "a whole number from 0 to 4",
    )
    assert [count.parse(text) for text in ("3", "12", "007")] == [3, 12, 7]
    for text in ("2", "13", "4.0", "-4", "000004", "", "four"):
        with pytest.raises(ValueError, match=f"^{text}$"):
            count.parse(text)
    assert _whole(0, 99999).parse("99999") == 99999
    assert (_choice(Depth).parse("DEEP"), _choice(Depth).allowed) == (Depth.DEEP, "deep, mild, unknown")
    several = _choices(Depth)
    assert several.parse("Mild; deep;mild") == (Depth.MILD, Depth.DEEP)
    assert several.allowed == "a list, or separated by `;`, of deep, mild, unknown"


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("patient_id", " A " + "x" * 61, "A " + "x" * 61),
        ("product", "x" * 64, "x" * 64),
        ("birth_date", date(1990, 1, 2), date(1990, 1, 2)),
        ("is_cart_recipient", "No", False),
        ("has_neuro_indication", True, True),
        ("has_neuro_indication", False, False),
        ("order_priority", "low", "LOW"),
        ("motor_depth", "Deep", Depth.DEEP),
        ("history", ["migraine", "none", "migraine"], (History.MIGRAINE, History.NONE)),
        ("history", ("migraine",), (History.MIGRAINE,)),
        ("notes", " wears a pump ;; left-handed; ", ("wears a pump", "left-handed")),
    ],
)
def test_a_plain_value_is_taken_as_text_or_as_itself(field: str, text: object, value: object):
    assert getattr(context_from_mapping({field: text}, source="x"), field) == value


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("blood_pressure", "300 / 20", BloodPressure(300, 20)),
        ("blood_pressure", "40/40", BloodPressure(40, 40)),
        ("platelets", 5000, 5000),
        ("anticoagulant", "1", True),
        ("cord_signs", "N", False),
        ("seizure", "Status", Seizure.STATUS),
    ],
)
def test_a_recorded_value_carries_time_and_source(field: str, text: object, value: object):
    assert getattr(context_from_mapping({field: text}, source="x"), field) == Recorded(value, None, "x")
    told = {"value": text, "at": "2026-05-16T09:00+02:00", "source": "ward"}
    at_seven = getattr(context_from_mapping({field: told}, source="x"), field)
    assert at_seven == Recorded(value, AT, "ward")


def test_a_time_stands_beside_the_value_or_for_all_or_is_given():
    other = datetime(2026, 5, 17, tzinfo=UTC)
    row = {"crs_grade": {"value": 1, "at": " "}, "ice_score": {"value": 9, "source": ""}, "capd_score": None}
    context = context_from_mapping({**row, "recorded_at": AT}, source="row", recorded_at=other)
    assert context.crs_grade == Recorded(1, AT, "row")
    assert context.ice_score == Recorded(9, AT, "row")
    assert context.capd_score is None
    assert context_from_mapping(row, source="row", recorded_at=other).crs_grade == Recorded(1, other, "row")
    silent = context_from_mapping({"crs_grade": {"value": "", "at": AT}, "order_text": " "}, source="row")
    assert silent == PatientContext(is_cart_recipient=True)


@pytest.mark.parametrize(
    ("mapping", "field", "value", "allowed"),
    [
        ({"blood_pressure": "301/100"}, "blood_pressure", "301/100", ALLOWED["blood_pressure"]),
        ({"blood_pressure": "100/19"}, "blood_pressure", "100/19", ALLOWED["blood_pressure"]),
        ({"blood_pressure": "39/30"}, "blood_pressure", "39/30", ALLOWED["blood_pressure"]),
        ({"blood_pressure": "100/80 mmHg"}, "blood_pressure", "100/80 mmHg", ALLOWED["blood_pressure"]),
        ({"product": "x" * 65}, "product", "x" * 65, ALLOWED["product"]),
        ({"issuer": "a\tb"}, "issuer", "a\tb", ALLOWED["issuer"]),
        ({"icans_grade": 1.0}, "icans_grade", 1.0, ALLOWED["icans_grade"]),
        ({"crs_grade": {"value": 9}}, "crs_grade", 9, ALLOWED["crs_grade"]),
        ({"crs_grade": {"value": 1, "at": "now"}}, "crs_grade.at", "now", ALLOWED["recorded_at"]),
        ({"crs_grade": {"value": 1, "b": 2, "a": 3}}, "crs_grade.a", 3, "the keys value, at, source"),
        ({"recorded_at": "2026-05-16"}, "recorded_at", "2026-05-16", ALLOWED["recorded_at"]),
        (
            {"birth_date": "2000-01-02", "infusion_date": "2000-01-01"},
            "infusion_date",
            "2000-01-01",
            "a date after birth_date",
        ),
        ({"zzz": 1}, "field", "zzz", "the fields " + ", ".join(FIELDS)),
        (
            {"plateletz": 1},
            "field",
            "plateletz",
            "did you mean `platelets`? Fields: " + ", ".join(FIELDS),
        ),
    ],
)
def test_the_complaint_tells_field_value_and_what_is_allowed(mapping, field, value, allowed):
    with pytest.raises(ContextError) as caught:
        context_from_mapping(mapping, source="row 7")
    error = caught.value
    assert (error.field, error.value, error.allowed, error.source) == (field, value, allowed, "row 7")
    assert str(error) == f"row 7: {field}: {value!r} is not allowed; allowed: {allowed}"


def test_on_the_day_of_birth_an_infusion_is_possible():
    day = date(2000, 1, 1)
    context = context_from_mapping({"birth_date": day, "infusion_date": day}, source="x")
    assert context.infusion_date == day


def test_a_file_that_cannot_be_a_context_is_refused_with_its_name(tmp_path: Path):
    path = write(tmp_path, "#" * (MAX_BYTES + 1))
    for text, allowed in (
        ("#" * (MAX_BYTES + 1), f"at most {MAX_BYTES} bytes"),
        ("- a", "YAML with one `field: value` on each line"),
        ("a: [", "YAML ("),
    ):
        write(tmp_path, text)
        with pytest.raises(ContextError) as caught:
            load_context(path)
        error = caught.value
        assert (error.field, error.value, error.source) == ("file", "context.yaml", "context.yaml")
        assert error.allowed.startswith(allowed)
    write(tmp_path, "product: x\n" + "#" * (MAX_BYTES - len("product: x\n")))
    assert load_context(path).product == "x"
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ContextError, match="YAML"):
        load_context(path)


def test_a_file_names_itself_as_the_source(tmp_path: Path):
    context = load_context(write(tmp_path, "crs_grade: 2\nice_score: {value: 5}"))
    assert context.crs_grade == Recorded(2, None, "context.yaml")
    with pytest.raises(ContextError, match=r"^context.yaml: crs_grade: '9' is not allowed"):
        load_context(write(tmp_path, "crs_grade: 9"))


def test_an_error_without_a_source_says_so():
    error = ContextError("crs_grade", 9, "less")
    assert (str(error), error.source) == ("crs_grade: 9 is not allowed; allowed: less", "")
