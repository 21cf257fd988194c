"""STOW-RS into the intake: as httpx sends it, as Orthanc's DICOMweb plugin does, and as it must not come."""

import gc
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from pydicom import dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy import select

from service.destinations import StowDestination
from service.dicomweb.body import Body, Target
from service.dicomweb.part10 import read_head
from service.dicomweb.server import run_dicomweb
from service.environment import environment_of
from service.processes import planned
from service.runners import DICOMWEB
from service.settings import DICOMWEB_FILE, Settings
from service.store.tables import AuditEvent, Instance
from tests.peers import need_file
from tests.service.conftest import MR_IMAGE_STORAGE, STUDY, mr_slice
from tests.walk.orthanc import free_port, running_orthanc

_DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
TOKEN = "a token that nobody guesses"  # noqa: S105 - of nobody
TYPE = 'multipart/related; type="application/dicom"; boundary=edge'


def file_of(ds):
    """The bytes of a DICOM file."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def dataset_of(file):
    return file[read_head(file).length :]


def body_of(*files, kind="application/dicom"):
    parts = [b"--edge\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + file + b"\r\n" for file in files]
    return b"".join(parts) + b"--edge--\r\n"


def post(base, body, path="/studies", **headers):
    named = {"Content-Type": TYPE} | {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(base + path, content=body, headers=named, timeout=20)


@contextmanager
def serving(settings):
    stop = threading.Event()
    given = settings.model_copy(update={"dicomweb_port": settings.dicomweb_port or 0})
    thread = threading.Thread(target=run_dicomweb, args=(given, stop), daemon=True)
    thread.start()
    place = settings.data / DICOMWEB_FILE
    while not place.exists():
        assert thread.is_alive()
        time.sleep(0.02)
    scheme = "https" if settings.tls_certificate else "http"
    try:
        yield f"{scheme}://127.0.0.1:{json.loads(place.read_text())['port']}/dicom-web"
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def base(settings):
    with serving(settings) as url:
        yield url


def rows(store):
    with store.reading() as session:
        return session.scalars(select(Instance).order_by(Instance.id)).all()


def events(store):
    with store.reading() as session:
        return [one.event for one in session.scalars(select(AuditEvent).order_by(AuditEvent.id))]


def failures(answer):
    found = answer.json().get("00081198", {}).get("Value", [])
    return {one["00081155"]["Value"][0]: one["00081197"]["Value"][0] for one in found}


def test_what_is_answered_with_200_has_its_bytes_its_row_and_its_place_in_the_answer(base, settings, store):
    slices = [mr_slice(1), mr_slice(2, series=2)]
    answer = post(base, body_of(*map(file_of, slices)))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom+json")
    stored = answer.json()["00081199"]["Value"]
    assert [one["00081155"]["Value"] for one in stored] == [[ds.SOPInstanceUID] for ds in slices]
    assert [one["00081150"]["Value"] for one in stored] == [[MR_IMAGE_STORAGE]] * 2
    assert "00081198" not in answer.json()
    for row, ds in zip(rows(store), slices, strict=True):
        assert (row.sop_instance_uid, row.calling_ae_title) == (ds.SOPInstanceUID, "STOW")
        kept = (settings.files / row.path).read_bytes()
        assert dataset_of(kept) == dataset_of(file_of(ds))
    # Once more: nothing twice. Other bytes under the same UID: kept beside, flagged, as over C-STORE.
    assert post(base, body_of(file_of(slices[0]))).status_code == 200
    assert post(base, body_of(file_of(mr_slice(1, PatientComments="changed")))).status_code == 200
    assert [row.is_conflict for row in rows(store)] == [False, False, True]
    assert events(store)[-2:] == ["instance_repeated", "instance_conflict"]


def test_each_object_has_its_own_reason_and_the_status_says_how_many_were_taken(base, store):
    good, other = mr_slice(1), mr_slice(1, study="1.2.3")
    ct = mr_slice(2, SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    odd = file_of(mr_slice(3)).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0")
    cut = file_of(mr_slice(4))[:-10]
    answer = post(base, body_of(*map(file_of, (good, other, ct)), odd, cut), f"/studies/{STUDY}")
    assert answer.status_code == 202
    assert failures(answer) == {
        other.SOPInstanceUID: 0xA901,
        ct.SOPInstanceUID: 0x0122,
        mr_slice(3).SOPInstanceUID: 0xC122,
        mr_slice(4).SOPInstanceUID: 0xC000,
    }
    assert [row.sop_instance_uid for row in rows(store)] == [good.SOPInstanceUID]
    assert events(store).count("instance_refused") == 4
    assert post(base, body_of(file_of(other)), f"/studies/{STUDY}").status_code == 409
    junk = post(base, body_of(b"no DICOM file at all" * 20, b"short"))
    assert junk.status_code == 409
    assert [one["00081197"]["Value"] for one in junk.json()["0008119A"]["Value"]] == [[0xC000]] * 2


def test_a_full_disk_is_busy_and_says_when_to_come_again(settings, store):
    with serving(settings.model_copy(update={"disk_watermark_mb": 1 << 40})) as base:
        answer = post(base, body_of(file_of(mr_slice())))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert failures(answer) == {mr_slice().SOPInstanceUID: 0xA700}


def test_what_is_no_store_request_is_refused_with_its_status(base, store):
    good = body_of(file_of(mr_slice()))
    assert post(base, good, Content_Type="application/dicom").status_code == 415
    assert post(base, good, Content_Type=TYPE.replace("dicom", "dicom+xml")).status_code == 415
    assert post(base, good, Content_Type='multipart/related; type="application/dicom"').status_code == 415
    assert post(base, good, Accept="application/dicom+xml").status_code == 406
    assert post(base, good, "/studies/x").status_code == 400
    assert post(base, b"--edge--\r\n").status_code == 400
    assert post(base, b"no multipart").status_code == 400
    assert httpx.get(base + "/studies").status_code == 405
    assert rows(store) == []
    # A body that ends too soon: what came whole is kept, and told.
    answer = post(
        base, good[: -len(b"--edge--\r\n")] + b"--edge\r\nContent-Type: application/dicom\r\n\r\nhalf"
    )
    assert answer.status_code == 400
    assert len(answer.json()["00081199"]["Value"]) == 1


def test_only_a_known_token_gets_in_and_its_sender_stands_in_the_row(settings, store):
    senders = [{"ae_title": "MR7", "token": TOKEN}, {"ae_title": "MR8", "token": TOKEN[::-1]}]
    given = Settings.model_validate(settings.model_dump() | {"dicomweb_senders": senders})
    body = body_of(file_of(mr_slice()))
    with serving(given) as base:
        assert post(base, body).status_code == 401
        assert post(base, body, Authorization="Bearer wrong").status_code == 401
        assert post(base, body, Authorization=f"Basic {TOKEN}").status_code == 401
        assert rows(store) == []
        assert post(base, body, Authorization=f"Bearer {TOKEN[::-1]}").status_code == 200
    assert [row.calling_ae_title for row in rows(store)] == ["MR8"]
    assert events(store).count("association_rejected") == 3


def test_off_loopback_it_does_not_start_without_tokens_and_tls(settings):
    open_to_all = settings.model_dump() | {"dicomweb_port": 0, "dicomweb_host": "0.0.0.0"}  # noqa: S104
    with pytest.raises(ValueError, match="dicomweb_senders"):
        Settings.model_validate(open_to_all)


def test_a_client_that_dies_stalls_or_never_asks_leaves_nothing_and_takes_no_place(settings, store):
    hasty = settings.model_copy(update={"network_timeout_s": 0.5, "maximum_associations": 3})
    body = body_of(file_of(mr_slice()))
    head = f"POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nContent-Type: {TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    with serving(hasty) as base:
        port = httpx.URL(base).port
        with socket.create_connection(("127.0.0.1", port), 10) as stalled:
            stalled.sendall(head.encode() + body[:-50])
            stalled.settimeout(10)
            assert b"408" in stalled.recv(100)
        with socket.create_connection(("127.0.0.1", port), 10) as dying:
            dying.sendall(head.encode() + body[:-50])
        silent = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(3)]
        for one in silent:
            one.settimeout(10)
            assert one.recv(1) == b"", "the silent are sent away"
            one.close()
        assert list((settings.files / "incoming").glob("*")) == []
        assert post(base, body).status_code == 200
    assert len(rows(store)) == 1


def test_the_same_mutual_tls_as_the_nodes_guards_it(settings, store, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
    ]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    tls = {"tls_certificate": certificate, "tls_key": key, "tls_authorities": certificate}
    context = ssl.create_default_context(cafile=certificate)
    body = body_of(file_of(mr_slice()))
    with serving(settings.model_copy(update=tls)) as base:
        with pytest.raises(httpx.TransportError):
            httpx.post(base + "/studies", content=body, headers={"Content-Type": TYPE}, verify=context)
        context.load_cert_chain(certificate, key)
        answer = httpx.post(base + "/studies", content=body, headers={"Content-Type": TYPE}, verify=context)
    assert answer.status_code == 200
    gc.collect()


def test_pieces_of_any_size_make_the_same_object(intake, store):
    body = body_of(file_of(mr_slice(1)), file_of(mr_slice(2, PixelData=b"\r\n--edg" * 8)))
    for size in (1, 7, 64, len(body)):
        taken = Body(Target(intake, frozenset({MR_IMAGE_STORAGE}), "STOW", ""), "edge")
        for at in range(0, len(body), size):
            taken.feed(body[at : at + size])
        assert taken.is_whole
        assert [one.refusal for one in taken.outcomes] == [None, None]
    assert len(rows(store)) == 2


def test_orthanc_stores_here_over_the_web(settings, store, tmp_path):
    given = Settings.model_validate(
        settings.model_dump() | {"dicomweb_senders": [{"ae_title": "PACS", "token": TOKEN}]}
    )
    with serving(given) as base:
        server = {"Url": f"{base}/", "HttpHeaders": {"Authorization": f"Bearer {TOKEN}"}}
        more = {
            "Plugins": [str(need_file(Path(_DICOMWEB)))],
            "DicomWeb": {"Enable": True, "Servers": {"node": server}},
        }
        with running_orthanc(tmp_path, **more) as orthanc:
            for number in (1, 2, 3):
                path = tmp_path / f"{number}.dcm"
                path.write_bytes(file_of(mr_slice(number)))
                orthanc.upload(path)
            study = orthanc.json("/studies")[0]
            orthanc.post("/dicom-web/servers/node/stow", {"Resources": [study], "Synchronous": True})
    assert [row.calling_ae_title for row in rows(store)] == ["PACS"] * 3


def test_secrets_reach_the_processes_that_need_them(settings, monkeypatch):
    pacs = StowDestination(name="pacs", kind="stow", url="http://pacs", token=TOKEN)
    given = settings.model_copy(update={"destinations": (pacs,)})
    for name, value in environment_of(given).items():
        if name.startswith("CARTRIAGE_"):
            monkeypatch.setenv(name, value)
    assert Settings() == given


def test_a_large_object_over_the_web_costs_no_memory(settings, store, tmp_path):
    """60 MB, in a process of its own, so that nothing else is measured."""
    script = tmp_path / "serve.py"
    script.write_text(
        "import signal, sys, threading\n"
        "from service.dicomweb.server import run_dicomweb\n"
        "from service.settings import Settings\n"
        "stop = threading.Event()\n"
        "signal.signal(signal.SIGTERM, lambda *_: stop.set())\n"
        "run_dicomweb(Settings(), stop)\n"
        "print(open('/proc/self/status').read())\n"
    )
    environment = {"CARTRIAGE_DATA": str(settings.data), "CARTRIAGE_DICOMWEB_PORT": str(free_port())}
    environment |= {"CARTRIAGE_DISK_WATERMARK_MB": "0", "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, text=True
    )
    place = settings.data / DICOMWEB_FILE
    while not place.exists():
        assert process.poll() is None
        time.sleep(0.05)
    content = body_of(file_of(mr_slice(PixelData=b"\7" * 60_000_000)))
    base = f"http://127.0.0.1:{json.loads(place.read_text())['port']}/dicom-web"
    assert post(base, content).status_code == 200
    process.terminate()
    told, _ = process.communicate(timeout=20)
    peak_kb = int(told.partition("VmHWM:")[2].split()[0])
    assert peak_kb < 150 * 1024
    assert rows(store)[0].size_bytes > 60_000_000


def test_the_process_runs_only_where_a_port_is_set(settings):
    assert DICOMWEB not in {one.name for one in planned(settings, has_worker=False)}
    given = settings.model_copy(update={"dicomweb_port": 0})
    assert DICOMWEB in {one.name for one in planned(given, has_worker=False)}
