"""The urgency scale P1-P4 and how priorities combine: the most urgent wins, always."""

from enum import StrEnum


class Priority(StrEnum):
    """Reading priority (knowledge base section 3). Only ever raised."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"

    @property
    def words(self) -> str:
        return {"P1": "critical", "P2": "urgent", "P3": "expedited", "P4": "routine"}[self.value]

    def is_above(self, other: "Priority") -> bool:
        """Whether this is more urgent than `other`."""
        return self.value < other.value


def most_urgent(*priorities: Priority) -> Priority:
    """The highest of the given priorities; P4 of none.

    >>> most_urgent(Priority.P3, Priority.P2)
    <Priority.P2: 'P2'>
    """
    return min(priorities, default=Priority.P4)  # P1 sorts before P2
