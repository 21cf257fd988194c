"""Body of a store request: its parts go to the intake as they come, so that a body of any length costs no memory."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message

import structlog
from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError

from service.accepted import TRANSFER_SYNTAXES
from service.dicomweb.part10 import read_head
from service.errors import MalformedError, Refusal, RefusedError
from service.intake import Arrival, Intake, Received

DICOM = "application/dicom"
_PARTS_AT_MOST = 20_000
"""Of one request: what became of each is told in its answer."""

_log = structlog.get_logger(__name__)


class BodyError(Exception):
    """The body is no multipart body, or not the end of one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one part."""

    sop_class_uid: str
    sop_instance_uid: str
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class Target:
    """Where the objects of a request go."""

    intake: Intake
    storage_classes: frozenset[str]
    sender: str
    """Stands in the rows as the calling AE title."""
    study_instance_uid: str
    """Study that all objects must belong to; empty is any."""


class Body:
    """Takes a body piece by piece. It blocks while an object becomes durable: never call it in an event loop."""

    def __init__(self, target: Target, boundary: str) -> None:
        """Begin a body with parts between `boundary`."""
        self.outcomes: list[Outcome] = []
        self.is_whole = False
        """Whether the closing boundary came."""
        self._target = target
        self._part: _Part | None = None
        self._field, self._value = bytearray(), bytearray()
        self._parser = MultipartParser(
            boundary.encode("latin-1"),
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_part_data": self._add,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    @property
    def part_began_at(self) -> float | None:
        """When the part that is arriving began, on the monotonic clock; None between parts."""
        return self._part.began_at if self._part is not None else None

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises BodyError if they are no multipart body, or one of too many parts."""
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            raise BodyError from error

    def drop(self) -> None:
        """Forget a part that did not end."""
        if self._part is not None:
            self._part.drop()
            self._part = None

    def _begin(self) -> None:
        if len(self.outcomes) >= _PARTS_AT_MOST:
            raise BodyError
        self._part = _Part(self._target)

    def _end_header(self) -> None:
        if self._part is not None and bytes(self._field).lower() == b"content-type":
            self._part.content_type = bytes(self._value).decode("latin-1")
        self._field.clear()
        self._value.clear()

    def _add(self, data: bytes, start: int, end: int) -> None:
        if self._part is not None:
            self._part.add(memoryview(data)[start:end])

    def _end_part(self) -> None:
        if self._part is not None:
            self.outcomes.append(self._part.finish())
            self._part = None

    def _end(self) -> None:
        self._end_part()
        self.is_whole = True


class _Part:
    """One part: a DICOM file (PS3.10)."""

    def __init__(self, target: Target) -> None:
        self.began_at = time.monotonic()
        self.content_type = DICOM
        self._target = target
        self._head = bytearray()
        self._received = Received("", "", "", target.sender)
        self._arrival: Arrival | None = None
        self._refusal: Refusal | None = None

    def add(self, data: memoryview) -> None:
        if self._refusal is not None:
            return
        with self._refusing():
            if self._arrival is not None:
                self._arrival.write(data)
                return
            self._head += data
            self._begin_if_read()

    def finish(self) -> Outcome:
        if self._refusal is None:
            with self._refusing():
                if self._arrival is None:
                    raise MalformedError("cut off in its head")
                self._arrival.finish(datetime.now(UTC))
        uids = (self._received.sop_class_uid, self._received.sop_instance_uid)
        return Outcome(*uids, self._refusal)

    def drop(self) -> None:
        if self._arrival is not None:
            self._arrival.drop()
            self._arrival = None

    def _begin_if_read(self) -> None:
        if media_type(self.content_type)[0] != DICOM:
            raise MalformedError("no application/dicom")
        head = read_head(self._head)
        if head is None:
            return
        self._received = Received(
            transfer_syntax_uid=head.transfer_syntax_uid,
            sop_class_uid=head.sop_class_uid,
            sop_instance_uid=head.sop_instance_uid,
            calling_ae_title=self._target.sender,
            dataset=memoryview(bytes(self._head))[head.length :],
            study_instance_uid=self._target.study_instance_uid,
        )
        self._head.clear()
        if head.sop_class_uid not in self._target.storage_classes:
            raise self._refused(Refusal.CLASS_NOT_SUPPORTED)
        if head.transfer_syntax_uid not in TRANSFER_SYNTAXES:
            raise self._refused(Refusal.SYNTAX_NOT_SUPPORTED)
        self._arrival = self._target.intake.begin(self._received, datetime.now(UTC))

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        """What goes wrong with an object is told of it; the rest of its part is read and forgotten."""
        try:
            yield
        except MalformedError as error:
            self._refuse(self._refused(Refusal.UNREADABLE, error.detail))
        except RefusedError as refused:
            self._refuse(refused)
        except Exception as error:  # noqa: BLE001 - the sender must be told, whatever it was
            # Only its type: its text and its traceback may name a patient.
            _log.error("instance_failed", error=type(error).__name__)
            self._refusal = Refusal.UNEXPECTED
            self.drop()

    def _refused(self, refusal: Refusal, detail: str = "") -> RefusedError:
        """A refusal that the intake does not know of yet, with its line in the trail."""
        error = RefusedError(refusal, detail)
        return self._target.intake.refuse(error, None, self._received, datetime.now(UTC))

    def _refuse(self, refused: RefusedError) -> None:
        _log.warning("instance_refused", reason=refused.refusal.name, detail=str(refused))
        self._refusal = refused.refusal
        self.drop()


def media_type(text: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters (RFC 9110 8.3.1), in lower case but for the values.

    >>> media_type('multipart/related; type="application/dicom"; boundary=b')
    ('multipart/related', {'type': 'application/dicom', 'boundary': 'b'})
    """
    message = Message()
    message["content-type"] = text
    (kind, _), *parameters = message.get_params(failobj=[("", "")])
    return kind.lower(), {name.lower(): value for name, value in parameters}
