"""Studies and decisions to report on: headers as scanners write them, tidy and sloppy."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, MRImageStorage

from rules.anatomy import Region, Role, Side
from rules.decision import Decision, Floor, Pattern, PolicyIdentity, Status
from rules.findings import UNITS, Evidence, Finding, Measured, NotAssessed, Quantity, Why
from rules.messages import ReportFile, ReportKind, ResultState, SeriesUse
from rules.urgency import Priority
from workers.reports.content import Device, KeySlice, LesionMask, ReportContent
from workers.reports.measurement_groups import group_places

STUDY = "1.2.826.0.1.3680043.10.1.7"
FLAIR = f"{STUDY}.1"
T1 = f"{STUDY}.2"
NAME = "Cartwright^Anna"
DISCLAIMERS = (
    "Triage aid. Not for diagnosis. Investigational, research use only.",
    "This result can raise the study's place in the worklist; it never lowers, hides or delays a study.",
)


def header(series: str, number: int, modality: str = "MR") -> Dataset:
    """A small but complete header of one slice, without pixels."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = MRImageStorage if modality == "MR" else CTImageStorage
    ds.SOPInstanceUID = f"{series}.{number}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = STUDY, series
    ds.FrameOfReferenceUID = f"{STUDY}.9"
    ds.PatientName, ds.PatientID, ds.IssuerOfPatientID = NAME, "0044 17", "HOSPITAL-A"
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge, ds.PatientWeight = "19610402", "F", "065Y", "71.5"
    ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20261103", "081502", "S77", "A-2026-118"
    ds.StudyDescription, ds.ReferringPhysicianName = "MR Head with and without contrast", "Okafor^Ben"
    ds.TimezoneOffsetFromUTC = "+0100"
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = modality, "SIEMENS", "Skyra"
    ds.SeriesNumber, ds.InstanceNumber, ds.BodyPartExamined = 3, number, "HEAD"
    ds.Rows, ds.Columns, ds.PixelSpacing = 256, 256, [0.9, 0.9]
    ds.SliceThickness, ds.ImageOrientationPatient = 4.0, [1, 0, 0, 0, 1, 0]
    ds.ImagePositionPatient = [-115.0, -115.0, -60.0 + 4.4 * number]
    request = Dataset()
    request.RequestedProcedureID, request.ScheduledProcedureStepID = "RP118", "SPS118"
    ds.RequestAttributesSequence = Sequence([request])
    return ds


def sloppy(ds: Dataset, *missing: str) -> Dataset:
    """The same header without the named attributes."""
    for keyword in missing:
        if keyword in ds:
            del ds[keyword]
    return ds


def headers() -> tuple[Dataset, ...]:
    return (*(header(FLAIR, n) for n in range(1, 25)), *(header(T1, n) for n in range(1, 7)))


def measured(
    quantity: Quantity,
    value: float,
    region: Region = Region.BRAIN,
    side: Side = Side.WHOLE,
    check: str = "flair_hyperintensity",
) -> Measured:
    evidence = Evidence(f"{check} 1", FLAIR, (f"{FLAIR}.14", f"{FLAIR}.13"))
    return Measured(quantity, region, side, value, UNITS[quantity], evidence)


FINDINGS: tuple[Finding, ...] = (
    measured(Quantity.FLAIR_VOLUME, 38.412),
    measured(Quantity.FLAIR_LATERALITY, 0.06),
    measured(Quantity.FLAIR_CORTICAL_SHARE, 71.0),
    measured(Quantity.FLAIR_VOLUME, 12.1, Region.OCCIPITAL, Side.LEFT),
    measured(Quantity.FLAIR_FRACTION, 18.2, Region.OCCIPITAL, Side.LEFT),
    measured(Quantity.FLAIR_RATIO, 1.62, Region.OCCIPITAL, Side.LEFT),
    measured(Quantity.FLAIR_VOLUME, 10.4, Region.OCCIPITAL, Side.RIGHT),
    measured(Quantity.FLAIR_VOLUME, 22.5, Region.PARIETO_OCCIPITAL, Side.WHOLE),
    measured(Quantity.FLAIR_VOLUME, 0.4, Region.PONS, Side.WHOLE),
    measured(Quantity.FLAIR_VOLUME, 0.0, Region.THALAMUS, Side.LEFT),
    NotAssessed(Quantity.FLAIR_Z, Region.MEDULLA, Side.WHOLE, Why.COVERAGE, "medulla outside the slices"),
)

