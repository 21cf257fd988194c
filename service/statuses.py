"""What a status means for what was sent: C-STORE (PS3.4 B.2.3, PS3.7 annex C), commitment (PS3.3 C.14) and HTTP."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """The meaning of one status, or of a range of them."""

    is_stored: bool
    """The peer keeps the object; nothing is owed any more."""
    words: str
    """Static words for row, log and audit; never the peer's comment, which may quote a patient."""


SUCCESS = 0x0000

_EXACT = {
    SUCCESS: Answer(is_stored=True, words="stored"),
    # Not in the list of PS3.4 B.2.3, but some archives answer it to an object that they already keep.
    0x0111: Answer(is_stored=True, words="already there"),
    0x0001: Answer(is_stored=True, words="stored with a warning"),
    0x0107: Answer(is_stored=True, words="stored with a warning"),
    0x0116: Answer(is_stored=True, words="stored with a warning"),
    0xB000: Answer(is_stored=True, words="stored, elements coerced"),
    0xB006: Answer(is_stored=True, words="stored, elements discarded"),
    0xB007: Answer(is_stored=True, words="stored, does not match its SOP class"),
    0x0110: Answer(is_stored=False, words="processing failure"),
    0x0117: Answer(is_stored=False, words="invalid SOP instance"),
    0x0122: Answer(is_stored=False, words="SOP class not supported"),
    0x0124: Answer(is_stored=False, words="not authorised"),
    0x0210: Answer(is_stored=False, words="duplicate invocation"),
    0x0211: Answer(is_stored=False, words="unrecognised operation"),
    0x0212: Answer(is_stored=False, words="mistyped argument"),
}

_RANGES = (
    (0xA700, 0xA7FF, Answer(is_stored=False, words="out of resources")),
    (0xA900, 0xA9FF, Answer(is_stored=False, words="does not match its SOP class")),
    (0xB000, 0xBFFF, Answer(is_stored=True, words="stored with a warning")),
    (0xC000, 0xCFFF, Answer(is_stored=False, words="cannot understand")),
)

_UNKNOWN = Answer(is_stored=False, words="unknown status")


def meaning_of(status: int) -> Answer:
    """The meaning of a status; one that the standard does not know is a failure, never a success.

    >>> meaning_of(0xB123).is_stored, meaning_of(0xA701).words
    (True, 'out of resources')
    """
    if status in _EXACT:
        return _EXACT[status]
    for low, high, answer in _RANGES:
        if low <= status <= high:
            return answer
    return _UNKNOWN


_PENDING = frozenset({0xFF00, 0xFF01})
"""C-FIND: here is a match, more may follow (PS3.4 C.4.1.1.4)."""

_COMMITMENT_FAILURES = {
    0x0110: "processing failure",
    0x0112: "no such object",
    0x0119: "object of another class",
    0x0122: "SOP class not supported",
    0x0131: "duplicate transaction",
    0x0213: "out of resources",
}
"""Failure Reason (0008,1197) of Storage Commitment (PS3.3 C.14.1.1)."""


def is_pending(status: int) -> bool:
    """Whether a C-FIND response carries a match."""
    return status in _PENDING


def commitment_failure(reason: int) -> str:
    """Why an archive does not commit to an object."""
    return _COMMITMENT_FAILURES.get(reason, "unknown reason")


_HTTP = {
    200: Answer(is_stored=True, words="stored"),
    201: Answer(is_stored=True, words="stored"),
    202: Answer(is_stored=False, words="accepted without saying what was stored"),
    204: Answer(is_stored=True, words="stored"),
    400: Answer(is_stored=False, words="request not understood"),
    401: Answer(is_stored=False, words="not authorised"),
    403: Answer(is_stored=False, words="not authorised"),
    404: Answer(is_stored=False, words="no such service"),
    409: Answer(is_stored=False, words="refused"),
    413: Answer(is_stored=False, words="too large"),
    415: Answer(is_stored=False, words="destination takes no such object"),
    422: Answer(is_stored=False, words="content not accepted"),
    429: Answer(is_stored=False, words="out of resources"),
    503: Answer(is_stored=False, words="out of resources"),
    507: Answer(is_stored=False, words="out of resources"),
}


def http_meaning_of(status: int) -> Answer:
    """The meaning of an HTTP status (RFC 9110, PS3.18 10.5.3.1); an unknown one is a failure, redirects too.

    >>> http_meaning_of(302).is_stored, http_meaning_of(503).words
    (False, 'out of resources')
    """
    return _HTTP.get(status, _UNKNOWN)
