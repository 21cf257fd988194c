"""A patient's context from a file: one parser for `context.yaml` and for each row of a cohort CSV.

Absent and empty fields stay unknown. Nothing is guessed: a value outside its range, a time without a zone or a field
that does not exist is an error that names the field, the value and what is allowed.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from rules.context import (
    BloodPressure,
    Consciousness,
    Depth,
    History,
    Motor,
    PatientContext,
    Recorded,
    Seizure,
    Ventilation,
)

MAX_BYTES = 1_000_000
"""A context file is a page of text; anything larger is the wrong file."""


class ContextError(ValueError):
    """A context value that cannot be taken as it stands."""

    def __init__(self, field: str, value: object, allowed: str, source: str = "") -> None:
        self.field = field
        self.value = value
        self.allowed = allowed
        self.source = source
        where = f"{source}: " if source else ""
        super().__init__(f"{where}{field}: {value!r} is not allowed; allowed: {allowed}")


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one kind of value is read; `parse` raises ValueError for what is not allowed."""

    parse: Callable[[str], Any]
    allowed: str


def load_context(path: Path) -> PatientContext:
    """The context in a YAML file; the patient counts as a CAR-T recipient unless the file says otherwise.

    Raises ContextError if the file is not YAML or a value is not allowed, OSError if it cannot be read.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ContextError("file", path.name, f"at most {MAX_BYTES} bytes", path.name)
    try:
        # BaseLoader leaves every scalar as text, so that YAML and CSV are read by the same rules.
        data = yaml.load(path.read_bytes(), Loader=yaml.BaseLoader)  # noqa: S506 - builds str, list and dict only
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ContextError("file", path.name, f"YAML ({error})", path.name) from error
    if not isinstance(data, dict):
        raise ContextError("file", path.name, "YAML with one `field: value` on each line", path.name)
    return context_from_mapping(data, source=path.name, recorded_at=None)


def context_from_mapping(
    mapping: Mapping[str, Any], *, source: str, recorded_at: datetime | None = None
) -> PatientContext:
    """The context in a mapping of field names to values (text, or the values themselves).

    Clinical values may be written plainly, or as `{value: …, at: …, source: …}`. Times: `at`, else the field
    `recorded_at`, else the argument; with none of them the time is unknown.

    Raises ContextError.
    """
    try:
        return _context(_without_empty(mapping), source, recorded_at)
    except ContextError as error:
        if error.source:
            raise
        raise ContextError(error.field, error.value, error.allowed, source) from error


def _context(mapping: Mapping[str, Any], source: str, recorded_at: datetime | None) -> PatientContext:
    _refuse_unknown(mapping)
    at = _read("recorded_at", _TIME, mapping["recorded_at"]) if "recorded_at" in mapping else recorded_at
    plain = {name: _read(name, kind, mapping[name]) for name, kind in _PLAIN.items() if name in mapping}
    recorded = {
        name: _recorded(name, kind, mapping[name], at, source)
        for name, kind in _RECORDED.items()
        if name in mapping
    }
    context = PatientContext(**{"is_cart_recipient": True, **plain, **recorded})
    if context.birth_date and context.infusion_date and context.infusion_date < context.birth_date:
        raise ContextError("infusion_date", context.infusion_date.isoformat(), "a date after birth_date")
    return context


def _refuse_unknown(mapping: Mapping[str, Any]) -> None:
    for name in mapping:
        if name not in FIELDS:
            close = difflib.get_close_matches(str(name), FIELDS, n=1)
            hint = f"did you mean `{close[0]}`? Fields: " if close else "the fields "
            raise ContextError("field", name, hint + ", ".join(FIELDS))


def _without_empty(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A CSV leaves cells empty for what is not known."""
    return {name: value for name, value in mapping.items() if not _is_empty(value)}


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _recorded(name: str, kind: _Kind, raw: object, at: datetime | None, source: str) -> Recorded[Any] | None:
    if not isinstance(raw, Mapping):
        return Recorded(_read(name, kind, raw), at, source)
    if unknown := raw.keys() - {"value", "at", "source"}:
        raise ContextError(f"{name}.{min(unknown)}", raw[min(unknown)], "the keys value, at, source")
    if _is_empty(raw.get("value")):
        return None
    moment = _read(f"{name}.at", _TIME, raw["at"]) if not _is_empty(raw.get("at")) else at
    return Recorded(_read(name, kind, raw["value"]), moment, str(raw.get("source") or source))


