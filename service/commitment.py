"""Storage Commitment, our side as SCU (PS3.4 annex J): asked by N-ACTION, answered by N-EVENT-REPORT, mostly on a new association.

The answer comes to our node: `handlers` and `CONTEXTS` are all that it needs to take it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import evt
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance
from sqlalchemy import select

from service.destinations import Destination
from service.errors import StoreUnavailableError
from service.outbox import Outbox, note_lost, note_proven, tell
from service.parcel import Trouble
from service.scu import associate
from service.statuses import SUCCESS, commitment_failure
from service.store.session import Store
from service.store.tables import Commitment, Delivery

CONTEXT = StorageCommitmentPushModel
"""The abstract syntax that the node supports for the answers, in both roles: here the peer is the SCP and calls us."""
_REQUEST = 1
"""Action Type ID of a request (PS3.4 J.3.2)."""
_ALL_STORED, _SOME_FAILED = 1, 2
"""Event Type IDs of an answer (J.3.3)."""
_PROCESSING_FAILURE = 0x0110
_NO_SUCH_OBJECT = 0x0112
_UNANSWERED_EVERY = 3
"""A person is told after so many questions without an answer, and again after as many more."""

_log = structlog.get_logger()


def handlers(store: Store) -> list[tuple[Any, ...]]:
    """Event handlers that take answers; for the node, and for the association that the question went out on."""
    return [(evt.EVT_N_EVENT_REPORT, _on_report, [store])]


def ask(outbox: Outbox, destination: Destination, rows: Sequence[Delivery], now: datetime) -> Trouble | None:
    """Ask a destination to commit to objects; None if it took the question, else why it did not.

    The transaction is durable before it is asked: the answer may be faster than the response.
    """
    transaction = str(generate_uid(prefix=None))
    _begin(outbox, destination, rows, transaction, now)
    trouble = _send(outbox, destination, rows, transaction)
    if trouble is not None:
        _end(outbox.store, transaction, "expired")
    return trouble


def expire(outbox: Outbox, destination: str, now: datetime) -> None:
    """Let transactions go whose answer did not come in time: their objects are asked for anew, in a new transaction."""
    overdue = select(Commitment.transaction_uid).where(
        Commitment.destination == destination, Commitment.state == "asked", Commitment.due_at <= now
    )
    with outbox.store.reading() as session:
        late = session.scalars(overdue).all()
    for transaction in late:
        _end(outbox.store, transaction, "expired", now)
        _log.warning("commitment_expired", destination=destination, transaction_uid=transaction)


def take(
    store: Store, transaction: str, stored: Sequence[str], failed: Mapping[str, int], now: datetime
) -> bool:
    """Enter an answer; False if the transaction is none of ours. The same answer twice changes nothing.

    stored : SOP Instance UIDs that the archive keeps; failed : SOP Instance UID to Failure Reason (0008,1197)
    """
    with store.session() as session:
        asked = session.get(Commitment, transaction)
        if asked is None:
            return False
        rows = session.scalars(
            select(Delivery).where(
                Delivery.destination == asked.destination,
                Delivery.state == "stored",
                Delivery.sop_instance_uid.in_([*stored, *failed]),
            )
        ).all()
        for row in rows:
            if row.sop_instance_uid in failed:
                # An answer to a question that was given up says nothing of what was sent since.
                if row.transaction_uid == transaction:
                    why = commitment_failure(failed[row.sop_instance_uid])
                    note_lost(session, row, Trouble.UNCOMMITTED, why, now)
            else:
                note_proven(session, row, "commitment", now)
        asked.state, asked.answered_at = "answered", now
    return True


def _begin(
    outbox: Outbox, destination: Destination, rows: Sequence[Delivery], transaction: str, now: datetime
) -> None:
    with outbox.store.session() as session:
        session.add(
            Commitment(
                transaction_uid=transaction,
                destination=destination.name,
                state="asked",
                asked_at=now,
                due_at=now + timedelta(seconds=outbox.settings.proof_timeout_s),
            )
        )
        for row in rows:
            session.get_one(Delivery, row.id).transaction_uid = transaction


def _end(store: Store, transaction: str, state: str, now: datetime | None = None) -> None:
    """Close a transaction without an answer; `now` counts it as a question in vain."""
    with store.session() as session:
        session.get_one(Commitment, transaction).state = state
        for row in session.scalars(select(Delivery).where(Delivery.transaction_uid == transaction)):
            row.transaction_uid = None
            if now is None or row.state != "stored":
                continue
            row.asks += 1
            row.try_at, row.last_error = now, Trouble.UNPROVEN.value
            if row.asks % _UNANSWERED_EVERY == 0:
                tell(session, "proof_not_given", row, now, outcome=row.last_error)


def _send(
    outbox: Outbox, destination: Destination, rows: Sequence[Delivery], transaction: str
) -> Trouble | None:
    contexts: list[PresentationContext] = [build_context(StorageCommitmentPushModel)]
    association, trouble = associate(destination, outbox.settings, contexts, handlers(outbox.store))
    if association is None:
        return trouble
    try:
        if not association.accepted_contexts:
            return Trouble.NO_CONTEXT
        status, _ = association.send_n_action(
            _request(rows, transaction),
            _REQUEST,
            StorageCommitmentPushModel,
            StorageCommitmentPushModelInstance,
        )
    except (RuntimeError, ValueError):
        return Trouble.ABORTED
    finally:
        if association.is_established:
            association.release()
    if "Status" not in status:
        return Trouble.NO_ANSWER
    return None if int(status.Status) == SUCCESS else Trouble.UNCOMMITTED


def _request(rows: Sequence[Delivery], transaction: str) -> Dataset:
    request = Dataset()
    request.TransactionUID = transaction
    request.ReferencedSOPSequence = [_reference(row) for row in rows]
    return request


def _reference(row: Delivery) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = row.sop_class_uid
    item.ReferencedSOPInstanceUID = row.sop_instance_uid
    return item


def _on_report(event: Any, store: Store) -> tuple[int, None]:
    """Answer an N-EVENT-REPORT; 0x0000 only when what it says is durable."""
    try:
        answer: Dataset = event.event_information
        stored = [str(one.ReferencedSOPInstanceUID) for one in answer.get("ReferencedSOPSequence") or ()]
        failed = {
            str(one.ReferencedSOPInstanceUID): int(one.get("FailureReason") or 0)
            for one in answer.get("FailedSOPSequence") or ()
        }
        transaction = str(answer.TransactionUID)
    except (AttributeError, ValueError, TypeError):
        return _PROCESSING_FAILURE, None
    if event.event_type not in (_ALL_STORED, _SOME_FAILED):
        return _PROCESSING_FAILURE, None
    try:
        is_known = take(store, transaction, stored, failed, datetime.now(UTC))
    except StoreUnavailableError as error:
        _log.error("commitment_postponed", error=error.detail)
        return _PROCESSING_FAILURE, None
    _log.info("commitment_answered", is_known=is_known, stored=len(stored), failed=len(failed))
    return (SUCCESS if is_known else _NO_SUCH_OBJECT), None
