"""The outcome of the rules for one snapshot of a study: priority, patterns, and what was not assessed."""

from dataclasses import dataclass
from enum import StrEnum

from rules.urgency import Priority


class Status(StrEnum):
    """Outcome of one rule."""

    PRESENT = "present"
    ABSENT = "absent"
    OPEN = "open"
    """Cannot be settled with what there is; never reads as absent."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One rule's outcome with its reasons."""

    rule: str
    """Rule number of the knowledge base, as in `R03`."""
    name: str
    """As a radiologist would write it, as in `PRES-type distribution`."""
    status: Status
    priority: Priority | None
    """What the pattern asks for if present; what it could ask for if open; None if absent."""
    sentence: str
    """One sentence for SR, SC, worklist and audit."""
    reasons: tuple[str, ...]
    """Each condition with the measured value, its cut and the answer."""
    missing: tuple[str, ...] = ()
    """What would settle an open pattern: a series, a measurement, a context field."""
    follow_up: str = ""
    """Suggested wording; stays a suggestion."""


@dataclass(frozen=True, slots=True)
class Floor:
    """A priority that does not rest on the images: clinical, quality, or the order's own."""

    code: str
    """F1-F4 (clinical), QUALITY, ORDER or EARLIER."""
    priority: Priority
    because: str


@dataclass(frozen=True, slots=True)
class PolicyIdentity:
    """Which rules decided."""

    name: str
    version: str
    digest: str
    """SHA-256 of the policy's canonical content, hexadecimal."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Priority = most urgent of imaging, clinical floor, quality floor and the order's own."""

    priority: Priority
    imaging_priority: Priority
    floors: tuple[Floor, ...]
    patterns: tuple[Pattern, ...]
    """Every rule of the policy, in its order: present, absent and open ones."""
    is_assessed: bool
    """False if the images allowed no conclusion at all."""
    not_assessed: tuple[str, ...]
    """What could not be assessed and why, one clause each."""
    could_be: Priority | None
    """The most urgent priority that the open patterns could still ask for, if above `priority`."""
    headline: str
    """The worklist's one line."""
    sentences: tuple[str, ...]
    """The explanation in reading order, identical in SR, SC, worklist and audit."""
    disclaimers: tuple[str, ...]
    day_after_infusion: int | None
    policy: PolicyIdentity
