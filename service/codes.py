"""Coded concepts (PS3.3 8.8) that the service writes.

Without `pydicom.sr`: it brings its dictionary of all concepts along, 17 MB in each process.
"""

from typing import NamedTuple

from pydicom import Dataset


class Code(NamedTuple):
    """A concept of a coding scheme."""

    value: str
    scheme_designator: str
    meaning: str


def coded(code: Code) -> Dataset:
    """The code as an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = code.value, code.scheme_designator
    item.CodeMeaning = code.meaning
    return item
