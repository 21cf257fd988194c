"""One event that cannot be told keeps no other from being told, and waits for a person."""

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from service import audit
from service.audit_feed.feed import Patience, feed
from service.audit_feed.syslog import NotTakenError, Receiver
from service.audit_feed.trouble import NoSuchTroubleError, owe_again, retry_owed, troubles
from service.destinations import Tls
from service.settings import Settings
from service.store.desk_tables import AuditFeed, AuditFeedTrouble
from service.store.session import Store
from service.store.tables import AuditEvent
from tests.service.conftest import NOON
from tests.service.context_feed.certificates import certificates

POISON = "P" * 70_000


def tell(store: Store, *reasons: str) -> None:
    with store.session() as session:
        for reason in reasons:
            audit.record(
                session, "association_rejected", None, "SCANNER", NOON, address="10.0.0.9", reason=reason
            )


def held(store: Store) -> list[AuditFeedTrouble]:
    with store.reading() as session:
        return list(troubles(session))


def names(store: Store) -> list[str]:
    with store.reading() as session:
        return [one.event for one in session.query(AuditEvent).order_by(AuditEvent.sequence)]


def test_what_is_too_long_for_a_datagram_is_set_aside_and_the_rest_goes_on(store: Store, settings: Settings):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.2)
        receiver = Receiver("127.0.0.1", listener.getsockname()[1], None)
        feed(store, settings, receiver, NOON)
        tell(store, "first", POISON, "last")
        assert feed(store, settings, receiver, NOON) == 3
        got = b""
        with suppress(TimeoutError):
            while True:
                got += listener.recv(65535)
        assert b"first" in got
        assert b"last" in got
        (trouble,) = held(store)
        assert (trouble.sequence, trouble.reason) == (2, "Message too long")
        assert feed(store, settings, receiver, NOON) == 1
        with store.session() as session:
            owe_again(session, 2, "admin", NOON)
        retry_owed(store, settings, receiver, NOON)
        assert held(store)[0].is_owed is False
    assert names(store).count("audit_message_set_aside") == 2
    assert "audit_feed_failing" not in names(store)
    with pytest.raises(NoSuchTroubleError), store.session() as session:
        owe_again(session, 99, "admin", NOON)


def test_an_event_of_another_shape_is_set_aside_once_while_nobody_receives(store: Store, settings: Settings):
    tell(store, "first", "second")
    with store.session() as session:
        session.add(AuditFeed(id=1, sequence=0))
    with store.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_event_no_update"))
        connection.execute(text("UPDATE audit_event SET detail = '[]' WHERE sequence = 1"))
    for _ in range(3):
        with pytest.raises(NotTakenError):
            feed(store, settings, Receiver("127.0.0.1", 9, Tls()), NOON)
    assert [(one.sequence, one.reason) for one in held(store)] == [
        (1, "its messages cannot be made (AttributeError)")
    ]
    assert names(store).count("audit_message_set_aside") == 1


@contextmanager
def picky(folder: Path) -> Iterator[tuple[Receiver, list[bytes]]]:
    """A receiver over TLS that cuts the line when it is sent poison."""
    certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "us.pem", folder / "us.key")
    got: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                plain.settimeout(5)
                with suppress(OSError), context.wrap_socket(plain, server_side=True) as secured:
                    data = b""
                    while b"poison" not in data and (part := secured.recv(65536)):
                        data += part
                    if b"poison" in data:  # a reset, not an end
                        secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        continue
                    got.append(data)
                    secured.unwrap()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    tls = Tls(ca=folder / "ca.pem", is_host_checked=False)
    yield Receiver("127.0.0.1", listener.getsockname()[1], tls), got
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def test_what_a_receiver_refuses_again_and_again_is_found_and_set_aside(
    store: Store, settings: Settings, tmp_path: Path
):
    with picky(tmp_path) as (receiver, got):
        feed(store, settings, receiver, NOON)
        tell(store, "first", "poison", "last")
        patience = Patience()
        for _ in range(3):
            with pytest.raises(NotTakenError):
                feed(store, settings, receiver, NOON, patience)
        assert held(store) == []
        feed(store, settings, receiver, NOON, patience)
    assert [one.sequence for one in held(store)] == [2]
    assert b"first" in b"".join(got)
    assert b"last" in b"".join(got)
    with store.reading() as session:
        assert session.get_one(AuditFeed, 1).sequence == 4
    assert names(store)[-2:] == ["audit_message_set_aside", "audit_feed_resumed"]


def test_who_is_down_is_not_blamed_on_an_event(store: Store, settings: Settings):
    with store.session() as session:
        session.add(AuditFeed(id=1, sequence=0))
    tell(store, "first")
    patience = Patience()
    for _ in range(7):
        with pytest.raises(NotTakenError):
            feed(store, settings, Receiver("127.0.0.1", 9, Tls()), NOON, patience)
    assert held(store) == []
