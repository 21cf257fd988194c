import ssl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    HTJ2K,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom import AE
from pynetdicom.sop_class import Verification
from sqlalchemy import select

from service.accepted import storage_classes, why_refused
from service.errors import RefusedError
from service.settings import Settings
from service.store.session import Store
from service.store.tables import AuditEvent, Instance
from tests.peers import need
from tests.service.conftest import MR_IMAGE_STORAGE, NOON, encoded, mr_slice, received
from tests.service.test_node import write_files
from tests.service.test_receiving import left_over
from tests.service.wire import command, connected, pdu, pdv, status

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("swept"),
]

CT, ENHANCED_MR, LEGACY_MR = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("2", "4.1", "4.4"))


@pytest.mark.parametrize(
    ("peers", "title", "address", "reason"),
    [
        (("MR1",), "MR1", "10.9.9.9", ""),
        (("MR1",), "MR2", "10.9.9.9", "calling AE title not recognised"),
        (("MR1@10.1.2.3",), "MR1", "10.1.2.3", ""),
        (("MR1@10.1.2.3",), "MR1", "10.1.2.4", "calling AE title not recognised from this address"),
        (("MR1@10.1.2.3", "MR1@10.2.0.0/16"), "MR1", "10.2.7.7", ""),
        (("MR1@10.1.2.3",), "MR1", "::ffff:10.1.2.3", ""),
        (("MR1@fd00::/8",), "MR1", "fd00::1", ""),
        (("MR1@fd00::/8",), "MR1", "10.1.2.3", "calling AE title not recognised from this address"),
        ((), "MR1", "10.1.2.3", "calling AE title not recognised"),
    ],
)
def test_a_caller_needs_its_title_and_its_address(
    peers: tuple[str, ...], title: str, address: str, reason: str
):
    assert why_refused(title, address, Settings(host="0.0.0.0", peers=peers)) == reason  # noqa: S104


@pytest.mark.parametrize("peer", ["MR1@nowhere", "@10.1.2.3", "MR1@10.1.2.3/99"])
def test_a_malformed_peer_is_told_at_the_start(peer: str):
    with pytest.raises(ValidationError):
        Settings(peers=(peer,))


def test_a_known_title_from_another_address_is_rejected_and_audited(listen, settings: Settings, store: Store):
    elsewhere = settings.model_copy(update={"peers": ("SCANNER@10.1.2.3",)})
    with listen(elsewhere) as node:
        ae = AE("SCANNER")
        ae.add_requested_context(Verification)
        assert ae.associate("127.0.0.1", node.port, ae_title="CARTRIAGE").is_rejected
    with store.reading() as session:
        (line,) = session.scalars(select(AuditEvent))
    assert line.detail["reason"] == "calling AE title not recognised from this address"
    assert line.detail["address"] == "127.0.0.1"


def test_storage_classes_are_groups_and_single_uids():
    assert {MR_IMAGE_STORAGE, ENHANCED_MR, LEGACY_MR} <= storage_classes(["MR"])
    assert storage_classes(["MR", CT]) - storage_classes(["MR"]) == {CT}
    assert storage_classes(["CT", "MR", "SR", "SEG", "SC", "PET"]) <= storage_classes(["ALL"])
    with pytest.raises(ValueError, match="no group"):
        storage_classes(["ULTRASOUND"])


def accepted(port: int, *proposed: tuple[str, str]) -> list[tuple[str, str]]:
    ae = AE("SCANNER")
    for sop_class, syntax in proposed:
        ae.add_requested_context(sop_class, syntax)
    assoc = ae.associate("127.0.0.1", port, ae_title="CARTRIAGE")
    found = [(str(one.abstract_syntax), str(one.transfer_syntax[0])) for one in assoc.accepted_contexts]
    assoc.release()
    return found


def test_mr_classes_are_accepted_and_ct_only_if_configured(listen, settings: Settings):
    asked = [(uid, str(ExplicitVRLittleEndian)) for uid in (MR_IMAGE_STORAGE, ENHANCED_MR, LEGACY_MR, CT)]
    with listen(settings) as node:
        assert accepted(node.port, *asked) == asked[:3]
    with listen(settings.model_copy(update={"storage_classes": ("CT",)})) as node:
        assert accepted(node.port, *asked) == asked[3:]


def test_a_private_class_is_not_accepted(listen, settings: Settings):
    asked = [("1.3.46.670589.5.0.1", str(ImplicitVRLittleEndian)), (MR_IMAGE_STORAGE, str(RLELossless))]
    with listen(settings) as node:
        assert accepted(node.port, *asked) == asked[1:]


