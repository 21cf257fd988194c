import socket
import struct
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import select, text

from service.dimse import pdus_of, read_command, store_response
from service.settings import Settings
from service.store.session import Store
from service.store.tables import AuditEvent, Instance
from service.upper_layer import NEWS_S
from tests.service.conftest import encoded, mr_slice
from tests.service.wire import WAIT_S, answer, association_request, command, connected, pdu, pdv, status


def stored(store: Store) -> list[str]:
    with store.reading() as session:
        return sorted(session.scalars(select(Instance.sop_instance_uid)))


def left_over(settings: Settings) -> list[Path]:
    return list((settings.files / "incoming").glob("*"))


def test_an_object_in_tiny_fragments_over_many_pdus_is_stored(listen, settings: Settings, store: Store):
    ds = mr_slice()
    content, request = encoded(ds), command(ds.SOPInstanceUID)
    with listen(settings) as node, connected(node.port) as peer:
        peer.sendall(pdu(pdv(request[:10], 1)) + pdu(pdv(request[10:], 3), pdv(content[:5], 0)))
        for at in range(5, len(content), 40):
            part = content[at : at + 40]
            peer.sendall(pdu(pdv(part, 2 if at + 40 >= len(content) else 0)))
        assert status(peer) == 0
        assert stored(store) == [ds.SOPInstanceUID]


def test_requests_that_are_sent_without_waiting_are_all_answered(listen, settings: Settings, store: Store):
    slices = [mr_slice(number) for number in range(1, 6)]
    echo = pdu(pdv(command("", field=0x0030), 3, context=3))
    with listen(settings) as node, connected(node.port) as peer:
        peer.sendall(b"".join(pdu(pdv(command(ds.SOPInstanceUID), 3), pdv(encoded(ds), 2)) for ds in slices))
        assert [status(peer) for _ in slices] == [0] * 5
        peer.sendall(echo)
        assert status(peer) == 0
    assert len(stored(store)) == 5


def test_after_a_refusal_the_rest_of_the_object_is_read_and_the_next_is_stored(
    listen, settings, store: Store
):
    small = settings.model_copy(update={"object_limit_mb": 1})
    big, good = mr_slice(1, PixelData=b"\0" * 3_000_000), mr_slice(2)
    content = encoded(big)
    with listen(small) as node, connected(node.port) as peer:
        peer.sendall(pdu(pdv(command(big.SOPInstanceUID), 3)))
        for at in range(0, len(content), 100_000):
            part = content[at : at + 100_000]
            peer.sendall(pdu(pdv(part, 2 if at + 100_000 >= len(content) else 0)))
        assert status(peer) == 0xA700
        peer.sendall(pdu(pdv(command(good.SOPInstanceUID), 3), pdv(encoded(good), 2)))
        assert status(peer) == 0
    assert stored(store) == [good.SOPInstanceUID]
    assert left_over(settings) == []
    with store.reading() as session:
        refused = session.scalars(select(AuditEvent).where(AuditEvent.event == "instance_refused")).one()
    assert "larger" in refused.detail["reason"]


def test_a_sender_that_dies_in_mid_object_leaves_nothing(listen, settings: Settings, store: Store):
    ds = mr_slice()
    content = encoded(ds)
    with listen(settings) as node:
        for cut in (10, 200):
            with connected(node.port) as peer:
                message = pdu(pdv(command(ds.SOPInstanceUID), 3)) + pdu(pdv(content[:300], 0))
                peer.sendall(message[:-cut])
        await_(lambda: left_over(settings) == [])
        with connected(node.port) as peer:
            peer.sendall(pdu(pdv(command(ds.SOPInstanceUID), 3), pdv(content, 2)))
            assert status(peer) == 0
    assert stored(store) == [ds.SOPInstanceUID]


def test_a_sender_that_only_trickles_is_ended(listen, settings: Settings):
    strict = settings.model_copy(update={"message_timeout_s": 0.5})
    with listen(strict) as node, connected(node.port) as peer:
        peer.sendall(pdu(pdv(command("1.2.3"), 3)))
        body = pdu(pdv(b"\0" * 1000, 0))
        began = time.monotonic()
        assert any(is_refused(peer, body[at : at + 1]) for at in range(len(body)))
        assert time.monotonic() - began < WAIT_S
    assert left_over(settings) == []


