"""The parts of a policy: rules, floors and standing texts, as data and as they are read from their files."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rules.conditions import Condition
from rules.fields import Field
from rules.policy_conditions import read_condition
from rules.policy_reading import Entry, Table
from rules.urgency import Priority

EARLIER = "{earlier}"
"""Stands in a text for the date of the study that is compared with."""
LAST_RESULT = "{last_result}"
"""Stands in a text for the date of the patient's last result."""


class Kind(StrEnum):
    """What a rule rests on."""

    IMAGING = "imaging"
    CONTEXT = "context"
    CHRONIC = "chronic"
    """On what is old or nonspecific: told beside the result, and asks for nothing."""
    STUDY = "study"
    """On the study as a whole: negative, not assessable, not analysed."""


@dataclass(frozen=True, slots=True)
class Label:
    """Words that are added when a condition is true; they support or relabel and never change a priority."""

    when: Condition
    text: str


@dataclass(frozen=True, slots=True)
class Raise:
    """A higher priority when a condition is true."""

    to: Priority
    when: Condition
    because: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern."""

    code: str
    name: str
    kind: Kind
    priority: Priority
    confidence: str
    because: str
    """Why this priority."""
    required: Condition
    raises: tuple[Raise, ...]
    labels: tuple[Label, ...]
    remarks: tuple[Label, ...]
    """Said where the pattern is not present: why something that looks like it was not counted."""
    tell: str
    """Sentence core for the radiologist if the pattern is present."""
    caveat: str
    """What this rule could not look at in this version."""
    follow_up: str


@dataclass(frozen=True, slots=True)
class FloorRule:
    """A priority that does not rest on the images."""

    code: str
    priority: Priority
    when: Condition
    because: str
    shows: tuple[Field, ...]
    """Context values printed behind the reason; a floor that shows only what a higher one showed is left out."""


@dataclass(frozen=True, slots=True)
class Wording:
    """Standing texts (knowledge base 5.2)."""

    positive: str
    negative: str
    negative_place: str
    """Follows `negative` where nothing raises the study."""
    negative_raised: str
    """Follows `negative` where a floor or the order raises the study."""
    not_assessed: str
    partly_assessed: str
    interpret: str
    disclaimers: tuple[str, ...]
    not_in_this_version: tuple[str, ...]


def read_rule(entry: Entry) -> Rule:
    """One rule file. Raises PolicyError with file and line."""
    table = entry.table(
        "code name kind priority confidence because required tell", "raises labels remarks caveat follow_up"
    )
    if table["kind"].choice(Kind) is Kind.CHRONIC and ("raises" in table.entries or _is_urgent(table)):
        table["kind"].fail("what is old or nonspecific asks for P4 and is never raised")
    return Rule(
        code=table["code"].text(),
        name=table["name"].text(),
        kind=table["kind"].choice(Kind),
        priority=table["priority"].choice(Priority),
        confidence=table["confidence"].text(),
        because=table["because"].text(),
        required=read_condition(table["required"]),
        raises=tuple(_raise(item) for item in table.items("raises")),
        labels=tuple(_label(item) for item in table.items("labels")),
        remarks=tuple(_label(item) for item in table.items("remarks")),
        tell=_sentence(table["tell"]),
        caveat=table.text("caveat"),
        follow_up=table.text("follow_up"),
    )


def _is_urgent(table: Table) -> bool:
    return table["priority"].choice(Priority) is not Priority.P4


def _sentence(entry: Entry) -> str:
    """Text for people, in which the date of the earlier study or of the last result may stand."""
    return only_dates_filled(entry, entry.text())


def only_dates_filled(entry: Entry, text: str) -> str:
    """The text, if nothing else is to be filled in. Raises PolicyError."""
    if "{" in text.replace(EARLIER, "").replace(LAST_RESULT, ""):
        entry.fail(f"the only words that are filled in are {EARLIER} and {LAST_RESULT}")
    return text


def _raise(entry: Entry) -> Raise:
    table = entry.table("to when because")
    return Raise(table["to"].choice(Priority), read_condition(table["when"]), _sentence(table["because"]))


def _label(entry: Entry) -> Label:
    table = entry.table("when text")
    return Label(read_condition(table["when"]), _sentence(table["text"]))


def read_floor(entry: Entry) -> FloorRule:
    """One floor. Raises PolicyError with file and line."""
    table = entry.table("code priority when because", "shows")
    return FloorRule(
        code=table["code"].text(),
        priority=table["priority"].choice(Priority),
        when=read_condition(table["when"]),
        because=table["because"].text(),
        shows=tuple(item.choice(Field) for item in table.items("shows")),
    )


def read_wording(entry: Entry) -> Wording:
    """The standing texts. Raises PolicyError with file and line."""
    single = "positive negative negative_place negative_raised not_assessed partly_assessed interpret"
    several = "disclaimers not_in_this_version"
    table = entry.table(f"{single} {several}")
    texts: dict[str, Any] = {name: table[name].text() for name in single.split()}
    lists: dict[str, Any] = {name: table[name].texts() for name in several.split()}
    return Wording(**texts, **lists)
