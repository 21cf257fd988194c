import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.sop_class import Verification
from sqlalchemy import select

from service.accepted import accepts_any_caller
from service.headers import file_meta
from service.logs import configure_logs
from service.node import NODE_FILE
from service.settings import Settings
from service.store.session import Store
from service.store.tables import AuditEvent, Instance
from tests.peers import need
from tests.service.conftest import MR_IMAGE_STORAGE, SENTINEL, encoded, mr_slice

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("swept"),
]

CONTEXTS = (MR_IMAGE_STORAGE, "1.2.840.10008.5.1.4.1.1.4.1")


@contextmanager
def associated(port: int, calling: str = "SCANNER", called: str = "CARTRIAGE") -> Iterator[object]:
    ae = AE(calling)
    for uid in CONTEXTS:
        ae.add_requested_context(uid, ExplicitVRLittleEndian)
    ae.add_requested_context(Verification)
    assoc = ae.associate("127.0.0.1", port, ae_title=called)
    yield assoc
    if assoc.is_established:
        assoc.release()
    ae.shutdown()


def with_meta(ds: Dataset) -> Dataset:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def stored(store: Store) -> list[str]:
    with store.reading() as session:
        return sorted(session.scalars(select(Instance.sop_instance_uid)))


def test_it_answers_an_echo(listen, settings: Settings):
    with listen(settings) as node, associated(node.port) as assoc:
        assert assoc.send_c_echo().Status == 0x0000


def test_success_means_a_file_and_a_row(listen, settings: Settings, store: Store):
    with listen(settings) as node, associated(node.port) as assoc:
        for number in range(5):
            ds = mr_slice(number)
            assert assoc.send_c_store(with_meta(ds)).Status == 0x0000
            assert ds.SOPInstanceUID in stored(store)


def test_a_dataset_without_study_gets_its_status_and_the_association_lives_on(listen, settings, store: Store):
    with listen(settings) as node, associated(node.port) as assoc:
        assert assoc.send_c_store(with_meta(mr_slice(StudyInstanceUID=None))).Status == 0xC010
        assert assoc.send_c_store(with_meta(mr_slice(2))).Status == 0x0000
    assert len(stored(store)) == 1


def test_a_full_disk_is_out_of_resources(listen, settings: Settings, store: Store):
    full = settings.model_copy(update={"disk_watermark_mb": 10**9})
    with listen(full) as node, associated(node.port) as assoc:
        assert assoc.send_c_store(with_meta(mr_slice())).Status == 0xA700
    assert stored(store) == []


@pytest.mark.parametrize(
    ("calling", "called", "reason"),
    [
        ("SCANNER", "OTHER", "called AE title not recognised"),
        ("STRANGER", "CARTRIAGE", "calling AE title not recognised"),
    ],
)
def test_a_stranger_is_rejected_and_audited(listen, settings, store, calling: str, called: str, reason: str):
    guarded = settings.model_copy(update={"peers": ("SCANNER",)})
    with listen(guarded) as node, associated(node.port, calling, called) as assoc:
        assert assoc.is_rejected
    with store.reading() as session:
        (line,) = session.scalars(select(AuditEvent))
    assert (line.event, line.actor, line.detail["reason"]) == ("association_rejected", calling, reason)


def test_a_known_caller_is_accepted(listen, settings: Settings):
    guarded = settings.model_copy(update={"peers": ("SCANNER",)})
    with listen(guarded) as node, associated(node.port) as assoc:
        assert assoc.is_established


def test_beyond_the_limit_associations_are_rejected(listen, settings: Settings, store: Store):
    narrow = settings.model_copy(update={"maximum_associations": 1})
    with listen(narrow) as node, associated(node.port) as first, associated(node.port) as second:
        assert first.is_established
        assert second.is_rejected
    with store.reading() as session:
        assert session.scalars(select(AuditEvent)).one().detail["reason"] == "too many associations"


@pytest.mark.parametrize(
    ("host", "peers", "is_open"),
    [
        ("127.0.0.1", (), True),
        ("::1", (), True),
        ("localhost", (), True),
        ("0.0.0.0", (), False),  # noqa: S104
        ("pacs.example", (), False),
        ("127.0.0.1", ("A",), False),
    ],
)
def test_any_caller_is_accepted_only_on_loopback(host: str, peers: tuple[str, ...], is_open):
    assert accepts_any_caller(Settings(host=host, peers=peers)) is is_open


def test_without_peers_nobody_is_accepted_beyond_loopback(listen, settings: Settings):
    everywhere = settings.model_copy(update={"host": "0.0.0.0"})  # noqa: S104
    with listen(everywhere) as node, associated(node.port) as assoc:
        assert assoc.is_rejected


