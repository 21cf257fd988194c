"""Inbox: fragments of DIMSE messages become objects in the intake, or messages for pynetdicom."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

import structlog
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import P_DATA

from service.dimse import C_STORE_RQ, LAST_COMMAND, LAST_DATA, Command, pdus_of, read_command, store_response
from service.errors import MalformedError, Refusal, RefusedError
from service.intake import Arrival, Intake, Received

_COMMAND_BYTES = 1 << 16
_OTHER_DATASET_BYTES = 1 << 23
"""Datasets of services other than storage; a commitment request for 20,000 objects has 3 MB."""

_log = structlog.get_logger(__name__)


class Inbox:
    """Puts fragments together: C-STORE data into the intake, all else into pynetdicom's messages."""

    def __init__(self, assoc: Association, intake: Intake) -> None:
        self._assoc = assoc
        self._intake = intake
        self._encoded = bytearray()
        self._command: Command | None = None
        self._context_id = 0
        self._context = ("", "")
        self._accepted: dict[int, tuple[str, str]] = {}
        self._arrival: Arrival | None = None
        self._refusal: int | None = None
        self._other = bytearray()

    @property
    def is_busy(self) -> bool:
        """Whether a message has begun, and not ended."""
        return bool(self._encoded)

    def take(self, context_id: int, control: int, data: memoryview) -> None:
        """Take one fragment (PS3.8 E.2). Raises MalformedError if it is out of order, or too long."""
        is_last = bool(control & LAST_DATA)
        if control & 1:
            self._take_command(context_id, data, is_last=is_last)
        else:
            self._take_data(context_id, data, is_last=is_last)

    def drop(self) -> None:
        """Forget what has come of an unfinished message."""
        if self._arrival is not None:
            self._arrival.drop()
            _log.warning("instance_cut_off", address=self._assoc.requestor.address)
        self._arrival, self._command = None, None

    def _take_command(self, context_id: int, data: memoryview, *, is_last: bool) -> None:
        if self._command is not None or len(self._encoded) + len(data) > _COMMAND_BYTES:
            raise MalformedError("command set")
        self._encoded += data
        if not is_last:
            return
        command, self._context_id = read_command(self._encoded), context_id
        self._context = self._contexts().get(context_id, ("", ""))
        if not self._context[0]:
            raise MalformedError("presentation context that was not accepted")
        if command.field == C_STORE_RQ and command.has_dataset:
            self._command = command
            self._begin(command)
        elif command.has_dataset:
            self._command = command
        else:
            self._hand_over()

    def _take_data(self, context_id: int, data: memoryview, *, is_last: bool) -> None:
        command = self._command
        if command is None or context_id != self._context_id:
            raise MalformedError("data without a command")
        if command.field != C_STORE_RQ:
            if len(self._other) + len(data) > _OTHER_DATASET_BYTES:
                raise MalformedError("dataset too long")
            self._other += data
            if is_last:
                self._hand_over()
            return
        if self._arrival is not None:
            self._write(data)
        if is_last:
            self._finish(command)

    def _begin(self, command: Command) -> None:
        sop_class_uid, syntax = self._context
        received = Received(
            transfer_syntax_uid=syntax,
            sop_class_uid=command.sop_class_uid,
            sop_instance_uid=command.sop_instance_uid,
            calling_ae_title=self._assoc.requestor.ae_title.strip(),
        )
        now = datetime.now(UTC)
        with self._refusing():
            if command.sop_class_uid != sop_class_uid:
                refused = RefusedError(Refusal.CLASS_NOT_SUPPORTED, "not of its presentation context")
                raise self._intake.refuse(refused, None, received, now)
            self._arrival = self._intake.begin(received, now)

    def _write(self, data: memoryview) -> None:
        with self._refusing():
            self._arrival.write(data)  # type: ignore[union-attr]

    def _finish(self, command: Command) -> None:
        if self._arrival is not None:
            with self._refusing():
                self._arrival.finish(datetime.now(UTC))
        status = self._refusal or 0
        self._arrival, self._refusal = None, None
        self._reset()
        for pdu in pdus_of(
            store_response(command, status), self._context_id, self._assoc.requestor.maximum_length
        ):
            self._assoc.dul.answer(pdu)

    @contextlib.contextmanager
    def _refusing(self) -> Iterator[None]:
        """What goes wrong with an object becomes the status of its response; the rest of its data is read and forgotten."""
        try:
            yield
        except RefusedError as refused:
            _log.warning("instance_refused", reason=refused.refusal.name, detail=str(refused))
            self._refuse(refused.refusal)
        except Exception as error:  # noqa: BLE001 - the sender must be told, whatever it was
            # Only its type: its text and its traceback may name a patient.
            _log.error("instance_failed", error=type(error).__name__)
            self._refuse(Refusal.UNEXPECTED)

    def _refuse(self, refusal: Refusal) -> None:
        if self._arrival is not None:
            self._arrival.drop()
        self._arrival, self._refusal = None, refusal.value

    def _contexts(self) -> dict[int, tuple[str, str]]:
        """SOP Class and transfer syntax of each accepted context; they stand once the association does."""
        if not self._accepted:
            self._accepted = {
                one.context_id: (str(one.abstract_syntax), str(one.transfer_syntax[0]))
                for one in self._assoc.accepted_contexts
            }
        return self._accepted

    def _hand_over(self) -> None:
        primitive = P_DATA()
        values = [[self._context_id, bytes((LAST_COMMAND,)) + bytes(self._encoded)]]
        if self._command is not None:
            values.append([self._context_id, bytes((LAST_DATA,)) + bytes(self._other)])
        primitive.presentation_data_value_list = values
        self._reset()
        self._assoc.dimse.receive_primitive(primitive)

    def _reset(self) -> None:
        self._encoded, self._other, self._command = bytearray(), bytearray(), None
