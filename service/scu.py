"""Our side of a C-STORE: one association, a batch of files, one outcome for each (PS3.4 annex B)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydicom.uid import UID
from pynetdicom import AE, _config
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from service.settings import Destination
from service.statuses import SUCCESS, meaning_of


class Trouble(StrEnum):
    """Why an object was not stored, where no status tells it. Static words, for row, log and audit."""

    UNREACHABLE = "no association with the destination"
    REJECTED = "association rejected"
    ABORTED = "association aborted"
    NO_ANSWER = "no answer in time"
    NO_CONTEXT = "destination takes no such object"
    FILE = "file missing or changed"
    UNSENDABLE = "file cannot be sent"


DESTINATION_TROUBLES = frozenset({Trouble.UNREACHABLE, Trouble.REJECTED})
"""Trouble with the destination, surely not with the object: it passes for all objects at once."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One file to be sent."""

    delivery_id: int
    file: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one parcel."""

    is_stored: bool
    words: str
    status: int | None = None
    """Of the C-STORE response, if there was one."""

    @property
    def is_warning(self) -> bool:
        return self.is_stored and self.status != SUCCESS


def send(
    parcels: Sequence[Parcel], destination: Destination, ae_title: str, timeout_s: float
) -> Iterator[tuple[Parcel, Outcome]]:
    """Store the parcels on one association, in order, and yield each outcome as it is known.

    Ends early when the association is lost: the parcels behind it were not tried. If no association comes about, all share
    that trouble.
    """
    association = _associate(parcels, destination, ae_title, timeout_s)
    if not association.is_established:
        trouble = Trouble.REJECTED if association.is_rejected else Trouble.UNREACHABLE
        yield from ((parcel, Outcome(is_stored=False, words=trouble.value)) for parcel in parcels)
        return
    try:
        for parcel in parcels:
            yield parcel, _store(association, parcel)
            if not association.is_established:
                return
    finally:
        if association.is_established:
            association.release()


def _associate(
    parcels: Sequence[Parcel], destination: Destination, ae_title: str, timeout_s: float
) -> Association:
    # The bytes of the file as they are: nothing decoded, nothing encoded anew.
    _config.STORE_SEND_CHUNKED_DATASET = True
    ae = AE(ae_title=ae_title)
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = timeout_s
    syntaxes: dict[str, set[str]] = {}
    for parcel in parcels:
        syntaxes.setdefault(parcel.sop_class_uid, set()).add(parcel.transfer_syntax_uid)
    # One context for each pair: of several syntaxes in one context, the peer would choose for us.
    contexts = [
        build_context(sop_class, syntax) for sop_class in syntaxes for syntax in sorted(syntaxes[sop_class])
    ]
    return ae.associate(destination.host, destination.port, contexts=contexts, ae_title=destination.ae_title)


def _store(association: Association, parcel: Parcel) -> Outcome:
    pair = (UID(parcel.sop_class_uid), UID(parcel.transfer_syntax_uid))
    accepted = {
        (context.abstract_syntax, context.transfer_syntax[0]) for context in association.accepted_contexts
    }
    if pair not in accepted:
        return Outcome(is_stored=False, words=Trouble.NO_CONTEXT.value)
    try:
        response = association.send_c_store(parcel.file)
    except (OSError, ValueError, AttributeError):
        # pynetdicom's words for a file that it cannot read, or whose header disagrees with its row.
        return Outcome(is_stored=False, words=Trouble.UNSENDABLE.value)
    except RuntimeError:
        return Outcome(is_stored=False, words=Trouble.ABORTED.value)
    if "Status" not in response:
        return Outcome(is_stored=False, words=Trouble.NO_ANSWER.value)
    answer = meaning_of(int(response.Status))
    return Outcome(is_stored=answer.is_stored, words=answer.words, status=int(response.Status))
