"""DICOM audit messages read by a real rsyslogd, over UDP and through mutual TLS."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.audit_feed.message import Action, Code, Message, Participant, patient, xml_of
from service.audit_feed.syslog import MSGID, NotTakenError, Receiver, framed, send
from service.destinations import Tls
from tests.peers import need
from tests.service.audit_messages import closed_port, patients, valid
from tests.service.conftest import NOON
from tests.walk.house import wait_for

CONFIG = """module(load="imudp")
module(load="imtcp")
global(workDirectory="{folder}" maxMessageSize="64k")
template(name="whole" type="string" string="%pri% %app-name% %msgid% %msg%\\n")
input(type="imudp" address="127.0.0.1" port="{udp}")
input(type="imtcp" address="127.0.0.1" port="{tcp}" SupportOctetCountedFraming="on")
action(type="omfile" file="{folder}/out.log" template="whole")
"""


class Rsyslog:
    """A real rsyslogd of our own, unprivileged, on free ports."""

    def __init__(self, folder: Path) -> None:
        self.udp, self.tcp, self.log = closed_port(), closed_port(), folder / "out.log"
        config = folder / "rsyslog.conf"
        config.write_text(CONFIG.format(folder=folder, udp=self.udp, tcp=self.tcp))
        command = [need("rsyslogd"), "-n", "-f", str(config), "-i", str(folder / "pid")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.tcp)) == 0

    def lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[Rsyslog]:
    folder = tmp_path / "rsyslog"
    folder.mkdir()
    made = Rsyslog(folder)
    try:
        wait_for(made.listens, 15, "rsyslogd")
        yield made
    finally:
        made.process.terminate()
        made.process.wait(20)


def some(count: int) -> list[bytes]:
    """Messages of which some fail and all hold what is not ASCII."""
    found = []
    for number in range(count):
        failure = "nein" if number % 2 else ""
        message = Message(
            Code.INSTANCES_ACCESSED,
            Action.READ,
            NOON,
            (Participant("müller"),),
            (patient(str(number), "Ä^Ö"),),
            failure=failure,
        )
        found.append(framed(xml_of(message, "us"), is_failure=bool(failure), now=NOON))
    return found


def check(lines: list[str]) -> None:
    for number, line in enumerate(lines):
        pri, app, msgid, text = line.split(" ", 3)
        assert (pri, app, msgid) == ("84" if number % 2 else "85", "cartriage", MSGID)
        message = valid(text.lstrip("\ufeff").encode())
        assert patients(message) == [str(number)]
        assert message.find("ActiveParticipant").get("UserID") == "müller"


def test_rsyslog_reads_them_over_udp(rsyslog: Rsyslog):
    send(some(5), Receiver("127.0.0.1", rsyslog.udp, None))
    wait_for(lambda: len(rsyslog.lines()) == 5, 15, "five lines")
    check(rsyslog.lines())


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for this machine that signs itself, and its key."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = [
        *(need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        *("-keyout", str(key), "-out", str(certificate)),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def tls_port(rsyslog: Rsyslog, authority: tuple[Path, Path]) -> Iterator[int]:
    """Mutual TLS in front of rsyslogd's octet-counted stream, as its TLS driver is a package of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, authority))
    context.load_verify_locations(str(authority[0]))
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        thread = threading.Thread(target=_pass_on, args=(server, context, rsyslog.tcp))
        thread.start()
        yield server.getsockname()[1]
        thread.join(20)


def _pass_on(server: socket.socket, context: ssl.SSLContext, port: int) -> None:
    plain, _ = server.accept()
    with plain:
        try:
            secured = context.wrap_socket(plain, server_side=True)
        except ssl.SSLError:
            return
        with secured, socket.create_connection(("127.0.0.1", port)) as behind:
            while data := secured.recv(65536):
                behind.sendall(data)
            secured.unwrap().close()


def test_rsyslog_reads_them_through_tls_by_octet_count(rsyslog: Rsyslog, tls_port: int, authority):
    certificate, key = authority
    send(some(40), Receiver("127.0.0.1", tls_port, Tls(ca=certificate, certificate=certificate, key=key)))
    wait_for(lambda: len(rsyslog.lines()) == 40, 15, "forty lines")
    check(rsyslog.lines())


def test_a_receiver_that_does_not_trust_us_has_taken_nothing(rsyslog: Rsyslog, tls_port: int, authority):
    with pytest.raises(NotTakenError):
        send(some(1), Receiver("127.0.0.1", tls_port, Tls(ca=authority[0])))
    assert rsyslog.lines() == []


def test_a_receiver_that_is_not_trusted_gets_nothing(rsyslog: Rsyslog, tls_port: int):
    with pytest.raises(NotTakenError, match="CERTIFICATE_VERIFY_FAILED"):
        send(some(1), Receiver("127.0.0.1", tls_port, Tls()))
    assert rsyslog.lines() == []
