"""What no text may say: that something is normal, excluded or certain (knowledge base 5.1 and 5.2)."""

import re

from rules.policy_reading import Entry

_FORBIDDEN = re.compile(
    r"\bnormal\b|\bno ICANS\b|\bexcluded\b|\brule[sd]? out\b|\bunremarkable\b|\bhealthy\b|\birreversible\b|\bdiagnosed\b",
    re.IGNORECASE,
)
_STANDING = ("MRI is often normal in ICANS", "keeps its normal place in the worklist")
"""Where the standing texts use such a word without claiming anything."""


def claim_in(text: str) -> str:
    """The first word of a text that claims what nothing may claim; empty if there is none.

    >>> claim_in("The brain is normal."), claim_in("MRI is often normal in ICANS.")
    ('normal', '')
    """
    for standing in _STANDING:
        text = text.replace(standing, "")
    found = _FORBIDDEN.search(text)
    return found[0] if found else ""


def text_of(entry: Entry) -> str:
    """A text of a site's own. Raises PolicyError if it claims what no text may claim."""
    text = entry.text()
    if claim := claim_in(text):
        entry.fail(f"no text may say “{claim}”")
    return text
