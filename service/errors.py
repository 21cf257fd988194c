"""What can go wrong in the service; the class docstring is the message (UIDs travel as fields, never patients)."""

from enum import Enum


class ServiceError(Exception):
    """Something went wrong in the service."""

    def __init__(self, detail: str = "") -> None:
        """Take one clause for people, without identifiers of patients."""
        message = (type(self).__doc__ or "").strip()
        super().__init__(f"{message} ({detail})" if detail else message)
        self.detail = detail


class RetryableError(ServiceError):
    """Trouble that passes; the same step is tried again later."""


class StorageFullError(RetryableError):
    """The disk of the file store is full."""


class StoreUnavailableError(RetryableError):
    """The database did not answer in time."""


class CollisionError(RetryableError):
    """Another process wrote the same row at the same moment."""


class RowError(ServiceError):
    """The row of an object could not be written."""


class ForeignPathError(ServiceError):
    """A path leads out of the file store."""


class MalformedError(ServiceError):
    """Bytes are not the dataset that they should be."""


class Refusal(Enum):
    """Why an object is not taken, as the status of its C-STORE response (PS3.4 B.2.3, PS3.7 C.5) or its Failure Reason (PS3.18 I.2)."""

    INVALID_INSTANCE = 0x0117
    """The request's SOP Instance UID is no UID."""
    CLASS_NOT_SUPPORTED = 0x0122
    """The request names another SOP Class than the presentation context that it came in."""
    OUT_OF_RESOURCES = 0xA700
    """The disk is nearly full, or the database does not answer: send it again later."""
    CLASS_MISMATCH = 0xA900
    """The dataset names another SOP Class or SOP Instance than the request, or lacks what its class must have."""
    STUDY_MISMATCH = 0xA901
    """The dataset is of another study than the request names (STOW-RS, PS3.18 10.5.1)."""
    UNREADABLE = 0xC000
    """The dataset is not DICOM in the transfer syntax that was agreed, or is cut off."""
    UNEXPECTED = 0xC001
    """An error of ours."""
    UID_MISSING = 0xC010
    """The dataset lacks a Study, Series or SOP Instance UID."""
    UID_INVALID = 0xC011
    """A UID has characters or a length that PS3.5 9.1 forbids."""
    SYNTAX_NOT_SUPPORTED = 0xC122
    """The object is in a transfer syntax that is not taken (STOW-RS, PS3.18 table I.2-2; over DIMSE it is negotiated)."""


class RefusedError(ServiceError):
    """An object was not taken."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        """Take the reason and one clause for people, without identifiers of patients."""
        super().__init__(f"{refusal.name.lower()}: {detail}" if detail else refusal.name.lower())
        self.refusal = refusal
