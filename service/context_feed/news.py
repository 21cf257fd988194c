"""What a message tells of one patient, the same for HL7 v2 and FHIR, and what of it is news for the registry."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum

from rules.context_file import ContextError, context_from_mapping
from rules.context_map import DIASTOLIC, INFUSION_DATE, PRODUCT, SYSTOLIC, Coding, ContextMap, ObservationRule
from rules.same_patient import Identifiers
from service.errors import ServiceError

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far a sender's clock may be ahead; a later time would make a value look fresh for ever."""
_NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,9})?")
_BELOW = ("<", "<=")


class Fault(Enum):
    """Why a message is not taken."""

    UNREADABLE = "cannot be read"
    UNSUPPORTED = "is of a kind that is not taken"
    NOT_LIVE = "is not of a productive system"
    VERSION = "is of another version of HL7"
    INCOMPLETE = "lacks what identifies a patient"
    IDENTITY = "identifiers contradict the registry"
    VALUE = "has a value that cannot be taken"
    REUSED = "carries the identifier of another message"
    FULL = "cannot be set aside: too much is set aside already"


class FeedError(ServiceError):
    """A message is not taken."""

    def __init__(self, fault: Fault, detail: str) -> None:
        """Take the fault and one clause without anything of a patient."""
        super().__init__(f"{fault.value}: {detail}")
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Observed:
    """One observation as it came."""

    codings: tuple[Coding, ...]
    values: tuple[str, ...]
    """How its value may be read, the most special first: `SYSTEM code`, then the code, then text or number."""
    at: datetime | None
    unit: str = ""
    comparator: str = ""
    is_withdrawn: bool = False
    """It was wrong, or of another patient."""


@dataclass(frozen=True, slots=True)
class Infused:
    """A procedure or a medicine that was given."""

    codings: tuple[Coding, ...]
    day: date | None


@dataclass(frozen=True, slots=True)
class Message:
    """One message about one patient."""

    key: str
    """Of its sender: the same again is the same message."""
    kind: str
    patient: Identifiers
    observed: tuple[Observed, ...] = ()
    infused: tuple[Infused, ...] = ()
    memberships: tuple[Coding, ...] = ()
    replaced_patient_id: str = ""
    """The patient ID that is no longer used: two entries of the sender were merged."""
    identifiers: frozenset[str] = frozenset()
    """Every identifier of the patient, of whatever type."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A value for a field of the context, as docs/context.md writes it; withdrawn, it has none."""

    field: str
    value: str
    at: datetime
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """What a message says in the words of the registry."""

    patient: Identifiers
    readings: tuple[Reading, ...]
    infusion_date: date | None
    product: str
    is_recipient: bool
    """It says that the patient was given CAR-T cells."""


def news_of(message: Message, known: ContextMap, now: datetime) -> News:
    """The news in a message, by the mapping; what the mapping does not name is nobody's business here.

    Raises FeedError if something that it names cannot be taken: then nothing of the message is.
    """
    dated: dict[str, str] = {}
    readings: list[Reading] = []
    withdrawn: list[Reading] = []
    for one in message.observed:
        rule = known.observation(one.codings)
        if rule is None:
            continue
        if rule.field in (INFUSION_DATE, PRODUCT):
            if not one.is_withdrawn:
                dated[rule.field] = _told(one, rule)
            continue
        at = _moment(one, rule, now)
        if one.is_withdrawn:
            field = "blood_pressure" if rule.field in (SYSTOLIC, DIASTOLIC) else rule.field
            withdrawn.append(Reading(field, "", at, is_withdrawn=True))
        else:
            readings.append(Reading(rule.field, _value(one, rule), at))
    day, product = _infusion(message.infused, known)
    return News(
        patient=message.patient,
        readings=(*withdrawn, *_checked(_joined(readings))),
        infusion_date=_day(dated[INFUSION_DATE]) if INFUSION_DATE in dated else day,
        product=dated.get(PRODUCT, product),
        is_recipient=tells_of_cells(message, known),
    )


def tells_of_cells(message: Message, known: ContextMap) -> bool:
    """Whether a message says that its patient was given CAR-T cells."""
    observed = (known.observation(one.codings) for one in message.observed if not one.is_withdrawn)
    return (
        any(known.infusion(one.codings) for one in message.infused)
        or any(rule is not None and rule.field == INFUSION_DATE for rule in observed)
        or known.is_cohort(message.memberships)
    )


def _infusion(infused: Sequence[Infused], known: ContextMap) -> tuple[date | None, str]:
    """Day and product of the latest infusion of CAR-T cells among what was given."""
    found = [(one.day, rule.product) for one in infused if (rule := known.infusion(one.codings))]
    if not found:
        return None, ""
    return max(found, key=lambda one: (one[0] or date.min, one[1]))


def _moment(one: Observed, rule: ObservationRule, now: datetime) -> datetime:
    if one.at is None:
        raise FeedError(
            Fault.VALUE,
            f"{rule.field} without a time to the minute, or without its zone (`time_zone` of the mapping)",
        )
    if one.at > now + CLOCKS_DIFFER:
        raise FeedError(Fault.VALUE, f"{rule.field} is of the future")
    return one.at


def _value(one: Observed, rule: ObservationRule) -> str:
    if not rule.units:
        return _told(one, rule)
    text = one.values[-1] if one.values else ""
    if not _NUMBER.fullmatch(text):
        raise FeedError(Fault.VALUE, f"{rule.field} is no number")
    if one.comparator and (rule.field != "platelets" or one.comparator not in _BELOW):
        raise FeedError(Fault.VALUE, f"{rule.field} is only bounded ({one.comparator})")
    if one.unit not in rule.units:
        raise FeedError(Fault.VALUE, f"{rule.field} in a unit that the mapping does not name")
    # Cut, not rounded: fewer platelets are worse, and `below 10` counts as 10.
    return str(int(Decimal(text) * Decimal(str(rule.units[one.unit]))))


def _told(one: Observed, rule: ObservationRule) -> str:
    """A value by the mapping's list, else as it is written."""
    if one.comparator:
        raise FeedError(Fault.VALUE, f"{rule.field} is only bounded ({one.comparator})")
    for text in one.values:
        if text in rule.values:
            return rule.values[text]
    text = one.values[-1] if one.values else ""
    if not text:
        raise FeedError(Fault.VALUE, f"{rule.field} without a value")
    whole, _, rest = text.partition(".")
    return whole if whole.isdigit() and rest and not rest.strip("0") else text


def _joined(readings: Sequence[Reading]) -> Iterator[Reading]:
    """Both halves of a blood pressure make one reading."""
    halves = {(one.at, one.field): one.value for one in readings if one.field in (SYSTOLIC, DIASTOLIC)}
    for (at, field), value in halves.items():
        other = halves.get((at, DIASTOLIC if field == SYSTOLIC else SYSTOLIC))
        if other is None:
            raise FeedError(Fault.VALUE, f"{field} blood pressure without the other half of the same minute")
        if field == SYSTOLIC:
            yield Reading("blood_pressure", f"{value}/{other}", at)
    yield from (one for one in readings if one.field not in (SYSTOLIC, DIASTOLIC))


def _checked(readings: Iterator[Reading]) -> Iterator[Reading]:
    for one in readings:
        try:
            context_from_mapping({one.field: one.value}, source="", recorded_at=one.at)
        except ContextError as error:
            raise FeedError(Fault.VALUE, f"{one.field}; allowed: {error.allowed}") from error
        yield one


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise FeedError(Fault.VALUE, "infusion_date is no date") from error
