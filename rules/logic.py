"""Kleene's three-valued logic: what is not known never reads as false."""

from collections.abc import Iterable
from enum import Enum


class Answer(Enum):
    """Answer to a condition."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, value: bool) -> "Answer":  # noqa: FBT001 - the one place where a bool becomes an answer
        return cls.TRUE if value else cls.FALSE


def negation(answer: Answer) -> Answer:
    """Not: unknown stays unknown.

    >>> negation(Answer.UNKNOWN)
    <Answer.UNKNOWN: 'unknown'>
    """
    return {Answer.TRUE: Answer.FALSE, Answer.FALSE: Answer.TRUE}.get(answer, Answer.UNKNOWN)


def at_least(count: int, answers: Iterable[Answer]) -> Answer:
    """Whether at least `count` of the answers are true, if that can be known.

    >>> at_least(2, [Answer.TRUE, Answer.UNKNOWN, Answer.FALSE])
    <Answer.UNKNOWN: 'unknown'>
    """
    seen = list(answers)
    sure = seen.count(Answer.TRUE)
    possible = sure + seen.count(Answer.UNKNOWN)
    if sure >= count:
        return Answer.TRUE
    return Answer.UNKNOWN if possible >= count else Answer.FALSE


def any_of(answers: Iterable[Answer]) -> Answer:
    """Or: one true suffices for true.

    >>> any_of([Answer.TRUE, Answer.UNKNOWN])
    <Answer.TRUE: 'true'>
    """
    return at_least(1, answers)
