"""DICOM datasets of classic MR images, as a scanner writes them (PS3.3 A.4)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from rules.anatomy import Role
from rules.identity import derived_uid
from workers.simulation.geometry import Stack
from workers.simulation.protocol import Scanner, SeriesPlan, Weighting


@dataclass(frozen=True, slots=True)
class SimulatedPatient:
    """Whose study it is."""

    patient_id: str = "PAT001"
    issuer: str = ""
    name: str = "DEMO^PATIENT"
    sex: str = "F"
    weight_kg: float = 70.0


@dataclass(frozen=True, slots=True)
class StudyHeader:
    """What all images of a study share."""

    study_instance_uid: str
    frame_of_reference_uid: str
    accession_number: str
    study_date: date
    start_minute: int
    """Minute of the day at which the study began."""
    age: int
    patient: SimulatedPatient
    scanner: Scanner


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """One image of a series."""

    instance_number: int
    weighting: Weighting
    stack: Stack
    index: int
    """Its place in the stack, from 0."""
    pixels: NDArray[np.uint16]
    window: tuple[int, int]
    """Centre and width for display."""


def series_uid(study: StudyHeader, plan: SeriesPlan) -> str:
    return derived_uid({"study": study.study_instance_uid, "series": str(plan.number)})


def series_datasets(study: StudyHeader, plan: SeriesPlan, images: Iterable[Slice]) -> Iterator[Dataset]:
    """The whole dataset of each image of a series, with file meta information.

    What the images of one stack share is made once: the same dataset is yielded again with another plane and other
    pixels, so it must be written before the next one is asked for.
    """
    weighting, stack, ds = None, None, Dataset()
    for image in images:
        if image.weighting is weighting and image.stack is stack:
            _own(ds, study, plan, image)
        else:
            weighting, stack, ds = image.weighting, image.stack, image_dataset(study, plan, image)
        yield ds


def image_dataset(study: StudyHeader, plan: SeriesPlan, image: Slice) -> Dataset:
    """The whole dataset of one image, with file meta information."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    _identify(ds, study, plan, image)
    _patient(ds, study)
    _equipment(ds, study.scanner)
    _acquisition(ds, study.scanner, plan, image)
    _plane(ds, study, image)
    _own(ds, study, plan, image)
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def _own(ds: Dataset, study: StudyHeader, plan: SeriesPlan, image: Slice) -> None:
    """What differs from image to image."""
    ds.SOPInstanceUID = derived_uid(
        {"series": series_uid(study, plan), "instance": str(image.instance_number)}
    )
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.InstanceNumber = image.instance_number
    position = image.stack.position(image.index)
    ds.ImagePositionPatient = [f"{value:.8g}" for value in position]
    ds.SliceLocation = f"{float(position @ image.stack.normal):.6g}"
    _pixels(ds, image)


def _identify(ds: Dataset, study: StudyHeader, plan: SeriesPlan, image: Slice) -> None:
    day = study.study_date.strftime("%Y%m%d")
    minute = study.start_minute + 4 * study.scanner.series.index(plan)
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = list(image.weighting.image_type)
    ds.SOPClassUID = MRImageStorage
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = day
    ds.StudyTime = _clock(study.start_minute)
    ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = _clock(minute)
    ds.AccessionNumber, ds.StudyID = study.accession_number, study.accession_number[-6:]
    ds.Modality = "MR"
    ds.ReferringPhysicianName = ""
    ds.StudyDescription, ds.SeriesDescription = study.scanner.study_description, plan.description
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study.study_instance_uid, series_uid(study, plan)
    ds.SeriesNumber = plan.number
    ds.AcquisitionNumber = 1
    ds.BodyPartExamined, ds.PatientPosition = "HEAD", "HFS"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}{minute % 60:02d}00"


def _patient(ds: Dataset, study: StudyHeader) -> None:
    patient = study.patient
    ds.PatientName, ds.PatientID = patient.name, patient.patient_id
    if patient.issuer:
        ds.IssuerOfPatientID = patient.issuer
    born = study.study_date - timedelta(days=int(study.age * 365.25) + 120)
    ds.PatientBirthDate = born.strftime("%Y%m%d")
    ds.PatientSex, ds.PatientAge = patient.sex, f"{study.age:03d}Y"
    ds.PatientWeight = f"{patient.weight_kg:g}"


def _equipment(ds: Dataset, scanner: Scanner) -> None:
    ds.Manufacturer, ds.ManufacturerModelName = scanner.manufacturer, scanner.model
    ds.StationName, ds.DeviceSerialNumber = scanner.station, scanner.serial
    ds.SoftwareVersions = scanner.software.split("\\")
    ds.InstitutionName = ""


def _acquisition(ds: Dataset, scanner: Scanner, plan: SeriesPlan, image: Slice) -> None:
    timing = image.weighting.timing
    ds.ScanningSequence, ds.SequenceVariant = list(plan.scanning_sequence), list(plan.sequence_variant)
    ds.ScanOptions, ds.MRAcquisitionType = list(plan.scan_options), plan.acquisition
    if plan.sequence_name:
        ds.SequenceName = plan.sequence_name
    ds.AngioFlag, ds.ProtocolName = "N", plan.protocol_name
    ds.RepetitionTime, ds.EchoTime = f"{timing.tr_ms:g}", f"{timing.te_ms:g}"
    ds.EchoTrainLength, ds.EchoNumbers = plan.echo_train, 1
    if timing.ti_ms:
        ds.InversionTime = f"{timing.ti_ms:g}"
    ds.FlipAngle = f"{timing.flip_degrees:g}"
    ds.NumberOfAverages, ds.PixelBandwidth = f"{plan.averages:g}", f"{plan.bandwidth:g}"
    ds.ImagingFrequency, ds.ImagedNucleus = f"{scanner.frequency_mhz:g}", "1H"
    ds.MagneticFieldStrength = f"{scanner.field_t:g}"
    ds.NumberOfPhaseEncodingSteps = plan.size.rows
    ds.PercentSampling = ds.PercentPhaseFieldOfView = "100"
    ds.ReceiveCoilName, ds.TransmitCoilName = scanner.coil, scanner.body_coil
    ds.AcquisitionMatrix = [0, plan.size.columns, plan.size.rows, 0]
    ds.InPlanePhaseEncodingDirection = "COL"
    ds.VariableFlipAngleFlag = "N"
    if image.weighting.role in {Role.B0, Role.DWI}:
        ds.DiffusionBValue = float(timing.b_value)
    if timing.contrast_agent:
        ds.ContrastBolusAgent, ds.ContrastBolusRoute, ds.ContrastBolusVolume = (
            scanner.contrast_agent,
            "IV",
            "7",
        )


def _plane(ds: Dataset, study: StudyHeader, image: Slice) -> None:
    stack = image.stack
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = study.frame_of_reference_uid, ""
    ds.ImageOrientationPatient = [f"{value:.10f}" for value in (*stack.row, *stack.column)]
    ds.PixelSpacing = [f"{stack.pixel_mm:g}", f"{stack.pixel_mm:g}"]
    ds.SliceThickness = f"{stack.thickness_mm:g}"
    if study.scanner.spacing_attribute:
        ds.SpacingBetweenSlices = f"{stack.spacing_mm:g}"


def _pixels(ds: Dataset, image: Slice) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = image.pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.SmallestImagePixelValue, ds.LargestImagePixelValue = int(image.pixels.min()), int(image.pixels.max())
    ds.WindowCenter, ds.WindowWidth = str(image.window[0]), str(image.window[1])
    ds.PixelData = np.ascontiguousarray(image.pixels.astype("<u2")).tobytes()
