"""Which workitems a query means: attribute matching (PS3.4 C.2.2.2) on datasets, for C-FIND and for UPS-RS."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydicom import DataElement, Dataset

_LIKE_TEXT = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
"""Representations with wild cards (C.2.2.2.4)."""
_RANGES = frozenset({"DA", "DT", "TM"})
_ONE_MOMENT = re.compile(r"[\d.]+(?:[+-](?:0\d|1[0-4])[0-5]\d)?")
"""A value, of which date and time may be a part, with its offset from UTC (PS3.5 6.2, DT)."""
_PLAIN = frozenset({"CS", "LO", "SH", "UI"})
_OF_ROW = frozenset({"ProcedureStepState", "SOPClassUID", "SOPInstanceUID", "TransactionUID"})
"""What stands beside the attributes, or is no key."""
_NO_KEYS = frozenset({"SpecificCharacterSet", "TimezoneOffsetFromUTC", "TransactionUID"})


def matches(item: Dataset, keys: Dataset) -> bool:
    """Whether an item has what every key asks for; an empty key asks for nothing."""
    return all(_is_met(item, key) for key in keys if key.keyword not in _NO_KEYS)


def may_match(attributes: Mapping[str, Any], keys: Dataset) -> bool:
    """False if plain values tell already that an item does not match: a thousandth of the time that a dataset takes.

    attributes : the item as DICOM JSON
    """
    for key in keys:
        asked = key.value
        if key.VR not in _PLAIN or key.keyword in _OF_ROW or not isinstance(asked, str) or not asked:
            continue
        if not any(sign in asked for sign in "*?\\"):
            there = attributes.get(f"{int(key.tag):08X}", {}).get("Value") or ()
            if asked not in there:
                return False
    return True


def wanted_of(item: Dataset, keys: Dataset) -> Dataset:
    """The attributes that a query names, with the item's values; empty where it has none."""
    found = Dataset()
    for key in keys:
        if key.keyword in _NO_KEYS:
            continue
        found[key.tag] = item[key.tag] if key.tag in item else DataElement(key.tag, key.VR, None)
    return found


def _is_met(item: Dataset, key: DataElement) -> bool:
    if key.VR == "SQ":
        asked = key.value[0] if key.value else Dataset()
        if not any(True for _ in asked):
            return True
        return any(matches(one, asked) for one in item.get(key.keyword) or ())
    asked_values = [value for value in _values(key) if value]
    if not asked_values:
        return True
    there = list(_values(item[key.tag])) if key.tag in item else []
    return any(_is_alike(key.VR, asked, value) for asked in asked_values for value in there)


def _is_alike(representation: str, asked: str, value: str) -> bool:
    if representation in _RANGES:
        # A hyphen parts a range, unless it begins the offset from UTC of one moment.
        return _is_within(asked, value) if not _ONE_MOMENT.fullmatch(asked) else value.startswith(asked)
    if representation in _LIKE_TEXT:
        pattern = re.escape(asked).replace(r"\*", ".*").replace(r"\?", ".")
        flags = re.IGNORECASE if representation == "PN" else 0
        return re.fullmatch(pattern, value, flags) is not None
    return value == asked


def _is_within(asked: str, value: str) -> bool:
    first, _, last = asked.partition("-")
    return bool(value) and value >= first and (not last or value[: len(last)] <= last)


def _values(element: Any) -> Iterator[str]:
    value = element.value
    if value is None:
        return
    many = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
    for one in many:
        yield str(one)
