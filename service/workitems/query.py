"""A search over the web as the keys of a query (PS3.18 8.3.4 and 11.9)."""

from collections.abc import Iterable

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.tag import Tag

_NO_KEYS = frozenset({"includefield", "fuzzymatching", "limit", "offset"})
_DEEPEST = 3


class QueryError(ValueError):
    """A search names an attribute that is none."""


def keys_of(parameters: Iterable[tuple[str, str]]) -> Dataset:
    """The keys of a search: attributes by keyword or tag, those of sequences behind a dot.

    Raises QueryError.

    >>> keys_of([("ReferencedRequestSequence.AccessionNumber", "A1")]).ReferencedRequestSequence[0].AccessionNumber
    'A1'
    """
    keys = Dataset()
    for name, value in parameters:
        if name in _NO_KEYS:
            continue
        *path, last = name.split(".")
        if len(path) > _DEEPEST:
            raise QueryError(name)
        place = keys
        for step in path:
            tag, representation = _attribute(step)
            if representation != "SQ":
                raise QueryError(name)
            if tag not in place:
                place[tag] = DataElement(tag, "SQ", [Dataset()])
            place = place[tag].value[0]
        tag, representation = _attribute(last)
        if representation == "SQ":
            raise QueryError(name)
        place[tag] = DataElement(
            tag, representation, value.replace(",", "\\") if representation == "UI" else value
        )
    return keys


def number_of(parameters: Iterable[tuple[str, str]], name: str, default: int) -> int:
    """A number of the search, not below 0. Raises QueryError."""
    text = dict(parameters).get(name, str(default))
    if not text.isdigit() or len(text) > 9:
        raise QueryError(name)
    return int(text)


def _attribute(name: str) -> tuple[int, str]:
    tag = tag_for_keyword(name)
    if tag is None and len(name) == 8:
        try:
            tag = int(Tag(int(name, 16)))
        except ValueError as error:
            raise QueryError(name) from error
    if tag is None:
        raise QueryError(name)
    try:
        return tag, dictionary_VR(tag)
    except KeyError as error:
        raise QueryError(name) from error
