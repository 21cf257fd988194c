"""The protocol as bytes: a sender that can say anything, at any speed."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, MaximumLengthNotification
from pynetdicom.presentation import build_context

from tests.service.conftest import MR_IMAGE_STORAGE

VERIFICATION = "1.2.840.10008.1.1"
WAIT_S = 10.0


@cache
def association_request() -> bytes:
    """An A-ASSOCIATE-RQ for MR images (context 1) and verification (context 3)."""
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = "SCANNER", "CARTRIAGE"
    length = MaximumLengthNotification()
    length.maximum_length_received = 64
    request.user_information = [length]
    contexts = [build_context(uid, ExplicitVRLittleEndian) for uid in (MR_IMAGE_STORAGE, VERIFICATION)]
    for number, context in zip((1, 3), contexts, strict=True):
        context.context_id = number
    request.presentation_context_definition_list = contexts
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(request)
    return bytes(pdu.encode())


def element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0, number, len(value)) + value


def command(uid: str, field: int = 0x0001, data_type: int = 0) -> bytes:
    sop = MR_IMAGE_STORAGE if field == 0x0001 else VERIFICATION
    return b"".join(
        element(number, value)
        for number, value in (
            (0x0002, sop.encode() + b"\0" * (len(sop) % 2)),
            (0x0100, struct.pack("<H", field)),
            (0x0110, struct.pack("<H", 7)),
            (0x0800, struct.pack("<H", data_type if field == 0x0001 else 0x0101)),
            (0x1000, uid.encode() + b"\0" * (len(uid) % 2)),
        )
    )


def pdv(data: bytes, control: int, context: int = 1) -> bytes:
    return struct.pack(">IBB", len(data) + 2, context, control) + data


def pdu(*values: bytes) -> bytes:
    body = b"".join(values)
    return struct.pack(">BBI", 4, 0, len(body)) + body


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as peer:
        peer.sendall(association_request())
        assert answer(peer)[0] == 2
        yield peer


def answer(peer: socket.socket) -> tuple[int, bytes]:
    """Type and body of the next PDU; type 0 if the connection is closed."""
    head = exactly(peer, 6)
    if len(head) < 6:
        return 0, b""
    return head[0], exactly(peer, int.from_bytes(head[2:], "big"))


def exactly(peer: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        try:
            piece = peer.recv(count - len(got))
        except ConnectionResetError:
            break
        if not piece:
            break
        got += piece
    return got


def status(peer: socket.socket) -> int:
    """Status of the next response, which may come in several PDUs."""
    content = b""
    while True:
        kind, body = answer(peer)
        assert kind == 4
        content += body[6:]
        if body[5] & 2:
            break
    at = content.index(b"\x00\x00\x00\x09\x02\x00\x00\x00")
    return int.from_bytes(content[at + 8 : at + 10], "little")


def echo() -> bytes:
    return pdu(pdv(command("", field=0x0030), 3, context=3))
