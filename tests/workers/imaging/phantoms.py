"""Real MR datasets of a phantom whose value is known at every point in the patient."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

from rules.messages import InstanceFile

Array = NDArray[np.float64]

AXIAL = (1, 0, 0, 0, 1, 0)
SAGITTAL = (0, 1, 0, 0, 0, -1)
CORONAL = (1, 0, 0, 0, 0, -1)
_C, _S = np.cos(0.3), np.sin(0.3)
OBLIQUE = (_C, _S, 0, -_S * _C, _C * _C, _S)
"""Turned about two axes."""
AXES = {
    "axial": AXIAL,
    "axial from above": (1, 0, 0, 0, -1, 0),
    "sagittal": SAGITTAL,
    "sagittal from the right": (0, -1, 0, 0, 0, -1),
    "coronal": CORONAL,
    "coronal from the front": (-1, 0, 0, 0, 0, -1),
    "oblique": OBLIQUE,
}
"""All six directions of the normal, and one between."""

FLAIR = {"ScanningSequence": ["SE", "IR"], "EchoTime": 120, "RepetitionTime": 9000, "InversionTime": 2500}
DWI = {"ScanningSequence": ["EP", "SE"], "EchoTime": 89, "RepetitionTime": 6000}


def value_at(points: Array) -> Array:
    """The phantom: a linear ramp, different along each axis. points : (..., 3) mm; integers for integer mm."""
    return 2000 + points @ np.array([1.0, 2.0, 5.0])


@dataclass(frozen=True, slots=True)
class Phantom:
    """Where the slices of a phantom lie and what its headers say."""

    orientation: Sequence[float] = AXIAL
    spacing: tuple[float, float] = (2.0, 1.0)
    """Between rows, between columns, as PixelSpacing."""
    step_mm: float = 4.0
    """From slice to slice, along the normal."""
    shear_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Added to the step: a tilted gantry."""
    shape: tuple[int, int, int] = (10, 8, 6)
    """Slices, rows, columns."""
    origin: tuple[float, float, float] = (-20.0, 30.0, -40.0)
    uid: str = "1.2.3.1"
    attributes: dict[str, object] | None = None

    @property
    def step(self) -> Array:
        cosines = np.array(self.orientation, dtype=float)
        return np.cross(cosines[:3], cosines[3:]) * self.step_mm + np.array(self.shear_mm)

    def position(self, k: int) -> Array:
        return np.array(self.origin) + k * self.step

    def plane(self, k: int) -> NDArray[np.uint16]:
        """(rows, columns) of the phantom's own values, rounded to whole numbers."""
        cosines = np.array(self.orientation, dtype=float)
        _, rows, columns = self.shape
        j, i = np.mgrid[:rows, :columns]
        points = (
            self.position(k)
            + i[..., None] * cosines[:3] * self.spacing[1]
            + j[..., None] * cosines[3:] * self.spacing[0]
        )
        return np.rint(value_at(points)).astype(np.uint16)

    def affine(self) -> Array:
        """What must be read back, written out by hand rather than by the code under test."""
        cosines = np.array(self.orientation, dtype=float)
        return np.column_stack(
            [
                [*(cosines[:3] * self.spacing[1]), 0],
                [*(cosines[3:] * self.spacing[0]), 0],
                [*self.step, 0],
                [*self.origin, 1],
            ]
        )

    def slices(self) -> list[Dataset]:
        return [self.slice(k) for k in range(self.shape[0])]

    def slice(self, k: int) -> Dataset:
        ds = header(self.uid, MRImageStorage, k + 1)
        ds.ImagePositionPatient = decimals(self.position(k))
        ds.ImageOrientationPatient = decimals(self.orientation)
        ds.PixelSpacing = decimals(self.spacing)
        ds.SliceThickness = 99  # nominal and wrong: nobody may use it
        fill_pixels(ds, self.plane(k))
        return with_attributes(ds, FLAIR if self.attributes is None else self.attributes)

    def enhanced(self, order: Iterable[int] | None = None) -> Dataset:
        """The same phantom as one enhanced multi-frame object, frames in any order."""
        ks = list(range(self.shape[0]) if order is None else order)
        ds = header(self.uid, EnhancedMRImageStorage, 1)
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
        ds.EchoPulseSequence, ds.AcquisitionContrast = "SPIN", "FLUID_ATTENUATED"
        ds.NumberOfFrames = len(ks)
        shared = Dataset()
        shared.PixelMeasuresSequence = one(PixelSpacing=decimals(self.spacing), SliceThickness=99)
        shared.PlaneOrientationSequence = one(ImageOrientationPatient=decimals(self.orientation))
        shared.MREchoSequence = one(EffectiveEchoTime=120.0)
        shared.MRTimingAndRelatedParametersSequence = one(RepetitionTime=9000)
        shared.MRModifierSequence = one(InversionRecovery="YES", InversionTimes=[2500.0])
        shared.PixelValueTransformationSequence = one(RescaleSlope=1, RescaleIntercept=0, RescaleType="US")
        ds.SharedFunctionalGroupsSequence = DicomSequence([shared])
        frames = []
        for k in ks:
            frame = Dataset()
            frame.PlanePositionSequence = one(ImagePositionPatient=decimals(self.position(k)))
            frames.append(frame)
        ds.PerFrameFunctionalGroupsSequence = DicomSequence(frames)
        fill_pixels(ds, np.stack([self.plane(k) for k in ks]))
        return ds

    def but(self, **changes: object) -> "Phantom":
        return replace(self, **changes)  # type: ignore[arg-type]


