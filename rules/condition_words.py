"""Conditions in radiology English, as in `FLAIR hyperintensity volume ≥ 1 mL in thalamus on both sides`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from rules.anatomy import Region, Side
from rules.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    ContextAtLeast,
    ContextAtMost,
    ContextIs,
    ContextUnknown,
    Cut,
    HasModality,
    IfAssessed,
    NoOtherPattern,
    Not,
    NothingAssessed,
    SomeOf,
)
from rules.fields import FIELD_CHOICES, FIELD_WORDS
from rules.words import listed, quantity_words, subject_words, unit_words

_Other = (
    ContextAtLeast
    | ContextAtMost
    | ContextIs
    | ContextUnknown
    | NothingAssessed
    | NoOtherPattern
    | HasModality
)
_OF_THE_STUDY = {
    NothingAssessed: "FLAIR hyperintensity could not be measured",
    NoOtherPattern: "all other imaging rules are absent, none open",
}
_YES, _NO = ("true",), ("false",)


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A question that can be told together with others of its kind."""

    asked: str
    """As in `FLAIR hyperintensity volume ≥ 1 mL`, or the whole question where `place` is empty."""
    place: str = ""
    is_compound: bool = False
    """Needs brackets within another."""

    @property
    def text(self) -> str:
        return f"{self.asked} in {self.place}" if self.place else self.asked


def condition_words(condition: Condition) -> str:
    """The condition as one sentence core. A region without a side: its sides together, or the midline."""
    return _phrase(condition).text


def cut_words(cut: Cut) -> str:
    """A cut with its unit, as in `2 mL`."""
    return f"{cut.value:g}{unit_words(cut.unit)}"


def _phrase(condition: Condition) -> _Phrase:
    match condition:
        case AllOf() | AnyOf() | SomeOf():
            return _group(condition)
        case Not(part):
            return _Phrase(f"not {_bracketed(_phrase(part))}")
        case IfAssessed(part):
            return _Phrase(f"{_bracketed(_phrase(part))} (if assessed)")
        case AtLeast() | AtMost():
            return _measurement(condition)
        case leaf:
            return _Phrase(_told(leaf))


def _group(condition: AllOf | AnyOf | SomeOf) -> _Phrase:
    phrases = [_phrase(part) for part in condition.parts]
    match condition:
        case AllOf():
            return _joined(_sided(phrases), ", and ")
        case AnyOf():
            return _joined(_merged(phrases), "; or ")
        case SomeOf(count):
            told = "; ".join(_bracketed(phrase) for phrase in phrases)
            return _Phrase(f"at least {count} of: {told}", is_compound=True)


def _sided(phrases: list[_Phrase]) -> list[_Phrase]:
    """Left and right of the same, as one."""
    told: list[_Phrase] = []
    for phrase in phrases:
        last = told[-1] if told else None
        place = last.place.removeprefix("left ") if last and last.asked == phrase.asked else ""
        if last and place and (last.place, phrase.place) == (f"left {place}", f"right {place}"):
            told[-1] = replace(last, place=f"{place} on both sides")
        else:
            told.append(phrase)
    return told


def _joined(phrases: list[_Phrase], word: str) -> _Phrase:
    if len(phrases) == 1:
        return phrases[0]
    return _Phrase(word.join(_bracketed(phrase) for phrase in phrases), is_compound=True)


def _merged(phrases: Iterable[_Phrase]) -> list[_Phrase]:
    """Neighbours that ask the same of several places, as one."""
    merged = []
    for (asked, is_placed), group in groupby(phrases, key=lambda phrase: (phrase.asked, bool(phrase.place))):
        same = list(group)
        if is_placed and len(same) > 1:
            merged.append(_Phrase(asked, listed([phrase.place for phrase in same], "or")))
        else:
            merged += same
    return merged


def _bracketed(phrase: _Phrase) -> str:
    return f"({phrase.text})" if phrase.is_compound else phrase.text


def _measurement(leaf: AtLeast | AtMost) -> _Phrase:
    is_whole = leaf.subject.region is Region.BRAIN and leaf.subject.side is Side.WHOLE
    return _Phrase(_asked(leaf), "" if is_whole else subject_words(leaf.subject.region, leaf.subject.side))


def _told(leaf: _Other) -> str:
    match leaf:
        case ContextAtLeast(field, cut) | ContextAtMost(field, cut):
            return f"{FIELD_WORDS[field]} {'≥' if isinstance(leaf, ContextAtLeast) else '≤'} {cut_words(cut)}"
        case ContextIs():
            return _is_words(leaf)
        case ContextUnknown(field):
            return f"{FIELD_WORDS[field]} not known"
        case HasModality(modality):
            return f"{modality} in the study"
        case NothingAssessed() | NoOtherPattern():
            return _OF_THE_STUDY[type(leaf)]


def _asked(leaf: AtLeast | AtMost) -> str:
    if isinstance(leaf, AtMost) and leaf.is_magnitude:
        return f"{quantity_words(leaf.subject.quantity)} within ±{cut_words(leaf.cut)}"
    sign = "≥" if isinstance(leaf, AtLeast) else "≤"
    return f"{quantity_words(leaf.subject.quantity)} {sign} {cut_words(leaf.cut)}"


def _is_words(leaf: ContextIs) -> str:
    name = FIELD_WORDS[leaf.field]
    if FIELD_CHOICES[leaf.field] == (*_YES, *_NO) and leaf.values in (_YES, _NO):
        return name if leaf.values == _YES else f"no {name}"
    return f"{name}: {listed(leaf.values, 'or')}"
