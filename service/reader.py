"""Reader: what a peer sends, read ahead with few system calls, and until a deadline."""

import contextlib
import os
import select
import socket
import ssl
import time

_FIRST_BYTES = 1 << 12
"""Read ahead until data comes: hundreds of associations may be open that bring none."""
_AHEAD_BYTES = 1 << 17
"""Read ahead of an object's data; DCMTK sends up to 128 kB in one PDU."""


class Reader:
    """The bytes that come on one connection, in order.

    Python's own `recv` of a socket that has a time-out asks the system twice: first whether there is something, then for it.
    """

    def __init__(self, connection: socket.socket, idle_s: float) -> None:
        """Take a connection with a time-out, and how long it may be silent within a message."""
        self.deadline = 0.0
        """When what is being read must have come, by the monotonic clock."""
        self._connection = connection
        self._idle_s = idle_s
        self._is_plain = not isinstance(connection, ssl.SSLSocket)
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._buffer = memoryview(bytearray(_FIRST_BYTES))
        self._at = self._end = 0
        self._is_drained = False

    @property
    def is_ahead(self) -> bool:
        """Whether there are bytes that nobody needs to wait for."""
        if self._at < self._end:
            return True
        return isinstance(self._connection, ssl.SSLSocket) and self._connection.pending() > 0

    def head(self, length: int) -> memoryview:
        """Exactly `length` bytes, at most some thousand; to be used before the next call.

        Raises OSError if they do not come.
        """
        while self._end - self._at < length:
            if self._at + length > len(self._buffer):
                rest = bytes(self._buffer[self._at : self._end])
                self._buffer[: len(rest)] = rest
                self._at, self._end = 0, len(rest)
            self._fill()
        self._at += length
        return self._buffer[self._at - length : self._at]

    def part(self, limit: int) -> memoryview:
        """At least one and at most `limit` bytes, as they are there; to be used before the next call.

        Raises OSError if none come.
        """
        if self._at == self._end:
            self._at = self._end = 0
            if len(self._buffer) < min(limit, _AHEAD_BYTES):
                self._buffer = memoryview(bytearray(_AHEAD_BYTES))
            self._fill()
        start, self._at = self._at, min(self._at + limit, self._end)
        return self._buffer[start : self._at]

    def whole(self, length: int) -> bytearray:
        """Exactly `length` bytes. Raises OSError if they do not come."""
        read = bytearray()
        while len(read) < length:
            read += self.part(length - len(read))
        return read

    def _fill(self) -> None:
        room = self._buffer[self._end :]
        count = self._receive(room)
        if not count:
            raise ConnectionResetError
        self._end += count
        self._is_drained = count < len(room)

    def _receive(self, room: memoryview) -> int:
        if time.monotonic() > self.deadline:
            raise TimeoutError
        if not self._is_plain:
            return self._connection.recv_into(room)
        if not self._is_drained:
            with contextlib.suppress(BlockingIOError):
                return os.readv(self._connection.fileno(), [room])
        while True:
            left_s = min(self.deadline - time.monotonic(), self._idle_s)
            if not self._poll.poll(max(left_s, 0) * 1000):
                raise TimeoutError
            with contextlib.suppress(BlockingIOError):
                return os.readv(self._connection.fileno(), [room])
