"""Completeness: what others announced of a study, against what has come."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rules.messages import Basis

_STRENGTH = (Basis.MPPS, Basis.AVAILABILITY, Basis.ARCHIVE_COUNT)
"""Strongest first: who made the images, who says that they are there, who counts what it has."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What one announcement says of a study."""

    basis: Basis
    is_final: bool
    """False while the scanner is still at it (MPPS in progress)."""
    series: Mapping[str, int]
    """Series Instance UID to its number of objects."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a study is whole."""

    basis: Basis | None
    """The strongest evidence that it is; None without any."""
    missing: tuple[str, ...] = ()
    """What is known to be missing, one clause each."""


def judge(
    received: Mapping[str, int], announcements: Sequence[Announcement], *, images: Mapping[str, int]
) -> Standing:
    """Whether everything came that was announced.

    received : Series Instance UID to the number of its objects that are here, without our own reports
    images : the same, of the image series only, which are what an archive is asked for

    A scanner that is still at it outweighs whoever counts. An archive's count holds only if it is equal, series for series: an
    archive that has less is behind us, and may be behind the scanner too.
    """
    if any(not one.is_final for one in announcements):
        return Standing(None, ("the scanner has not finished",))
    missing: tuple[str, ...] = ()
    for basis in _STRENGTH:
        series = _together(one for one in announcements if one.basis is basis)
        if not series:
            continue
        lacking = _lacking(received, series)
        if not lacking and (basis is not Basis.ARCHIVE_COUNT or series == images):
            return Standing(basis)
        missing = missing or lacking
    return Standing(None, missing)


def _together(announcements: Iterable[Announcement]) -> dict[str, int]:
    """A study may be announced in parts; a series in two of them has the larger number."""
    together: dict[str, int] = {}
    for one in announcements:
        for uid, count in one.series.items():
            together[uid] = max(count, together.get(uid, 0))
    return together


def _lacking(received: Mapping[str, int], series: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(
        f"series {uid}: {received.get(uid, 0)} of {count} objects"
        for uid, count in sorted(series.items())
        if received.get(uid, 0) < count
    )