def test_four_senders_at_once_lose_nothing(listen, settings: Settings, store: Store):
    statuses: list[int] = []

    def send(port: int, series: int) -> None:
        with associated(port) as assoc:
            statuses.extend(
                assoc.send_c_store(with_meta(mr_slice(n, series=series))).Status for n in range(10)
            )

    with listen(settings) as node:
        senders = [threading.Thread(target=send, args=(node.port, series)) for series in range(1, 5)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert statuses == [0x0000] * 40
    assert len(stored(store)) == 40


def test_noise_on_the_port_leaves_the_node_well(listen, settings: Settings):
    hasty = settings.model_copy(update={"network_timeout_s": 1.0})
    with listen(hasty) as node:
        for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x01\x00\xff\xff\xff\xff" + b"\x00" * 50, b""):
            with socket.create_connection(("127.0.0.1", node.port), timeout=5) as sock:
                sock.sendall(noise)
        with associated(node.port) as assoc:
            assert assoc.send_c_echo().Status == 0x0000


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_no_log_line_names_the_patient(listen, settings: Settings):
    lines = StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    configure_logs("json", "node", lines)
    try:
        with listen(settings) as node, associated(node.port) as assoc:
            for ds in (
                mr_slice(),
                mr_slice(2, StudyInstanceUID=None),
                mr_slice(3, SeriesInstanceUID=SENTINEL),
            ):
                assoc.send_c_store(with_meta(ds))
            with associated(node.port, called="OTHER"):
                pass
    finally:
        root.handlers = before
        root.setLevel(level)
    written = lines.getvalue()
    assert "instance_refused" in written
    assert "association_rejected" in written
    assert "SENTINEL" not in written
    assert all(json.loads(line)["process"] == "node" for line in written.splitlines())


def write_files(folder: Path, slices: list[Dataset]) -> list[str]:
    paths = []
    for ds in slices:
        path = folder / f"{ds.SOPInstanceUID}.dcm"
        path.write_bytes(
            file_meta(ds.SOPClassUID, ds.SOPInstanceUID, str(ExplicitVRLittleEndian)) + encoded(ds)
        )
        paths.append(str(path))
    return paths


def _storescu(port: int, paths: list[str]) -> subprocess.CompletedProcess[bytes]:
    command = [need("storescu"), "-aec", "CARTRIAGE", "127.0.0.1", str(port), *paths]
    return subprocess.run(
        command, check=False, capture_output=True, timeout=60, env={**os.environ, "TCP_NODELAY": "1"}
    )


def test_dcmtk_stores_here(listen, settings: Settings, store: Store, tmp_path: Path):
    paths = write_files(tmp_path, [mr_slice(n) for n in range(1, 21)])
    with listen(settings) as node:
        for _ in range(2):
            assert _storescu(node.port, paths).returncode == 0
    assert len(stored(store)) == 20


@contextmanager
def _node_process(settings: Settings) -> Iterator[tuple[subprocess.Popen, int]]:
    script = (
        "import threading; from service.node import run_node; from service.settings import Settings; "
        "run_node(Settings(), threading.Event())"
    )
    place = settings.data / NODE_FILE
    place.unlink(missing_ok=True)
    variables = {
        "CARTRIAGE_DATA": str(settings.data),
        "CARTRIAGE_PORT": "0",
        "CARTRIAGE_DISK_WATERMARK_MB": "0",
    }
    process = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, **variables})
    pause = threading.Event()
    try:
        while not place.exists():
            assert process.poll() is None
            pause.wait(0.02)
        yield process, json.loads(place.read_text())["port"]
    finally:
        process.kill()
        process.wait(20)


def test_a_large_object_costs_no_memory(settings: Settings, store: Store):
    """60 MB here; `make bench-ingest` tells of 500 MB."""
    ds = mr_slice(PixelData=bytes(60_000_000))
    with _node_process(settings) as (process, port):
        before = _resident_mb(process.pid)
        with associated(port) as assoc:
            assert assoc.send_c_store(with_meta(ds)).Status == 0x0000
        assert _resident_mb(process.pid) - before < 20
    assert stored(store) == [ds.SOPInstanceUID]


def _resident_mb(pid: int) -> float:
    """Its peak."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1000


def test_a_node_killed_in_mid_association_loses_and_doubles_nothing(settings: Settings, store: Store):
    acknowledged = []
    with _node_process(settings) as (process, port), associated(port) as assoc:
        for number in range(30):
            if number == 12:
                threading.Timer(0.01, os.kill, (process.pid, signal.SIGKILL)).start()
            ds = mr_slice(number)
            try:
                status = assoc.send_c_store(with_meta(ds))
            except RuntimeError:  # the association is gone: the sender knows
                break
            if "Status" not in status:
                break
            acknowledged.append(str(ds.SOPInstanceUID))
    assert 12 <= len(acknowledged) < 30
    assert set(acknowledged) <= set(stored(store))
    with _node_process(settings) as (_, port), associated(port) as assoc:
        for number in range(30):
            assert assoc.send_c_store(with_meta(mr_slice(number))).Status == 0x0000
    assert len(stored(store)) == 30