def header(uid: str, sop_class: str, number: int) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"{uid}.{number}"
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.Modality, ds.ImageType = "MR", ["ORIGINAL", "PRIMARY", "M"]
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "1.2.3", uid, "1.2.3.9"
    ds.SeriesNumber, ds.InstanceNumber = 1, number
    return ds


def fill_pixels(ds: Dataset, stored: NDArray[np.generic]) -> Dataset:
    """Describe and set native 16-bit pixels; stored : ([frames,] rows, columns)."""
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = stored.shape[-2:]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds.PixelRepresentation = int(np.issubdtype(stored.dtype, np.signedinteger))
    ds.PixelData = np.ascontiguousarray(stored).tobytes()
    return ds


def with_attributes(ds: Dataset, attributes: dict[str, object]) -> Dataset:
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def one(**attributes: object) -> DicomSequence:
    return DicomSequence([with_attributes(Dataset(), attributes)])


def decimals(numbers: Iterable[float]) -> list[str]:
    """As decimal strings of at most 16 characters, as DS wants them."""
    return [f"{number:.9f}" for number in numbers]


def store(
    datasets: Iterable[Dataset], root: Path, naming: Callable[[int], str] | None = None
) -> list[InstanceFile]:
    """Write datasets under `root` as received files."""
    root.mkdir(parents=True, exist_ok=True)
    instances = []
    for n, ds in enumerate(datasets):
        path = root / (naming(n) if naming else f"{ds.SeriesInstanceUID}-{n:03d}.dcm")
        ds.save_as(path, enforce_file_format=True)
        instances.append(received(path, root, ds))
    return instances


def received(path: Path, root: Path, ds: Dataset) -> InstanceFile:
    """The row of a received file; `ds` says what it was sent as, whatever the bytes now hold."""
    return InstanceFile(
        sop_instance_uid=str(ds.SOPInstanceUID),
        series_instance_uid=str(ds.SeriesInstanceUID),
        sop_class_uid=str(ds.SOPClassUID),
        path=str(path.relative_to(root)),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def fresh_uid(*sources: str) -> str:
    return str(generate_uid(prefix="1.2.826.0.1.3680043.8.498.", entropy_srcs=list(sources)))