@pytest.mark.parametrize(
    "syntax", [RLELossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, HTJ2KLossless, HTJ2K]
)
def test_compressed_objects_are_stored_as_they_come(listen, settings: Settings, store: Store, syntax: str):
    ds = mr_slice(PixelData=b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\x04\x00\x00\x00abcd")
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    with listen(settings) as node:
        ae = AE("SCANNER")
        ae.add_requested_context(MR_IMAGE_STORAGE, syntax)
        assoc = ae.associate("127.0.0.1", node.port, ae_title="CARTRIAGE")
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = syntax
        assert assoc.send_c_store(ds).Status == 0
        assoc.release()
    with store.reading() as session:
        instance = session.scalars(select(Instance)).one()
    assert instance.transfer_syntax_uid == syntax
    assert b"abcd" in (settings.files / instance.path).read_bytes()[-20:]


@dataclass(frozen=True)
class Bad:
    """An object that must be refused."""

    what: str
    status: int
    changes: dict[str, str | None] = field(default_factory=dict)
    uid: str = str(mr_slice().SOPInstanceUID)
    cut: int = 0
    sop_class: bytes = b"1.2.840.10008.5.1.4.1.1.4\0"


@pytest.mark.parametrize(
    "bad",
    [
        Bad("another class than its context's", 0x0122, sop_class=b"1.2.840.10008.5.1.4.1.1.2\0"),
        Bad("no UID", 0x0117, uid="1..2"),
        Bad("cut off", 0xC000, cut=20),
        Bad("an image without pixels", 0xA900, {"PixelData": None}),
        Bad("another instance", 0xA900, {"SOPInstanceUID": "1.2.3"}),
        Bad("no series", 0xC010, {"SeriesInstanceUID": None}),
    ],
    ids=lambda bad: bad.what,
)
def test_each_refusal_has_its_status_and_its_line_in_the_trail(listen, settings, store: Store, bad: Bad):
    content = encoded(mr_slice(**bad.changes))
    request = command(bad.uid).replace(b"1.2.840.10008.5.1.4.1.1.4\0", bad.sop_class)
    with listen(settings) as node, connected(node.port) as peer:
        peer.sendall(pdu(pdv(request, 3), pdv(content[: len(content) - bad.cut], 2)))
        assert status(peer) == bad.status
    assert left_over(settings) == []
    with store.reading() as session:
        assert session.scalars(select(Instance)).all() == []
        (line,) = session.scalars(select(AuditEvent))
    assert (line.event, line.detail["status"]) == ("instance_refused", f"0x{bad.status:04X}")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    """An authority, a certificate for the node, one for a scanner, and one of an authority that nobody knows."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments: str) -> None:
        subprocess.run([need("openssl"), *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for authority in ("hospital", "stranger"):
        openssl(
            "req",
            "-x509",
            *key,
            "-keyout",
            f"{authority}.key",
            "-out",
            f"{authority}.pem",
            "-subj",
            f"/CN={authority}",
        )
    for name, authority in (("node", "hospital"), ("scanner", "hospital"), ("thief", "stranger")):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=localhost")
        openssl(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            "-CA",
            f"{authority}.pem",
            "-CAkey",
            f"{authority}.key",
            "-out",
            f"{name}.pem",
        )
    return folder


def tls_settings(settings: Settings, folder: Path) -> Settings:
    return settings.model_copy(
        update={
            "tls_certificate": folder / "node.pem",
            "tls_key": folder / "node.key",
            "tls_authorities": folder / "hospital.pem",
        }
    )


def echoes(
    port: int, folder: Path, name: str | None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> bool:
    context = ssl.create_default_context(cafile=folder / "hospital.pem")
    context.check_hostname = False
    context.maximum_version = version
    if name:
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    ae = AE("SCANNER")
    ae.acse_timeout = ae.network_timeout = 5
    ae.add_requested_context(Verification)
    assoc = ae.associate("127.0.0.1", port, ae_title="CARTRIAGE", tls_args=(context, "localhost"))
    if not assoc.is_established:
        return False
    answer = assoc.send_c_echo()
    assoc.release()
    return answer.Status == 0


def test_with_tls_only_a_peer_with_a_known_certificate_gets_in(
    listen, settings: Settings, certificates: Path
):
    with listen(tls_settings(settings, certificates)) as node:
        assert echoes(node.port, certificates, "scanner")
        assert echoes(node.port, certificates, "scanner", ssl.TLSVersion.TLSv1_2)
        assert not echoes(node.port, certificates, "thief")
        assert not echoes(node.port, certificates, None)
        plain = AE("SCANNER")
        plain.acse_timeout = 5
        plain.add_requested_context(Verification)
        assert not plain.associate("127.0.0.1", node.port, ae_title="CARTRIAGE").is_established


def test_dcmtk_sends_over_tls(listen, settings: Settings, store: Store, certificates: Path, tmp_path: Path):
    paths = write_files(tmp_path, [mr_slice(number) for number in range(1, 4)])
    identity = ("+tls", str(certificates / "scanner.key"), str(certificates / "scanner.pem"))
    trust = ("+cf", str(certificates / "hospital.pem"))
    with listen(tls_settings(settings, certificates)) as node:
        sender = [
            need("storescu"),
            *identity,
            *trust,
            "-aec",
            "CARTRIAGE",
            "localhost",
            str(node.port),
            *paths,
        ]
        assert subprocess.run(sender, check=False, timeout=60, capture_output=True).returncode == 0
    with store.reading() as session:
        assert len(session.scalars(select(Instance)).all()) == 3


def test_half_a_tls_configuration_is_told_at_the_start(certificates: Path):
    with pytest.raises(ValidationError, match="TLS needs"):
        Settings(tls_certificate=certificates / "node.pem")


def test_the_disk_alarm_is_raised_once_and_lifted_once(intake, store: Store):
    intake.disk.watermark_mb = 10**9
    for number in (1, 2):
        with pytest.raises(RefusedError):
            intake.take(received(mr_slice(number)), NOON)
    intake.disk.watermark_mb = 0
    intake.take(received(mr_slice()), NOON)
    with store.reading() as session:
        events = list(session.scalars(select(AuditEvent.event).order_by(AuditEvent.id)))
    assert events == [
        "disk_alarm",
        "instance_refused",
        "instance_refused",
        "disk_alarm_over",
        "instance_stored",
    ]
