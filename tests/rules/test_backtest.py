from dataclasses import replace

import pytest

from rules.backtest import Movement, compare
from rules.case_file import read_cases
from rules.case_verdict import put
from rules.decision import Decision, Floor, Pattern, Status
from rules.policy import load
from rules.urgency import Priority

POLICY = load()
(_STORY,) = read_cases("- {name: a, expect: {priority: P4}}\n", "case.yaml", POLICY)
PLAIN = replace(put(POLICY, _STORY).outcomes[0].decision, patterns=(), floors=(), priority=Priority.P3)


def pattern(status: Status, priority: Priority | None = None, rule: str = "R02", *reasons: str) -> Pattern:
    return Pattern(rule, f"name of {rule}", status, priority, "", reasons)


def decision(*parts: Pattern | Floor, priority: Priority = Priority.P3) -> Decision:
    patterns = tuple(part for part in parts if isinstance(part, Pattern))
    floors = tuple(part for part in parts if isinstance(part, Floor))
    return replace(PLAIN, patterns=patterns, floors=floors, priority=priority)


ABSENT = pattern(Status.ABSENT)
OPEN = pattern(Status.OPEN, Priority.P2)
PRESENT = pattern(Status.PRESENT, Priority.P2, "R02", "volume 3 mL – yes", "age 40 – yes")  # noqa: RUF001
F1, F1_LOWER = Floor("F1", Priority.P1, "grade 4"), Floor("F1", Priority.P2, "grade 4")


@pytest.mark.parametrize(
    ("before", "after", "movement"),
    [
        (Priority.P3, Priority.P2, Movement.RAISED),
        (Priority.P2, Priority.P3, Movement.LOWERED),
        (Priority.P2, Priority.P2, Movement.UNCHANGED),
    ],
)
def test_the_movement_is_that_of_the_priority(before: Priority, after: Priority, movement: Movement):
    old, new = decision(priority=before), decision(priority=after)
    told = compare(old, new)
    assert (told.movement, told.before, told.after, told.reasons) == (movement, old, new, ())


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        ([ABSENT], [ABSENT], ()),
        ([ABSENT], [OPEN], ("R02 name of R02: absent → open, P2",)),
        ([ABSENT], [PRESENT], ("R02 name of R02: absent → present, P2: volume 3 mL – yes; age 40 – yes",)),  # noqa: RUF001
        ([PRESENT], [replace(PRESENT, priority=Priority.P1)], ("R02 name of R02: present, P2 → present, P1",)),
        ([replace(OPEN, reasons=("age 40 – yes",))], [PRESENT], ("R02 name of R02: open, P2 → present, P2: volume 3 mL – yes",)),  # noqa: RUF001
        ([], [PRESENT], ("R02 name of R02: no such rule → present, P2: volume 3 mL – yes; age 40 – yes",)),  # noqa: RUF001
        ([PRESENT], [], ("R02 name of R02: present, P2 → no such rule",)),
        ([ABSENT], [], ()),
        ([], [ABSENT], ()),
        ([OPEN], [replace(OPEN, name="renamed", priority=None)], ("R02 renamed: open, P2 → open",)),
        ([F1], [F1], ()),
        ([F1], [], ("floor F1 (P1, grade 4) holds no longer",)),
        ([], [F1], ("floor F1 (P1, grade 4) holds now",)),
        ([F1], [F1_LOWER], ("floor F1 (P2, grade 4) holds now", "floor F1 (P1, grade 4) holds no longer")),
        (
            [OPEN, pattern(Status.OPEN, None, "R05")],
            [pattern(Status.PRESENT, Priority.P2, "R07"), ABSENT, F1],
            (
                "R07 name of R07: no such rule → present, P2",
                "R02 name of R02: open, P2 → absent",
                "R05 name of R05: open → no such rule",
                "floor F1 (P1, grade 4) holds now",
            ),
        ),
    ],
)  # fmt: skip
def test_every_pattern_and_floor_that_differs_is_told(before, after, reasons: tuple[str, ...]):
    told = compare(decision(*before), decision(*after))
    assert told.reasons == reasons
    assert told.movement is (Movement.OTHER if reasons else Movement.UNCHANGED)
