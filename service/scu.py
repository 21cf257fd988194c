"""Our side of DIMSE: C-STORE (PS3.4 annex B), and the questions by which an object is proven stored (annexes C and J)."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydicom.uid import UID
from pynetdicom import _config
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context

from service.calling import Caller
from service.destinations import AnyDestination, Destination, Subscriber, UpsDestination
from service.parcel import Outcome, Parcel, Trouble, failed
from service.settings import Settings
from service.statuses import SUCCESS, meaning_of
from service.tls import is_handshake_refused

_CONTEXTS_AT_MOST = 128
"""Of one association (PS3.8 9.3.2.2)."""


def send(
    parcels: Sequence[Parcel], destination: AnyDestination, settings: Settings
) -> Iterator[tuple[Parcel, Outcome]]:
    """Store the parcels on one association, in order, and yield each outcome as it is known.

    Ends early when the association is lost: the parcels behind it were not tried. If no association comes about, all share
    that trouble.
    """
    assert isinstance(destination, Destination)  # noqa: S101 - the table of senders says so
    association, trouble = associate(destination, settings, _contexts(parcels))
    if association is None:
        yield from ((parcel, failed(trouble)) for parcel in parcels)
        return
    try:
        for parcel in parcels:
            yield parcel, _store(association, parcel)
            if not association.is_established:
                return
    finally:
        if association.is_established:
            association.release()


def associate(
    destination: Destination | UpsDestination | Subscriber,
    settings: Settings,
    contexts: Sequence[PresentationContext],
    handlers: Sequence[tuple[Any, ...]] = (),
    roles: Sequence[Any] = (),
) -> tuple[Association | None, Trouble]:
    """An association with a destination, or None and why there is none."""
    # The bytes of the file as they are: nothing decoded, nothing encoded anew.
    _config.STORE_SEND_CHUNKED_DATASET = True
    timeout_s = settings.delivery_timeout_s
    caller = Caller(settings.ae_title, timeout_s)
    try:
        association = caller.call(
            destination, contexts=list(contexts), ext_neg=list(roles), evt_handlers=list(handlers)
        )
    except OSError:
        return None, Trouble.TLS
    if association.is_established:
        return association, Trouble.UNREACHABLE
    if association.is_rejected:
        return None, Trouble.REJECTED
    if association.rejected_contexts:
        return None, Trouble.NO_CONTEXT
    if destination.tls and is_handshake_refused(
        destination.host, destination.port, destination.tls, timeout_s
    ):
        return None, Trouble.TLS
    return None, Trouble.UNREACHABLE


def _contexts(parcels: Sequence[Parcel]) -> list[PresentationContext]:
    # One context for each pair: of several syntaxes in one context, the peer would choose for us.
    pairs = dict.fromkeys((one.sop_class_uid, one.transfer_syntax_uid) for one in parcels)
    return [build_context(sop_class, syntax) for sop_class, syntax in pairs][:_CONTEXTS_AT_MOST]


def _store(association: Association, parcel: Parcel) -> Outcome:
    pair = (UID(parcel.sop_class_uid), UID(parcel.transfer_syntax_uid))
    accepted = {
        (context.abstract_syntax, context.transfer_syntax[0]) for context in association.accepted_contexts
    }
    if pair not in accepted:
        return failed(Trouble.NO_CONTEXT)
    try:
        response = association.send_c_store(parcel.file)
    except (OSError, ValueError, AttributeError):
        # pynetdicom's words for a file that it cannot read, or whose header disagrees with its row.
        return failed(Trouble.UNSENDABLE)
    except RuntimeError:
        return failed(Trouble.ABORTED)
    if "Status" not in response:
        return failed(Trouble.NO_ANSWER)
    status = int(response.Status)
    answer = meaning_of(status)
    return Outcome(answer.is_stored, answer.words, status, is_warning=answer.is_stored and status != SUCCESS)
