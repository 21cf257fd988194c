"""Answers to pledges: what we are asked to commit to is looked for in rows and on the disk, and told by N-EVENT-REPORT (PS3.4 J.3.3)."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import structlog
from pydicom import Dataset
from pynetdicom import build_role
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.dsutils import encode
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance
from sqlalchemy import select

from rules.urgency import Priority
from service import audit
from service.destinations import Destination
from service.health import back_off
from service.parcel import Trouble
from service.pledges import Reference
from service.rounds import go_round
from service.scu import associate
from service.settings import Settings
from service.statuses import SUCCESS
from service.store.files import FileStore, is_whole
from service.store.pledge_tables import Pledge
from service.store.session import Store
from service.store.tables import Instance

_ALL_STORED, _SOME_FAILED = 1, 2
"""Event Type IDs of an answer (J.3.3)."""
_DAMAGED, _NOT_HERE, _OF_ANOTHER_CLASS = 0x0110, 0x0112, 0x0119
"""Failure Reasons (0008,1197) (PS3.3 C.14.1.1)."""
_TRIES = 12
"""With the usual waits more than an hour; then a person is told."""
_AT_ONCE = 500
_TICK_S = 0.5

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class PledgeAnswers:
    """Answers what is owed: on the association of the request while it stands, else on one to the caller's known address."""

    store: Store
    settings: Settings
    _associations: dict[str, Any] = field(default_factory=dict)

    def remember(self, transaction: str, association: Any) -> None:
        """The association on which a transaction was asked for; its answer may go there."""
        self._associations[transaction] = association

    def run(self, stop: threading.Event) -> None:
        """Answer until `stop` is set; outlives peers and a database that are down."""
        go_round(self.answer_due, stop, "commitments_postponed", every_s=_TICK_S)

    def answer_due(self, now: datetime) -> int:
        """Answer each pledge that is due; returns how many were tried.

        Raises StoreUnavailableError if the database does not answer.
        """
        due = select(Pledge).where(Pledge.state == "owed", Pledge.try_at <= now).order_by(Pledge.try_at)
        with self.store.reading() as session:
            pledges = session.scalars(due).all()
        for pledge in pledges:
            self._answer(pledge)
        self._associations = {uid: one for uid, one in self._associations.items() if one.is_established}
        return len(pledges)

    def _answer(self, pledge: Pledge) -> None:
        references = [(pledge.objects[at], pledge.objects[at + 1]) for at in range(0, len(pledge.objects), 2)]
        failed = failures(self.store, FileStore(self.settings.files), references)
        answer = report(pledge.transaction_uid, references, failed)
        event = _SOME_FAILED if failed else _ALL_STORED
        association = self._associations.get(pledge.transaction_uid)
        trouble = _tell(association, event, answer, self.settings.delivery_timeout_s)
        if trouble:
            trouble = self._call_back(pledge.caller, event, answer)
        self._note(pledge.transaction_uid, trouble, failed, datetime.now(UTC))

    def _call_back(self, caller: str, event: int, answer: Dataset) -> str:
        """Tell a caller on a new association; returns why it did not work, or nothing."""
        peer = address_of(caller, self.settings)
        if peer is None:
            return "no address of the caller is known"
        # We call, and are the SCP all the same (PS3.7 D.3.3.4).
        roles = [build_role(StorageCommitmentPushModel, scp_role=True)]
        contexts = [build_context(StorageCommitmentPushModel)]
        association, trouble = associate(peer, self.settings, contexts, roles=roles)
        if association is None:
            return trouble.value
        try:
            status, _ = association.send_n_event_report(
                answer, event, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
            )
        except (RuntimeError, ValueError):
            return Trouble.ABORTED.value
        finally:
            if association.is_established:
                association.release()
        return _trouble_of(status.get("Status"))

    def _note(self, transaction: str, trouble: str, failed: Mapping[Reference, int], now: datetime) -> None:
        with self.store.session() as session:
            pledge = session.get_one(Pledge, transaction)
            pledge.tries += 1
            pledge.last_error = trouble
            event = ""
            if not trouble:
                pledge.state, pledge.answered_at, event = "answered", now, "commitment_answered"
            elif pledge.tries >= _TRIES:
                pledge.state, event = "given_up", "commitment_not_taken"
            else:
                pledge.try_at = now + back_off(pledge.tries, Priority.P4.value, self.settings)
            detail = {"transaction_uid": transaction, "objects": len(pledge.objects) // 2}
            detail |= {"failed": len(failed), "outcome": trouble}
            if event:
                audit.record(session, event, None, pledge.caller, now, **detail)
            _note_damage(session, failed, now)
        log = _log.warning if trouble or failed else _log.info
        log(event or "commitment_owed", **detail)


def failures(store: Store, files: FileStore, references: Sequence[Reference]) -> dict[Reference, int]:
    """The objects that we cannot commit to, with their Failure Reason.

    Committed to is what has a row and, at this moment, a file with its digest; of copies with other bytes, all of them.

    Raises StoreUnavailableError if the database does not answer.
    """
    found: dict[Reference, int] = {}
    for at in range(0, len(references), _AT_ONCE):
        some = references[at : at + _AT_ONCE]
        wanted = Instance.sop_instance_uid.in_([uid for _, uid in some])
        with store.reading() as session:
            rows = session.scalars(select(Instance).where(wanted)).all()
        for reference in some:
            ours = [row for row in rows if row.sop_instance_uid == reference[1]]
            reason = _reason(files, reference[0], ours)
            if reason:
                found[reference] = reason
    return found


def report(transaction: str, references: Sequence[Reference], failed: Mapping[Reference, int]) -> Dataset:
    """Event Information of an answer (PS3.4 table J.3-2)."""
    answer = Dataset()
    answer.TransactionUID = transaction
    kept = [_item(reference) for reference in references if reference not in failed]
    if kept:
        answer.ReferencedSOPSequence = kept
    if failed:
        answer.FailedSOPSequence = [_item(reference, reason) for reference, reason in failed.items()]
    return answer


def address_of(caller: str, settings: Settings) -> Destination | None:
    """Where a caller takes answers, by its AE title: never simply where a connection came from."""
    known = (*settings.commitment_peers, *settings.archives, *settings.destinations)
    return next((one for one in known if isinstance(one, Destination) and one.ae_title == caller), None)


def _reason(files: FileStore, sop_class_uid: str, rows: Sequence[Instance]) -> int:
    if not rows:
        return _NOT_HERE
    if all(row.sop_class_uid != sop_class_uid for row in rows):
        return _OF_ANOTHER_CLASS
    are_whole = all(is_whole(files.resolve(row.path), row.sha256, row.size_bytes) for row in rows)
    return 0 if are_whole else _DAMAGED


def _item(reference: Reference, reason: int = 0) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = reference
    if reason:
        item.FailureReason = reason
    return item


def _tell(association: Any, event: int, answer: Dataset, wait_s: float) -> str:
    """Tell a caller on its own association; returns why it did not work, or nothing."""
    if association is None or not association.is_free:
        return "the caller's association has ended"
    context = next(
        one for one in association.accepted_contexts if one.abstract_syntax == StorageCommitmentPushModel
    )
    syntax = context.transfer_syntax[0]
    encoded = encode(answer, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    request = N_EVENT_REPORT()
    request.MessageID = 1
    request.AffectedSOPClassUID = StorageCommitmentPushModel
    request.AffectedSOPInstanceUID = StorageCommitmentPushModelInstance
    request.EventTypeID = event
    request.EventInformation = BytesIO(encoded)
    response = association.ask(request, context.context_id, wait_s)
    return _trouble_of(None if response is None else response.Status)


def _trouble_of(status: int | None) -> str:
    if status is None:
        return Trouble.NO_ANSWER.value
    return "" if status == SUCCESS else f"status 0x{status:04X}"


def _note_damage(session: Any, failed: Mapping[Reference, int], now: datetime) -> None:
    for (_, uid), reason in failed.items():
        if reason == _DAMAGED:
            audit.record(session, "instance_damaged", None, "node", now, sop_instance_uid=uid)
            _log.error("instance_damaged", sop_instance_uid=uid)
