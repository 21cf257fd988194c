"""Syslog messages (RFC 5424) with an audit message in each, over UDP (RFC 5426) or TLS (RFC 5425); PS3.15 A.6 and A.7."""

import errno
import os
import re
import socket
import ssl
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from service.destinations import Tls
from service.errors import RetryableError
from service.tls import client_context

MSGID = "DICOM+RFC3881"
"""PS3.15 A.6: of messages that keep to the audit profile."""
_FACILITY = 10
"""security/authorization messages (PS3.15 A.6)."""
_NOTICE, _WARNING = 5, 4
_BOM = b"\xef\xbb\xbf"
"""RFC 5424 6.4: what follows is UTF-8."""
_TIMEOUT_S = 10.0
"""Of connecting, and of each send."""
_REFUSAL_S = 1.0
"""Under TLS 1.3 our certificate is refused after the handshake: how long a refusal is waited for before anything is sent."""
_ADDRESS = re.compile(r"(?P<scheme>udp|tls)://\[?(?P<host>[^\[\]/]+?)\]?:(?P<port>\d+)")


class NotTakenError(RetryableError):
    """The receiver of audit messages does not take them."""


class TooLongError(NotTakenError):
    """A message is longer than a datagram: it cannot be sent this way, however often it is tried."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where audit messages go."""

    host: str
    port: int
    tls: Tls | None
    """None is UDP, which tells nobody what is lost."""

    @classmethod
    def of(cls, address: str, tls: Tls) -> Self:
        """From a setting as `tls://host:6514` or `udp://host:514`, whose shape is checked already."""
        found = _ADDRESS.fullmatch(address)
        if found is None:
            raise ValueError("not udp://HOST:PORT or tls://HOST:PORT")
        return cls(found["host"], int(found["port"]), tls if found["scheme"] == "tls" else None)


def framed(xml: bytes, *, is_failure: bool, now: datetime) -> bytes:
    """A syslog message with an audit message in it.

    now : aware; when it is sent
    """
    priority = _FACILITY * 8 + (_WARNING if is_failure else _NOTICE)
    at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    host = re.sub(r"[^!-~]", "", socket.gethostname())[:255] or "-"
    header = f"<{priority}>1 {at} {host} cartriage {os.getpid()} {MSGID} - "
    return header.encode("ascii") + _BOM + xml


def send(messages: Sequence[bytes], receiver: Receiver) -> None:
    """Send syslog messages in their order, over one connection.

    Raises NotTakenError if the receiver is known not to have all of them; then none counts as sent.
    """
    try:
        if receiver.tls is None:
            _send_udp(messages, receiver)
        else:
            _send_tls(messages, receiver, receiver.tls)
    except OSError as error:  # ssl.SSLError is one
        kind = TooLongError if error.errno == errno.EMSGSIZE else NotTakenError
        raise kind(getattr(error, "reason", None) or error.strerror or type(error).__name__) from error


def _send_udp(messages: Sequence[bytes], receiver: Receiver) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        receiver.host, receiver.port, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind, protocol) as sender:
        sender.settimeout(_TIMEOUT_S)
        sender.connect(address)  # so that the answer of a machine where nobody listens is heard
        for message in messages:
            sender.send(message)


def _send_tls(messages: Sequence[bytes], receiver: Receiver, tls: Tls) -> None:
    with (
        socket.create_connection((receiver.host, receiver.port), _TIMEOUT_S) as plain,
        closing(client_context(tls).wrap_socket(plain, server_hostname=receiver.host)) as secured,
    ):
        _require_welcome(secured)
        for message in messages:
            secured.sendall(b"%d " % len(message) + message)  # octet counting, RFC 5425 4.3
        # The answer to our close_notify (RFC 5425 4.4) is the only word that all was read; not every receiver gives it. An
        # alert or a reset in its place is a refusal: under TLS 1.3 that of our certificate comes as late as this.
        with suppress(TimeoutError, ssl.SSLEOFError):
            secured.unwrap()


def _require_welcome(secured: ssl.SSLSocket) -> None:
    """Raise OSError if the receiver turns us away after the handshake; what is sent then may be lost without a word."""
    if secured.version() != "TLSv1.3":
        return
    secured.settimeout(_REFUSAL_S)
    with suppress(TimeoutError):
        if not secured.recv(1):
            raise ConnectionResetError(errno.ECONNRESET, "closed after the handshake")
    secured.settimeout(_TIMEOUT_S)
