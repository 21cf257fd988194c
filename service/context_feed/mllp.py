"""The receiver of HL7 v2 over MLLP (HL7 v2 implementation guide, appendix C): known senders, limits, one acknowledgement for each message."""

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import structlog

from service import audit
from service.context_feed.feed_settings import Hl7Feed
from service.context_feed.hl7_message import Header, answer, answer_later, header_of
from service.context_feed.news import Fault, FeedError
from service.context_feed.quarantine import receive
from service.context_feed.taking import ACTOR, Arrived, Registry, name_of, text_of
from service.errors import StoreUnavailableError

_START, _END = b"\x0b", b"\x1c\r"
_AT_ONCE = 65536
_TOLD_AT_MOST = 1000
_TELL_EVERY_S = 60.0
"""Refused callers of one address are told this often: a scanner of ports must not fill the trail."""

_log = structlog.get_logger(__name__)


class Receiver(socketserver.ThreadingTCPServer):
    """Listens until `shutdown`; a thread for each connection, and no more of them than the settings say."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, feed: Hl7Feed, where: Registry) -> None:
        self.feed, self.where = feed, where
        self.address_family = socket.AF_INET6 if ":" in feed.host else socket.AF_INET
        self.room = threading.BoundedSemaphore(feed.maximum_connections)
        self.turn = threading.Lock()
        self.told: dict[str, float] = {}
        self.tls = _context(feed)
        super().__init__((feed.host, feed.port), _Connection)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - as the library calls it
        """Whether the caller may speak at all, and there is room for it."""
        address = str(client_address[0])
        if not self.feed.may_call(address):
            self.refuse(address, "unknown address")
            return False
        if not self.room.acquire(blocking=False):
            self.refuse(address, "too many connections")
            return False
        return True

    def refuse(self, address: str, reason: str) -> None:
        """Tell the trail of a caller that was turned away."""
        now = time.monotonic()
        if now - self.told.get(address, -_TELL_EVERY_S) < _TELL_EVERY_S:
            return
        if len(self.told) >= _TOLD_AT_MOST:
            self.told.clear()
        self.told[address] = now
        _log.warning("context_sender_refused", reason=reason)
        try:
            with self.where.store.session() as session:
                audit.record(
                    session,
                    "context_sender_refused",
                    None,
                    ACTOR,
                    datetime.now(UTC),
                    address=address,
                    reason=reason,
                )
        except StoreUnavailableError as error:
            _log.error("audit_failed", audit_event="context_sender_refused", error=error.detail)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as the library calls it
        """A connection that fails ends alone. Its text may hold a patient's data: only the kind of error is told."""
        _log.exception("context_connection_failed", exc_info=False)

    def take(self, content: bytes, address: str) -> str:
        """The acknowledgement of one message; it is sent when all that it says is durable."""
        now = datetime.now(UTC)
        header = header_of(text_of(content))
        if not self.feed.may_send(header.application, address):
            self.refuse(address, "unknown sending application (MSH-3)")
            return answer(header, FeedError(Fault.UNSUPPORTED, "unknown sender"), now)
        sender = header.application or address
        name = name_of("hl7", sender, _name(header, content))
        try:
            with self.turn:  # in the order in which they came
                outcome = receive(self.where, Arrived("hl7", sender, header.kind or "?", content, name), now)
        except FeedError as error:
            return answer(header, error, now)
        except StoreUnavailableError:
            return answer_later(header, now)
        _log.info("context_message", outcome=outcome.name, kind=header.kind)
        return answer(header, None, now)


def _name(header: Header, content: bytes) -> str:
    """What is no message has no control ID: it is named by its bytes."""
    return f"{header.facility}|{header.control_id}" if header.control_id else content.hex()


class _Connection(socketserver.BaseRequestHandler):
    """One caller: its messages, one after the other."""

    server: Receiver

    def handle(self) -> None:
        try:
            connection = self._secured()
        except (OSError, ssl.SSLError):
            self.server.refuse(self.client_address[0], "no secure connection")
            return
        try:
            for content in _frames(connection, self.server.feed):
                told = self.server.take(content, str(self.client_address[0]))
                connection.sendall(_START + told.encode() + _END)
        except (
            OSError
        ):  # gone, silent for too long, too long, or no MLLP: nothing was acknowledged that was not taken
            return
        finally:
            connection.close()

    def finish(self) -> None:
        self.server.room.release()

    def _secured(self) -> socket.socket:
        connection: socket.socket = self.request
        connection.settimeout(self.server.feed.timeout_s)
        return self.server.tls.wrap_socket(connection, server_side=True) if self.server.tls else connection


def _frames(connection: socket.socket, feed: Hl7Feed) -> Iterator[bytes]:
    """The messages of a connection.

    Raises OSError if it is silent in the middle of one, needs too long for it, or sends one that is too long or no frame.
    """
    limit = feed.message_limit_kb * 1000
    received = b""
    while True:
        until = time.monotonic() + feed.timeout_s
        while _END not in received:
            if received and (
                not received.startswith(_START) or len(received) > limit or time.monotonic() > until
            ):
                raise ConnectionError
            part = connection.recv(_AT_ONCE)
            if not part:
                return
            if not received:
                until = time.monotonic() + feed.timeout_s
            received += part
        frame, _, received = received.partition(_END)
        if not frame.startswith(_START) or len(frame) > limit:
            raise ConnectionError
        yield frame.removeprefix(_START)


def _context(feed: Hl7Feed) -> ssl.SSLContext | None:
    """Mutual TLS, 1.2 or newer, if it is configured."""
    if not (feed.tls_certificate and feed.tls_key and feed.tls_authorities):
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(feed.tls_authorities))
    context.load_cert_chain(feed.tls_certificate, feed.tls_key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
