"""What is sent and what became of it, the same for every way of sending."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from rules.notice import Notice
from service.destinations import AnyDestination
from service.settings import Settings


class Trouble(StrEnum):
    """Why something did not arrive, where no status tells it. Static words, for row, log and audit."""

    UNREACHABLE = "no association with the destination"
    NO_CONNECTION = "no connection to the destination"
    TLS = "no secure connection: certificate or TLS settings"
    REJECTED = "association rejected"
    ABORTED = "association aborted"
    NO_ANSWER = "no answer: timed out or cut off"
    NO_CONTEXT = "destination takes no such object"
    FILE = "file missing or changed"
    UNSENDABLE = "file cannot be sent"
    NOT_CONFIGURED = "destination is no longer configured"
    LOST = "accepted, but not there when asked"
    UNCOMMITTED = "accepted, but not committed"
    UNPROVEN = "stored, but no proof in time"


DESTINATION_TROUBLES = frozenset(
    {Trouble.UNREACHABLE, Trouble.NO_CONNECTION, Trouble.TLS, Trouble.REJECTED, Trouble.NO_ANSWER}
)
"""Trouble with the destination, not with the object: it rests, and what waited is due at once when it answers again."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One file to be sent, or one notice."""

    delivery_id: int
    sop_instance_uid: str
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_class_uid: str = ""
    transfer_syntax_uid: str = ""
    file: Path | None = None
    sha256: str = ""
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one parcel."""

    is_stored: bool
    words: str
    status: int | None = None
    """Of the response, if there was one: DIMSE or HTTP."""
    is_warning: bool = False
    is_read_back: bool = False
    """It was read back in the same step, so nothing is left to prove."""

    @property
    def is_destination_trouble(self) -> bool:
        return not self.is_stored and self.words in DESTINATION_TROUBLES


class Sender(Protocol):
    """One way of sending: yields each outcome as it is known, in order, and ends early when the connection is lost.

    A parcel without an outcome was not tried.
    """

    def __call__(
        self, parcels: Sequence[Parcel], destination: AnyDestination, settings: Settings, /
    ) -> Iterator[tuple[Parcel, Outcome]]: ...


def failed(trouble: Trouble, status: int | None = None) -> Outcome:
    """The outcome of a parcel that did not arrive."""
    return Outcome(is_stored=False, words=trouble.value, status=status)
