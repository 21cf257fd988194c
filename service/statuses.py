"""What a C-STORE response status means for the object that was sent (PS3.4 B.2.3, PS3.7 annex C)."""

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