def _read(name: str, kind: _Kind, raw: object) -> Any:
    try:
        return kind.parse(_text(raw))
    except ValueError as error:
        raise ContextError(name, raw, kind.allowed) from error


def _text(raw: object) -> str:
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, date):  # a datetime is a date
        return raw.isoformat()
    if isinstance(raw, list | tuple):
        return ";".join(str(item) for item in raw)
    if isinstance(raw, str | int):
        return str(raw).strip()
    raise ValueError(raw)


def _whole(low: int, high: int, unit: str = "") -> _Kind:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,5}", text) or not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    return _Kind(parse, f"a whole number from {low} to {high}{unit and ' '}{unit}")


def _choice(choices: type[StrEnum]) -> _Kind:
    return _Kind(lambda text: choices(text.lower()), ", ".join(choices))


def _choices(choices: type[StrEnum]) -> _Kind:
    return _Kind(
        lambda text: tuple(dict.fromkeys(choices(part.strip().lower()) for part in text.split(";"))),
        f"a list, or separated by `;`, of {', '.join(choices)}",
    )


def _is_yes(text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise ValueError(text)
    return text.lower() in _YES


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        # A guessed zone would shift the age of a grade by hours and could make a stale one look fresh.
        raise ValueError(text)
    return moment


def _blood_pressure(text: str) -> BloodPressure:
    found = re.fullmatch(r"(\d{2,3})\s*/\s*(\d{2,3})", text)
    if not found:
        raise ValueError(text)
    systolic, diastolic = int(found[1]), int(found[2])
    if not (40 <= systolic <= 300 and 20 <= diastolic <= systolic):
        raise ValueError(text)
    return BloodPressure(systolic, diastolic)


def _order_priority(text: str) -> str:
    if text.upper() not in _ORDER_PRIORITIES:
        raise ValueError(text)
    return text.upper()


def _short(text: str) -> str:
    if len(text) > 64 or "\\" in text or not text.isprintable():
        raise ValueError(text)
    return text


_YES = {"true", "yes", "y", "1"}
_NO = {"false", "no", "n", "0"}
_ORDER_PRIORITIES = ("STAT", "HIGH", "ROUTINE", "MEDIUM", "LOW")
_DATE = _Kind(date.fromisoformat, "a date such as 2026-05-31")
_TIME = _Kind(_moment, "a time with its zone such as 2026-05-31T14:30+02:00")
_BOOL = _Kind(_is_yes, "true, false")
_TEXT = _Kind(_short, "at most 64 printable characters without a backslash")
_PLAIN = {
    "patient_id": _TEXT,
    "issuer": _TEXT,
    "birth_date": _DATE,
    "is_cart_recipient": _BOOL,
    "infusion_date": _DATE,
    "product": _TEXT,
    "motor_depth": _choice(Depth),
    "has_neuro_indication": _BOOL,
    "order_priority": _Kind(_order_priority, ", ".join(_ORDER_PRIORITIES)),
    "order_text": _TEXT,
    "history": _choices(History),
    "notes": _Kind(
        lambda text: tuple(part.strip() for part in text.split(";") if part.strip()),
        "a list, or labels separated by `;`",
    ),
}
_RECORDED = {
    "icans_grade": _whole(0, 4),
    "ice_score": _whole(0, 10),
    "capd_score": _whole(0, 32),
    "crs_grade": _whole(0, 4),
    "blood_pressure": _Kind(_blood_pressure, "systolic/diastolic in mmHg such as 187/109"),
    "seizure": _choice(Seizure),
    "motor": _choice(Motor),
    "raised_icp_signs": _BOOL,
    "consciousness": _choice(Consciousness),
    "cord_signs": _BOOL,
    "steroid_taper": _BOOL,
    "platelets": _whole(0, 5000, "G/L"),
    "anticoagulant": _BOOL,
    "ventilation": _choice(Ventilation),
}
OBSERVED: tuple[str, ...] = tuple(_RECORDED)
"""The fields whose values carry a time."""
ALLOWED: Mapping[str, str] = {
    **{name: kind.allowed for name, kind in (*_PLAIN.items(), *_RECORDED.items())},
    "recorded_at": _TIME.allowed,
}
"""What may stand in each field, in words."""
FIELDS: tuple[str, ...] = tuple(ALLOWED)
"""Every field a context file, a cohort CSV or the options of `cartriage cohort add` may have."""
