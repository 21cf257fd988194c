"""Measurement groups of the SR: one for each region and side that matters (TID 1501).

One container holds groups of one template only: the PixelMed validator picks the template per container.
"""

import math
from collections.abc import Collection, Sequence

from highdicom.sr import (
    FindingSite,
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    TrackingIdentifier,
)
from pydicom import Dataset

from rules.anatomy import Region, Side
from rules.findings import Finding, Measured, Quantity
from rules.identity import derived_uid
from workers.reports import codes
from workers.reports.involvement import amount, check_name, in_turn

GROUPS_AT_MOST = 8
"""The most involved regions, each check in turn; every number stays in the result's JSON. PixelMed runs out of memory on long reports."""
_DIGITS = 6
"""Significant digits of a number in the SR; beyond any accuracy of the checks."""
_NO_CHECK = "study"
"""Stands for the check in the tracking UID of the group that says that nothing was measured."""

_Place = tuple[str, Region, Side]


def measurement_groups(
    findings: Sequence[Finding], study_instance_uid: str, headers: dict[str, Dataset]
) -> list[MeasurementsAndQualitativeEvaluations]:
    """Groups for the whole brain and the most involved regions, at least one.

    headers : by SOP Instance UID; source images that are not among them are left out

    Where nothing was measured the one group says `undetermined`: there is never a number without a measurement.
    """
    places: dict[_Place, list[Measured]] = {}
    for finding in findings:
        if isinstance(finding, Measured) and math.isfinite(finding.value):
            place = (check_name(finding), finding.region, finding.side)
            places.setdefault(place, []).append(finding)
    if not places:
        return [_undetermined(study_instance_uid)]
    chosen = _most_involved(places)
    return [_group(place, places[place], study_instance_uid, headers) for place in chosen]


def _most_involved(places: dict[_Place, list[Measured]]) -> list[_Place]:
    ranked = sorted(places, key=lambda place: (place[1] is not Region.BRAIN, -amount(places[place]), place))
    ranked = [place for place in ranked if not _is_told_elsewhere(place, places)]
    involved = [place for place in ranked if amount(places[place]) > 0]
    return in_turn(involved or ranked[:1], lambda place: place[0])[:GROUPS_AT_MOST]


def _is_told_elsewhere(place: _Place, places: Collection[_Place]) -> bool:
    """The brain is told as a whole, every other region by its sides where it has them."""
    check, region, side = place
    if region is Region.BRAIN:
        return side is not Side.WHOLE and (check, region, Side.WHOLE) in places
    return side is Side.WHOLE and any((check, region, one) in places for one in (Side.LEFT, Side.RIGHT))


def _group(
    place: _Place, measured: list[Measured], study_instance_uid: str, headers: dict[str, Dataset]
) -> MeasurementsAndQualitativeEvaluations:
    check, region, side = place
    uids = dict.fromkeys(uid for m in measured for uid in m.evidence.sop_instance_uids)
    images = [headers[uid] for uid in uids if uid in headers]
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(place, study_instance_uid),
        finding_type=codes.finding_type(check),
        finding_sites=_sites(region, side),
        measurements=[
            _measurement(m) for m in sorted(measured, key=lambda m: list(Quantity).index(m.quantity))
        ],
        source_images=[
            SourceImageForMeasurementGroup(header.SOPClassUID, header.SOPInstanceUID) for header in images
        ],
    )


def _undetermined(study_instance_uid: str) -> MeasurementsAndQualitativeEvaluations:
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking((_NO_CHECK, Region.BRAIN, Side.WHOLE), study_instance_uid),
        finding_sites=_sites(Region.BRAIN, Side.WHOLE),
        qualitative_evaluations=[QualitativeEvaluation(codes.T2_HYPERINTENSITY, codes.UNDETERMINED)],
    )


def _tracking(place: _Place, study_instance_uid: str) -> TrackingIdentifier:
    return TrackingIdentifier(*tracking(place, study_instance_uid))


def tracking(place: tuple[str, Region, Side], study_instance_uid: str) -> tuple[str, str]:
    """Tracking UID and identifier of a check, region and side.

    Named after study, check, region and side, so that a later result of the study keeps the same identifiers, and so
    does a segment.
    """
    check, region, side = place
    parts = {"study": study_instance_uid, "check": check, "region": region.value, "side": side.value}
    words = region.words if side is Side.WHOLE else f"{region.words}, {side.value}"
    return derived_uid(parts), f"{check}: {words}"


def _sites(region: Region, side: Side) -> list[FindingSite]:
    laterality, part = codes.laterality(region, side), codes.SITE_PARTS.get(region)
    return [FindingSite(structure, laterality, part) for structure in codes.SITES[region]]


def _measurement(measured: Measured) -> Measurement:
    unit, factor = codes.UNITS[measured.unit]
    value = float(f"{measured.value * factor:.{_DIGITS}g}")
    return Measurement(codes.QUANTITIES[measured.quantity], value, unit)