PRES = Pattern(
    rule="R01",
    name="PRES-type distribution",
    status=Status.PRESENT,
    priority=Priority.P2,
    sentence="Suspected PRES-type distribution: bilateral parieto-occipital FLAIR hyperintensity, 22.5 mL.",
    reasons=(
        "Parieto-occipital FLAIR volume 22.5 mL, at least 5 mL asked: yes",
        "Laterality index 0.06, at most 0.6 asked: yes",
        "Cortical and subcortical share 71 %, at least 50 % asked: yes",
    ),
    follow_up="Blood pressure and seizure history help to read this pattern.",
)
ENCEPHALITIS = Pattern(
    rule="R02",
    name="Limbic and deep grey involvement",
    status=Status.ABSENT,
    priority=None,
    sentence="No limbic or deep grey hyperintensity beyond the cut.",
    reasons=("Thalamic FLAIR volume 0.0 mL, at least 0.5 mL asked: no",),
)
RESTRICTION = Pattern(
    rule="R05",
    name="Restricted diffusion",
    status=Status.OPEN,
    priority=Priority.P1,
    sentence="Restricted diffusion could not be assessed.",
    reasons=("ADC: no check of this version measures it",),
    missing=("DWI with ADC",),
)


def decision(priority: Priority = Priority.P2) -> Decision:
    """The decision on a study with a PRES-type pattern."""
    return Decision(
        priority=priority,
        imaging_priority=priority,
        floors=(Floor("F3", Priority.P3, "ICANS grade 1 recorded today"),),
        patterns=(PRES, ENCEPHALITIS, RESTRICTION),
        is_assessed=True,
        not_assessed=("Diffusion: no check of this version measures it", "Medulla: outside the slices"),
        could_be=Priority.P1 if priority is not Priority.P1 else None,
        headline=f"{priority.value} {priority.words}: suspected PRES-type distribution",
        sentences=(
            PRES.sentence,
            "Flagged for earlier reading. Not for diagnosis; may be wrong.",
            "The clinical floor is P3: ICANS grade 1 recorded today.",
            "If the open question on restricted diffusion turned out positive, this could be P1.",
        ),
        disclaimers=DISCLAIMERS,
        day_after_infusion=15,
        policy=PolicyIdentity("car-t", "2026.1", "9f2c" * 16),
    )


def negative() -> Decision:
    """All that could be assessed is absent, nothing is open."""
    absent = replace(
        PRES, status=Status.ABSENT, priority=None, follow_up="", sentence="No PRES-type distribution."
    )
    return replace(
        decision(Priority.P4),
        floors=(Floor("F4", Priority.P4, "planned follow-up without neurological reason"),),
        patterns=(absent, ENCEPHALITIS),
        could_be=None,
        not_assessed=("Diffusion: no check of this version measures it",),
        headline="P4 routine: no prespecified pattern detected",
        sentences=(
            "No prespecified pattern was detected in the series that could be assessed (FLAIR).",
            "This does not exclude ICANS, PRES, infection, ischaemia or haemorrhage; MRI is often normal in ICANS.",
            "The study keeps its normal place in the worklist. Interpret the full images.",
        ),
    )


def not_assessed() -> Decision:
    """Nothing could be measured; the quality floor holds."""
    return replace(
        decision(Priority.P3),
        imaging_priority=Priority.P4,
        floors=(Floor("QUALITY", Priority.P3, "CAR-T patient, day 15, symptoms, images not assessable"),),
        patterns=tuple(replace(p, status=Status.OPEN, priority=Priority.P1) for p in (PRES, ENCEPHALITIS)),
        is_assessed=False,
        not_assessed=("No FLAIR series among the images", "Diffusion: no check of this version measures it"),
        could_be=Priority.P1,
        headline="P3 expedited: NOT ASSESSED, no FLAIR series",
        sentences=(
            "NOT ASSESSED: no FLAIR series. No conclusion in either direction.",
            "The quality floor is P3: CAR-T patient, day 15, symptoms, images not assessable.",
        ),
    )


