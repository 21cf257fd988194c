"""The code table holds only codes that somebody else can look up, and covers everything it must."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.sr._concepts_dict import concepts
from pydicom.sr.coding import Code

from rules.anatomy import Region, Side
from rules.decision import Status
from rules.findings import Quantity, Unit
from rules.urgency import Priority
from workers.reports import codes

ELSEWHERE = {
    ("RFC5646", "en"): "RFC 5646",
    ("UMLS", "C0034375"): "PS3.16 TID 1500, row 12",
    ("UCUM", "{lesions}"): "UCUM annotation, PS3.16 has it in comments only",
}
"""Codes that pydicom's dictionary does not have, and where they are."""


def flattened(value: Any) -> Iterator[Code]:
    if isinstance(value, Code):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from flattened(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from flattened(item)


ALL = sorted({code for value in vars(codes).values() for code in flattened(value)})
STANDARD = [code for code in ALL if code.scheme_designator != codes.PRIVATE_SCHEME]
PRIVATE = [code for code in ALL if code.scheme_designator == codes.PRIVATE_SCHEME]


def plain(meaning: str) -> str:
    return meaning.partition(" (")[0].casefold()


@pytest.mark.parametrize("code", STANDARD, ids=lambda code: f"{code.scheme_designator} {code.value}")
def test_each_standard_code_is_in_the_dicom_dictionary_with_its_meaning(code):
    if (code.scheme_designator, code.value) in ELSEWHERE:
        return
    meanings = [
        meaning
        for values in concepts[code.scheme_designator].values()
        for value, (meaning, _) in values.items()
        if value == code.value
    ]
    assert plain(code.meaning) in map(plain, meanings)


def test_a_private_code_means_one_thing_and_fits_its_attributes():
    assert len({code.value for code in PRIVATE}) == len(PRIVATE)
    assert all(len(code.value) <= 16 and len(code.meaning) <= 64 for code in PRIVATE)


def test_the_table_covers_every_word_of_the_rules():
    assert set(codes.SITES) == set(Region)
    assert set(codes.QUANTITIES) == set(Quantity)
    assert set(codes.UNITS) == set(Unit)
    assert set(codes.PRIORITIES) == set(Priority)
    assert set(codes.STATUSES) == set(Status)
    assert all(codes.laterality(region, side) for region in Region for side in (Side.LEFT, Side.RIGHT))


def test_the_midline_has_no_laterality_code():
    """PixelMed: SCT 261129000 is not in CID 244."""
    assert codes.laterality(Region.SPLENIUM, Side.MIDLINE) is None


def test_regions_that_share_a_structure_are_told_apart_by_their_part():
    places = [(codes.SITES[region], codes.SITE_PARTS.get(region)) for region in Region]
    assert len(set(places)) == len(Region)


def test_routine_has_no_actionable_category():
    assert set(codes.ACTIONABLE) == set(Priority) - {Priority.P4}