def test_a_silent_sender_is_ended(listen, settings: Settings):
    strict = settings.model_copy(update={"network_timeout_s": 0.5})
    with listen(strict) as node, connected(node.port) as peer:
        peer.sendall(pdu(pdv(command("1.2.3"), 3))[:20])  # half-open: the rest never comes
        assert answer(peer)[0] in (0, 7)


def test_a_sender_that_waits_for_a_slow_database_is_not_idle(listen, settings: Settings, store: Store):
    hasty = settings.model_copy(update={"network_timeout_s": 0.5})
    ds = mr_slice()
    with listen(hasty) as node, connected(node.port) as peer:
        with store.session() as holder:
            holder.execute(text("SELECT 1"))  # holds the write lock
            peer.sendall(pdu(pdv(command(ds.SOPInstanceUID), 3), pdv(encoded(ds), 2)))
            threading.Event().wait(1.5)
        assert status(peer) == 0


def test_an_association_has_a_longest_life(listen, settings: Settings):
    strict = settings.model_copy(update={"association_timeout_s": 0.3})
    with listen(strict) as node, connected(node.port) as peer:
        assert answer(peer)[0] in (0, 7)


def test_the_end_of_its_life_waits_for_the_end_of_a_message(listen, settings: Settings, store: Store):
    strict = settings.model_copy(update={"association_timeout_s": 0.3})
    ds = mr_slice()
    content = encoded(ds)
    with listen(strict) as node, connected(node.port) as peer:
        peer.sendall(pdu(pdv(command(ds.SOPInstanceUID), 3), pdv(content[:100], 0)))
        threading.Event().wait(0.7)
        peer.sendall(pdu(pdv(content[100:], 2)))
        assert status(peer) == 0
    assert stored(store) == [ds.SOPInstanceUID]


@pytest.mark.parametrize(
    "noise",
    [
        pdu(pdv(b"\0" * 100, 2)),  # data without a command
        pdu(pdv(command("1.2.3"), 3), pdv(command("1.2.3"), 3)),  # a command in another's data
        pdu(pdv(command("1.2.3"), 3, context=9)),  # a context that was not accepted
        pdu(pdv(b"\xff" * 30, 3)),  # no command set
        struct.pack(">BBI", 4, 0, 1 << 30),  # a PDU longer than announced
        struct.pack(">BBI", 4, 0, 10)
        + struct.pack(">IBB", 100, 1, 2)
        + b"1234",  # a value longer than its PDU
        struct.pack(">BBI", 99, 0, 4) + b"1234",  # no type of PDU
    ],
    ids=["no command", "two commands", "foreign context", "junk command", "long PDU", "long value", "no PDU"],
)
def test_a_broken_protocol_ends_its_association_and_no_other(listen, settings: Settings, noise: bytes):
    with listen(settings) as node, connected(node.port) as other:
        with connected(node.port) as peer:
            peer.sendall(noise)
            assert answer(peer)[0] in (0, 7)
        other.sendall(pdu(pdv(command("", field=0x0030), 3, context=3)))
        assert status(other) == 0
    assert left_over(settings) == []


def test_a_response_fits_the_smallest_pdu_that_a_peer_takes():
    request = read_command(command("1.2.3"))
    whole = store_response(request, 0xA700)
    parts = list(pdus_of(whole, 5, 32))
    assert all(len(part) <= 32 + 6 for part in parts)
    assert b"".join(part[12:] for part in parts) == whole
    assert [part[11] for part in parts[-2:]] == [1, 3]


def await_(is_so, limit_s: float = WAIT_S) -> None:
    pause = threading.Event()
    until = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < until
        pause.wait(0.02)


def is_refused(peer: socket.socket, byte: bytes) -> bool:
    """Whether the node has ended the association, a moment after one more byte."""
    peer.settimeout(0.1)
    try:
        peer.sendall(byte)
        return peer.recv(1) in (b"", b"\x07")
    except TimeoutError:
        return False
    except OSError:
        return True


def test_an_association_is_answered_at_once(listen, settings: Settings):
    with listen(settings) as node:
        began = time.monotonic()
        for _ in range(20):
            with connected(node.port):
                pass
        assert time.monotonic() - began < 20 * NEWS_S


def test_those_who_connect_and_leave_keep_nothing_busy(listen, settings: Settings):
    with listen(settings) as node:
        before = threading.active_count()
        for said in (b"", association_request()[:50]) * 10:
            with socket.create_connection(("127.0.0.1", node.port), WAIT_S) as peer:
                peer.sendall(said)
        await_(lambda: threading.active_count() == before)
