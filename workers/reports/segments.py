"""Which places have a segment, and in which object: the plan that the SEGs and the SR are both made from."""

from dataclasses import dataclass

from rules.anatomy import Region, Role, Side
from rules.identity import derived_uid
from rules.messages import ReportKind
from workers.reports.content import LesionMask, ReportContent
from workers.reports.labelling import instance_uid, series_uid
from workers.reports.source_slices import SourceSlice, source_slices

Place = tuple[str, Region, Side]
"""A check without its version, a region and a side."""


@dataclass(frozen=True, slots=True, eq=False)
class SegmentedSeries:
    """One SEG: the masks of one source series."""

    role: Role
    sop_instance_uid: str
    series_instance_uid: str
    masks: tuple[LesionMask, ...]
    """In the order of their segments; all on the same slices."""
    sources: tuple[SourceSlice, ...]
    """Those slices, in their order."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Where the outline of a place is."""

    sop_instance_uid: str
    number: int
    source_series_instance_uid: str


def segmented_series(content: ReportContent) -> tuple[SegmentedSeries, ...]:
    """The SEGs of a decision, one for each series that has a mask."""
    by_role: dict[Role, list[LesionMask]] = {}
    for one in content.masks:
        if one.mask.any():
            by_role.setdefault(one.role, []).append(one)
    found = (_planned(content, role, tuple(masks)) for role, masks in sorted(by_role.items()))
    return tuple(one for one in found if one is not None)


def segments(content: ReportContent) -> dict[Place, Segment]:
    """The segment of each place that has one."""
    return {
        (mask.check, mask.region, mask.side): Segment(
            one.sop_instance_uid, number, str(one.sources[0].header.SeriesInstanceUID)
        )
        for one in segmented_series(content)
        for number, mask in enumerate(one.masks, start=1)
    }


def tracking(place: Place, study_instance_uid: str) -> tuple[str, str]:
    """Tracking UID and identifier of a place.

    Named after study, check, region and side, so that a later result of the study keeps the same identifiers, and so
    does a segment.
    """
    check, region, side = place
    parts = {"study": study_instance_uid, "check": check, "region": region.value, "side": side.value}
    words = region.words if side is Side.WHOLE else f"{region.words}, {side.value}"
    return derived_uid(parts), f"{check}: {words}"


def _planned(content: ReportContent, role: Role, masks: tuple[LesionMask, ...]) -> SegmentedSeries | None:
    sources = source_slices({header.SOPInstanceUID: header for header in content.headers}, masks[0])
    if sources is None:
        return None
    study = str(sources[0].header.StudyInstanceUID)
    return SegmentedSeries(
        role,
        instance_uid(content, ReportKind.SEG, role),
        series_uid(study, ReportKind.SEG, role),
        masks,
        sources,
    )
