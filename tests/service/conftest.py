"""A service on a temporary folder, and a scanner that speaks real C-STORE."""

import gc
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from service.intake import Intake, Received, open_intake
from service.node import NODE_FILE, run_node
from service.settings import Settings
from service.store.session import Store, open_store, upgrade

MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
STUDY = "1.2.826.0.1.3680043.8.498.1"
SENTINEL = "PHI^SENTINEL"


def mr_slice(number: int = 1, *, study: str = STUDY, series: int = 1, **elements: object) -> Dataset:
    """A small MR slice of a patient named SENTINEL; keywords replace elements, None removes them."""
    ds = Dataset()
    ds.SOPClassUID = MR_IMAGE_STORAGE
    ds.SOPInstanceUID = f"{study}.{series}.{number}"
    ds.StudyInstanceUID = study
    ds.SeriesInstanceUID = f"{study}.{series}"
    ds.PatientID = "P1"
    ds.PatientName = SENTINEL
    ds.PatientBirthDate = "19700102"
    ds.StudyDate = "20260504"
    ds.AccessionNumber = "ACC1"
    ds.Modality = "MR"
    ds.BodyPartExamined = "BRAIN"
    ds.StudyDescription = "MR brain"
    ds.SeriesDescription = "AX FLAIR"
    ds.InstanceNumber = number
    ds.Rows = ds.Columns = 4
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 0
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelData = bytes([number % 256]) * 32
    for keyword, value in elements.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def encoded(ds: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The dataset as it travels in a C-STORE request."""
    buffer = BytesIO()
    dcmwrite(buffer, ds, implicit_vr=transfer_syntax == "1.2.840.10008.1.2", little_endian=True)
    return buffer.getvalue()


def received(ds: Dataset, **changes: object) -> Received:
    """The request that a scanner would send for a dataset."""
    request = {
        "dataset": encoded(ds),
        "transfer_syntax_uid": str(ExplicitVRLittleEndian),
        "sop_class_uid": str(ds.get("SOPClassUID", MR_IMAGE_STORAGE)),
        "sop_instance_uid": str(ds.get("SOPInstanceUID", "1.2.3")),
        "calling_ae_title": "SCANNER",
    }
    return Received(**(request | changes))  # type: ignore[arg-type]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", port=0, disk_watermark_mb=0, quiet_time_s=30, rows_apart=False)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database at the newest schema, for copies: to migrate one takes longer than most tests."""
    made = open_store(Settings(data=tmp_path_factory.mktemp("migrated")))
    upgrade(made)
    made.close()
    return Path(str(made.engine.url.database))


@pytest.fixture
def store(settings: Settings, migrated: Path) -> Iterator[Store]:
    opened = open_store(settings)
    shutil.copyfile(migrated, str(opened.engine.url.database))
    yield opened
    opened.close()


@pytest.fixture
def intake(store: Store, settings: Settings) -> Iterator[Intake]:
    with open_intake(store, settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def own_garbage() -> Iterator[None]:
    """Makes collections of this module look through what it made itself; through all that was imported takes most of a second."""
    gc.collect()
    gc.freeze()
    yield
    gc.collect()
    gc.unfreeze()


@pytest.fixture
def swept(own_garbage: None) -> Iterator[None]:
    """Collects here, and not in a later test, what pynetdicom's client side leaves of peers that turned it away."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    gc.collect()


@dataclass(frozen=True, slots=True)
class Listening:
    """A node in a thread, and where it listens."""

    settings: Settings
    port: int


@pytest.fixture
def listen() -> Callable[[Settings], object]:
    """Start a node with some settings for the length of a `with` block."""
    return _listening


@contextmanager
def _listening(settings: Settings) -> Iterator[Listening]:
    stop = threading.Event()
    thread = threading.Thread(target=run_node, args=(settings, stop), daemon=True)
    thread.start()
    place = settings.data / NODE_FILE
    pause = threading.Event()
    for _ in range(600):
        if place.exists():
            break
        assert thread.is_alive(), "the node did not start"
        pause.wait(0.02)
    try:
        yield Listening(settings, json.loads(place.read_text())["port"])
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
