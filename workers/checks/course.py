"""What became of one area since the earlier study: new, larger, same, smaller or gone (sign M5)."""

from rules.findings import Course
from rules.measures import Measure
from workers.imaging.cuts import cut_of


def course_of(*, now: float, before: float, new: float, gone: float) -> Course | None:
    """The course of an area; None where it is seen in one study alone and the comparison is not sure of it.

    now, before : mL of the area in either study; new, gone : mL of it that the comparison is sure of
    """
    if not before:
        return Course.NEW if new else None
    if not now:
        return Course.GONE if gone else None
    grown = new - gone
    if not _is_clear(grown, before):
        return Course.SAME
    return Course.LARGER if grown > 0 else Course.SMALLER


def _is_clear(grown: float, before: float) -> bool:
    """By volume, or by the diameter of a ball of as much: a small area may multiply within a millilitre."""
    by_volume = cut_of(Measure.CHANGE_LARGER_SHARE) * before
    smaller, larger = sorted((before, max(before + grown, 0.0)))
    is_wider = larger > (1.0 + cut_of(Measure.CHANGE_LARGER_DIAMETER)) ** 3 * smaller
    return is_wider or abs(grown) > max(cut_of(Measure.CHANGE_LARGER_FROM), by_volume)
