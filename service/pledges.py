"""Pledges: peers ask us to commit to what they stored (Storage Commitment with us as SCP, PS3.4 annex J).

A request is written down before the peer is told that it was taken; `service.pledge_answers` answers it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance
from sqlalchemy.orm import Session

from service import audit
from service.errors import StoreUnavailableError
from service.headers import is_uid
from service.statuses import SUCCESS
from service.store.pledge_tables import Pledge
from service.store.session import Store

REQUEST = 1
"""Action Type ID of a request (PS3.4 J.3.2)."""
FIRST_WAIT_S = 1.0
"""Most peers release right after our response, and take the answer on a new association; the others keep theirs open."""
_PROCESSING_FAILURE, _NO_SUCH_INSTANCE, _NO_SUCH_ACTION = 0x0110, 0x0112, 0x0123
_NO_ARGUMENT, _INVALID_ARGUMENT, _NO_RESOURCES = 0x0114, 0x0115, 0x0213
"""Statuses of PS3.7 C.5."""

Reference = tuple[str, str]
"""SOP Class UID and SOP Instance UID."""

_log = structlog.get_logger(__name__)


class RequestError(ValueError):
    """A request cannot be taken."""

    def __init__(self, status: int) -> None:
        """Take the status of the response."""
        super().__init__(f"0x{status:04X}")
        self.status = status


def handlers(store: Store, taken: Callable[[str, Any], None]) -> list[tuple[Any, ...]]:
    """What the node binds; `taken` is told each transaction that was written down, with its association."""
    return [(evt.EVT_N_ACTION, _on_action, [store, taken])]


def note(
    session: Session, transaction: str, caller: str, objects: Sequence[Reference], now: datetime
) -> None:
    """Write down that a peer asked.

    The same request again, because our answer was lost, is owed its answer again.

    Raises RequestError if the transaction's UID is in use for another request.
    """
    known = session.get(Pledge, transaction, with_for_update=True)
    plain = [uid for reference in objects for uid in reference]
    if known is not None and (known.caller, known.objects) != (caller, plain):
        raise RequestError(_INVALID_ARGUMENT)
    pledge = known or Pledge(transaction_uid=transaction, caller=caller, objects=plain, asked_at=now)
    pledge.state, pledge.tries, pledge.last_error, pledge.answered_at = "owed", 0, "", None
    pledge.try_at = now + timedelta(seconds=FIRST_WAIT_S)
    session.add(pledge)
    audit.record(
        session,
        "commitment_asked",
        None,
        caller,
        now,
        transaction_uid=transaction,
        objects=len(objects),
        is_repeated=known is not None,
    )


def read_request(action: Dataset) -> tuple[str, list[Reference]]:
    """Transaction UID and objects of a request (PS3.4 table J.3-1), each object once.

    Raises RequestError if something is missing or no UID.
    """
    transaction, items = str(action.get("TransactionUID") or ""), action.get("ReferencedSOPSequence")
    if not transaction or not items:
        raise RequestError(_NO_ARGUMENT)
    objects = dict.fromkeys(
        (str(one.get("ReferencedSOPClassUID") or ""), str(one.get("ReferencedSOPInstanceUID") or ""))
        for one in items
    )
    if not is_uid(transaction) or not all(is_uid(uid) for reference in objects for uid in reference):
        raise RequestError(_INVALID_ARGUMENT)
    return transaction, list(objects)


def _on_action(event: Any, store: Store, taken: Callable[[str, Any], None]) -> tuple[int, None]:
    """Answer an N-ACTION; 0x0000 only when the request is durable."""
    try:
        transaction = _take(event, store)
    except RequestError as error:
        _log.warning("commitment_refused", status=f"0x{error.status:04X}")
        return error.status, None
    except StoreUnavailableError:
        return _NO_RESOURCES, None
    except Exception as error:  # noqa: BLE001 - the peer must be told; a dataset may hold anything
        _log.error("commitment_failed", error=type(error).__name__)
        return _PROCESSING_FAILURE, None
    taken(transaction, event.assoc)
    return SUCCESS, None


def _take(event: Any, store: Store) -> str:
    request = event.request
    well_known = (StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
    if (request.RequestedSOPClassUID, request.RequestedSOPInstanceUID) != well_known:
        raise RequestError(_NO_SUCH_INSTANCE)
    if event.action_type != REQUEST:
        raise RequestError(_NO_SUCH_ACTION)
    transaction, objects = read_request(event.action_information)
    with store.session() as session:
        note(session, transaction, event.assoc.requestor.ae_title.strip(), objects, datetime.now(UTC))
    return transaction
