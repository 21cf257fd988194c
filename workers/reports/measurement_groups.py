"""Measurement groups of the SR: one for each region and side that matters.

A place with a segment is a volume of interest (TID 1411), any other a measurement of a place (TID 1501). TID 1500 lets one container
hold both.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from highdicom.sr import (
    FindingSite,
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    ReferencedSegment,
    SourceImageForMeasurementGroup,
    SourceSeriesForSegmentation,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom import Dataset
from pydicom.uid import SegmentationStorage

from rules.anatomy import Region, Side
from rules.findings import Finding, Measured, Quantity
from workers.reports import codes
from workers.reports.involvement import amount, check_name, in_turn, turn_of
from workers.reports.segments import Place, Segment, tracking

GROUPS_AT_MOST = 8
"""The most involved regions, each check in turn; every number stays in the result's JSON. PixelMed runs out of memory on long reports."""
_DIGITS = 4
"""Significant digits of a number in the SR; beyond any accuracy of the checks, and as many as a reader takes in."""
_NO_CHECK = "study"
"""Stands for the check in the tracking UID of the group that says that nothing was measured."""

Group: TypeAlias = MeasurementsAndQualitativeEvaluations | VolumetricROIMeasurementsAndQualitativeEvaluations


def measurement_groups(
    findings: Sequence[Finding],
    study_instance_uid: str,
    headers: dict[str, Dataset],
    segments: Mapping[Place, Segment],
) -> list[Group]:
    """Groups for the whole brain and the most involved regions, at least one.

    headers : by SOP Instance UID; source images that are not among them are left out
    segments : of the places that have one; their groups point to it

    Where nothing was measured the one group says `undetermined`: there is never a number without a measurement.
    """
    places = _measured_places(findings)
    if not places:
        return [_undetermined(study_instance_uid)]
    return [
        _volume(place, places[place], study_instance_uid, segments[place])
        if place in segments
        else _group(place, places[place], study_instance_uid, headers)
        for place in _most_involved(places)
    ]


def group_places(findings: Sequence[Finding]) -> list[Place]:
    """The places that a report tells of, most involved first, each check in turn; empty if nothing was measured."""
    places = _measured_places(findings)
    return _most_involved(places) if places else []


def _measured_places(findings: Sequence[Finding]) -> dict[Place, list[Measured]]:
    places: dict[Place, list[Measured]] = {}
    for finding in findings:
        if isinstance(finding, Measured) and math.isfinite(finding.value):
            place = (check_name(finding), finding.region, finding.side)
            places.setdefault(place, []).append(finding)
    return places


def _most_involved(places: dict[Place, list[Measured]]) -> list[Place]:
    ranked = sorted(places, key=lambda place: (place[1] is not Region.BRAIN, -amount(places[place]), place))
    ranked = [place for place in ranked if not _is_told_elsewhere(place, places)]
    involved = [place for place in ranked if amount(places[place]) > 0]
    return in_turn(involved or ranked[:1], lambda place: turn_of(place[0]))[:GROUPS_AT_MOST]


def _is_told_elsewhere(place: Place, places: Collection[Place]) -> bool:
    """The brain is told as a whole, every other region by its sides where it has them."""
    check, region, side = place
    if region is Region.BRAIN:
        return side is not Side.WHOLE and (check, region, Side.WHOLE) in places
    return side is Side.WHOLE and any((check, region, one) in places for one in (Side.LEFT, Side.RIGHT))


def _volume(place: Place, measured: list[Measured], study_instance_uid: str, segment: Segment) -> Group:
    """A volume of interest, whose outline is the segment with the same tracking UID."""
    check, region, side = place
    source = SourceSeriesForSegmentation(segment.source_series_instance_uid)
    # The meaning that PS3.16 gives it; highdicom writes it with other capitals.
    source.ConceptNameCodeSequence[0].CodeMeaning = codes.SOURCE_SERIES.meaning
    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(place, study_instance_uid),
        referenced_segment=ReferencedSegment(
            SegmentationStorage, segment.sop_instance_uid, segment.number, source_series=source
        ),
        finding_type=codes.finding_type(check),
        finding_sites=_sites(region, side),
        measurements=_measurements(measured),
    )


def _group(
    place: Place, measured: list[Measured], study_instance_uid: str, headers: dict[str, Dataset]
) -> Group:
    check, region, side = place
    uids = dict.fromkeys(uid for m in measured for uid in m.evidence.sop_instance_uids)
    images = [headers[uid] for uid in uids if uid in headers]
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(place, study_instance_uid),
        finding_type=codes.finding_type(check),
        finding_sites=_sites(region, side),
        measurements=_measurements(measured),
        source_images=[
            SourceImageForMeasurementGroup(header.SOPClassUID, header.SOPInstanceUID) for header in images
        ],
    )


def _undetermined(study_instance_uid: str) -> Group:
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking((_NO_CHECK, Region.BRAIN, Side.WHOLE), study_instance_uid),
        finding_sites=_sites(Region.BRAIN, Side.WHOLE),
        qualitative_evaluations=[QualitativeEvaluation(codes.T2_HYPERINTENSITY, codes.UNDETERMINED)],
    )


def _tracking(place: Place, study_instance_uid: str) -> TrackingIdentifier:
    return TrackingIdentifier(*tracking(place, study_instance_uid))


def _sites(region: Region, side: Side) -> list[FindingSite]:
    laterality, part = codes.laterality(region, side), codes.SITE_PARTS.get(region)
    return [FindingSite(structure, laterality, part) for structure in codes.SITES[region]]


def _measurements(measured: list[Measured]) -> list[Measurement]:
    order = list(Quantity)
    return [_measurement(one) for one in sorted(measured, key=lambda one: order.index(one.quantity))]


def _measurement(measured: Measured) -> Measurement:
    unit, factor = codes.UNITS[measured.unit]
    value = float(f"{measured.value * factor:.{_DIGITS}g}")
    made = Measurement(codes.QUANTITIES[measured.quantity], value, unit)
    if value.is_integer():
        # Viewers show the digits as they stand, and nobody counts 6.0 foci.
        made[0].MeasuredValueSequence[0].NumericValue = str(int(value))
    return made