def content(
    of: Decision | None = None,
    findings: tuple[Finding, ...] = FINDINGS,
    of_headers: tuple[Dataset, ...] | None = None,
) -> ReportContent:
    """What a report is made from; by default the PRES-type study."""
    return ReportContent(
        job_id="4d1b" * 16,
        snapshot=1,
        decision=of or decision(),
        findings=findings,
        series=(
            SeriesUse(
                FLAIR,
                Role.FLAIR,
                is_used=True,
                reason="inversion recovery, TI 2500 ms, TE 95 ms",
                instances=24,
            ),
            SeriesUse(T1, Role.T1, is_used=False, reason="no check needs it", instances=6),
        ),
        headers=headers() if of_headers is None else of_headers,
        key_sop_instance_uids=(f"{FLAIR}.14", f"{FLAIR}.13", f"{FLAIR}.15"),
        completeness="30 images in 2 series; nothing arrived for 60 s, which is no guarantee",
        context_lines=("day 15 after infusion", "ICANS grade 1 (ICE 9), recorded 2 h before"),
        decided_at=datetime(2026, 11, 3, 7, 20, 11, 250000, tzinfo=UTC),
        device=Device("2.25.329800735698586629295641978511506172918", "0.1.0"),
        versions={"cartriage": "0.1.0", "numpy": "2.4.0", "SimpleITK": "2.5.0"},
    )


def unassessed_content(of_headers: tuple[Dataset, ...] | None = None) -> ReportContent:
    """A study in which nothing could be measured and nothing shown."""
    nothing = NotAssessed(
        Quantity.FLAIR_VOLUME, Region.BRAIN, Side.WHOLE, Why.SERIES_MISSING, "no FLAIR series"
    )
    return replace(content(not_assessed(), (nothing,), of_headers), key_sop_instance_uids=())


def sliced_content() -> ReportContent:
    """A result with two key slices: a grey ramp, with a square where the check measured."""
    ramp = np.tile(np.linspace(40, 200, 600).astype(np.uint8), (760, 1))
    marked = np.zeros(ramp.shape, dtype=bool)
    marked[300:400, 200:300] = True
    slices = tuple(
        KeySlice(ramp, marked, ("R", "L"), "flair_hyperintensity", "FLAIR", f"axial slice {n} of 24")
        for n in (13, 15)
    )
    return replace(content(), key_slices=slices)


def masked_content(of_flair: tuple[Finding, ...] = FINDINGS) -> ReportContent:
    """A result with the masks of its places on the FLAIR and on a T1 after contrast: squares on two slices."""
    enhancing = measured(Quantity.ENHANCING_VOLUME, 1.2, check="contrast_enhancement")
    findings = (*of_flair, enhancing)
    masks = []
    for number, (check, region, side) in enumerate(group_places(findings)):
        role, series, slices = (Role.FLAIR, FLAIR, 24) if "flair" in check else (Role.T1C, T1, 6)
        mask = np.zeros((slices, 256, 256), dtype=bool)
        mask[2:4, 100:120, 90 : 110 + number] = True
        uids = tuple(f"{series}.{slice_number}" for slice_number in range(1, slices + 1))
        masks.append(LesionMask(check, region, side, role, mask, uids))
    return replace(content(findings=findings), masks=tuple(masks))


def partly_masked_content() -> ReportContent:
    """Two places, of which only the one on the FLAIR has a mask."""
    whole = masked_content(FINDINGS[:1])
    return replace(whole, masks=tuple(one for one in whole.masks if one.role is Role.FLAIR))


def corrected_content() -> ReportContent:
    """A result that supersedes an earlier one."""
    earlier = ReportFile(
        ReportKind.SR,
        "1.2.840.10008.5.1.4.1.1.88.34",
        f"{STUDY}.77",
        f"{STUDY}.78",
        "1.2.840.10008.1.2.1",
        "x",
        "0",
    )
    return replace(content(), state=ResultState.CORRECTED, predecessor=earlier, target_minutes=60)


def provisional_content() -> ReportContent:
    """Of a study that still arrives, of which nothing could be assessed so far."""
    return replace(unassessed_content(), state=ResultState.PROVISIONAL)
