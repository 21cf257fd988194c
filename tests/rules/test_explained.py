"""The headline and each sentence, word for word, of patterns and floors put together by hand."""

from dataclasses import replace

import pytest

from rules.anatomy import Region, Role, Side
from rules.conditions import Subject
from rules.context import PatientContext
from rules.decision import Floor, Pattern, Status
from rules.explain import Story, headline, sentences
from rules.facts import Case
from rules.findings import Quantity
from rules.patterns import Judged
from rules.policy import Kind, Wording, load
from rules.urgency import Priority
from tests.rules.stories import NOW, not_assessed

P1, P2, P3, P4 = Priority
WORDING = Wording(
    positive="POSITIVE",
    negative="NEGATIVE on {series}.",
    negative_place="PLACE",
    negative_raised="RAISED",
    not_assessed="SILENT: {reason}.",
    partly_assessed="PARTLY on {series}.",
    interpret="INTERPRET",
    disclaimers=(),
    not_in_this_version=("perfusion", "vessels"),
)
PACKAGED = load()
POLICY = replace(PACKAGED, wording=WORDING)
ALWAYS = ("Not assessed by this version: perfusion and vessels.", "INTERPRET")
FLAIR, RESTRICTED = (
    Subject(one, Region.PONS, Side.MIDLINE) for one in (Quantity.FLAIR_VOLUME, Quantity.RESTRICTED_VOLUME)
)
RULE = replace(PACKAGED.rules[0], because="it swells", priority=P2)


def judged(
    code: str,
    status: Status,
    priority: Priority | None = None,
    kind: Kind = Kind.IMAGING,
    *,
    could_be: Priority | None = None,
    missing: tuple[str, ...] = (),
    remarks: tuple[str, ...] = (),
    follow_up: str = "",
) -> Judged:
    name = f"name {code}"
    pattern = Pattern(code, name, status, priority, f"Sentence {code}.", (), missing, follow_up)
    return Judged(replace(RULE, code=code, name=name, kind=kind), pattern, could_be, remarks)


def present(code: str, priority: Priority = P2, kind: Kind = Kind.IMAGING, **more) -> Judged:
    return judged(code, Status.PRESENT, priority, kind, **more)


def opened(code: str, could_be: Priority | None = P1, *missing: str) -> Judged:
    return judged(code, Status.OPEN, could_be, could_be=could_be, missing=missing)


NEGATIVE = judged("R14", Status.PRESENT, P4, Kind.STUDY)
F2 = Floor("F2", P2, "grade 3")
SILENT = (
    not_assessed(RESTRICTED, "no DWI series"),
    not_assessed(FLAIR, "no FLAIR series"),
    not_assessed(FLAIR._replace(region=Region.THALAMUS), "no FLAIR series"),
    not_assessed(FLAIR._replace(region=Region.BRAIN), "motion"),
)


def story(*told: Judged, floors: tuple[Floor, ...] = (), priority: Priority = P4, **more) -> Story:
    case = Case(more.pop("findings", ()), PatientContext(), more.pop("roles", ()), NOW)
    case = replace(case, identity_mismatch=more.pop("mismatch", ""))
    facts = {"not_assessed": (), "is_assessed": True, "remarks": ()} | more
    return Story(POLICY, case, told, floors, priority, **facts)


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (story(NEGATIVE), "P4 routine: name R14"),
        (story(), "P4 routine: no pattern"),
        (story(present("R02"), NEGATIVE, priority=P2), "P2 urgent: suspected name R02"),
        (
            story(present("R05", P3), present("R02"), present("R16", P1, Kind.CONTEXT), priority=P1),
            "P1 critical: name R16, suspected name R02, suspected name R05",
        ),
        (story(present("R15", P4, Kind.CHRONIC), NEGATIVE), "P4 routine: name R14"),
        (story(opened("R02"), NEGATIVE, priority=P4), "P4 routine: partly assessed, questions open"),
        (story(judged("R02", Status.ABSENT), NEGATIVE), "P4 routine: name R14"),
        (story(judged("R16", Status.OPEN, P2, Kind.CONTEXT), NEGATIVE), "P4 routine: name R14"),
        (
            story(findings=SILENT, is_assessed=False, priority=P3),
            "P3 expedited: NOT ASSESSED (no FLAIR series; motion)",
        ),
        (story(is_assessed=False), "P4 routine: NOT ASSESSED (nothing was measured)"),
        (
            story(present("R02"), findings=SILENT, is_assessed=False, priority=P2),
            "P2 urgent: suspected name R02; FLAIR NOT ASSESSED (no FLAIR series; motion)",
        ),
        (
            story(NEGATIVE, floors=(F2, Floor("F3", P2, "other")), priority=P2),
            "P2 urgent: name R14; F2: grade 3",
        ),
        (story(NEGATIVE, floors=(F2,), priority=P1), "P1 critical: name R14"),
        (story(NEGATIVE, floors=(Floor("F4", P4, "no sign"),)), "P4 routine: name R14"),
        *(
            (
                story(NEGATIVE, floors=(Floor(code, P3, "because"),), priority=P3),
                f"P3 expedited: name R14; {name}: because",
            )
            for code, name in (
                ("EARLIER", "Earlier result"),
                ("ORDER", "Order"),
                ("QUALITY", "Quality floor"),
            )
        ),
        (
            story(NEGATIVE, mismatch="the birth date differs", floors=(F2,), priority=P2),
            "P2 urgent: name R14; IDENTITY MISMATCH, no context used; F2: grade 3",
        ),
    ],
)
def test_the_headline_is_one_line_of_what_counts(told: Story, line: str):
    assert headline(told) == line


ROLES = (Role.FLAIR, Role.DWI)


@pytest.mark.parametrize(
    ("told", "lines"),
    [
        (story(NEGATIVE, roles=ROLES), ("NEGATIVE on FLAIR, DWI. PLACE",)),
        (story(NEGATIVE), ("NEGATIVE on none. PLACE",)),
        (story(opened("R02", None), roles=ROLES), ("PARTLY on FLAIR, DWI.",)),
        (story(findings=SILENT, is_assessed=False), ("SILENT: no FLAIR series; motion.",)),
        (
            story(present("R16", P4, Kind.CONTEXT), NEGATIVE, roles=ROLES),
            ("Sentence R16.", "NEGATIVE on FLAIR, DWI. PLACE"),
        ),
        (
            story(present("R16", P4, Kind.CONTEXT), opened("R02", None), roles=ROLES),
            ("Sentence R16.", "PARTLY on FLAIR, DWI."),
        ),
        (
            story(present("R16", P4, Kind.CONTEXT), findings=SILENT, is_assessed=False),
            ("Sentence R16.", "SILENT: no FLAIR series; motion."),
        ),
        (
            story(present("R02", P4), present("R01", P3), opened("R03", None)),
            ("Sentence R01.", "Sentence R02.", "POSITIVE"),
        ),
        (
            story(
                NEGATIVE,
                present("R15", P4, Kind.CHRONIC),
                judged("R13", Status.ABSENT, None, Kind.CHRONIC),
                judged("R03", Status.ABSENT, remarks=("too small", "one side")),
            ),
            ("NEGATIVE on none. PLACE", "Sentence R15.", "Name R03: too small; one side."),
        ),
    ],
)
def test_the_result_comes_first_and_what_is_old_beside_it(told: Story, lines: tuple[str, ...]):
    assert sentences(told) == (*lines, *ALWAYS)


def test_a_raised_study_is_not_told_to_keep_its_place():
    assert sentences(story(NEGATIVE, floors=(F2,), priority=P2)) == (
        "NEGATIVE on none. RAISED",
        "Clinical floor F2: at least P2 – grade 3.",  # noqa: RUF001
        "Why P2: clinical floor F2.",
        *ALWAYS,
    )


def test_floors_and_remarks_stand_before_the_questions_and_why_after_them():
    floors = (F2, F2, Floor("ORDER", P2, "STAT"), Floor("F4", P3, "unclear"))
    lacking = opened("R03", P1, "no SWI series", "age")
    assert sentences(
        story(present("R02"), lacking, floors=floors, priority=P2, remarks=("Remark.",)),
    ) == (
        "Sentence R02.",
        "POSITIVE",
        "Clinical floor F2: at least P2 – grade 3.",  # noqa: RUF001
        "Clinical floor F2: at least P2 – grade 3.",  # noqa: RUF001
        "Order: at least P2 – STAT.",  # noqa: RUF001
        "Clinical floor F4: at least P3 – unclear.",  # noqa: RUF001
        "Remark.",
        "Name R03: open, could be P1; missing: no SWI series; age.",
        "Why P2: name R02 – it swells. Also: clinical floor F2. Also: order.",  # noqa: RUF001
        *ALWAYS,
    )


def test_only_what_asks_for_the_priority_is_a_reason_for_it():
    told = sentences(story(present("R02", P1), present("R03", P3), floors=(F2,), priority=P1))
    assert "Why P1: name R02 raised from P2 – it swells." in told  # noqa: RUF001


def test_questions_that_lack_the_same_are_told_together():
    also = judged("R04", Status.PRESENT, P3, could_be=P1, missing=("no SWI series",))
    silent = judged("R06", Status.ABSENT)
    of_context = judged("R16", Status.OPEN, P1, Kind.CONTEXT, could_be=P1, missing=("no SWI series",))
    told = sentences(
        story(
            opened("R02", P1, "no SWI series"),
            opened("R03", P2, "age"),
            also,
            silent,
            of_context,
            priority=P4,
        )
    )
    assert told[2:-2] == (
        "Open: name R02 (open, could be P1) and name R04 (present, priority open, could be P1); missing: no SWI series.",
        "Name R03: open, could be P2; missing: age.",
    )


def test_without_images_all_questions_are_one():
    questions = (opened("R02", P1, "no FLAIR series"), opened("R03", P2, "age", "no FLAIR series"))
    told = sentences(story(*questions, findings=SILENT, is_assessed=False))
    assert told[1:-2] == (
        "Open: name R02 (could be P1) and name R03 (could be P2); missing: no FLAIR series; age.",
    )


def test_suggestions_are_those_of_what_is_present():
    told = sentences(
        story(
            present("R02", P4, follow_up="look again"),
            present("R05", P4),
            judged("R03", Status.OPEN, follow_up="never"),
            present("R15", P4, Kind.CHRONIC, follow_up="compare"),
        )
    )
    assert [one for one in told if one.startswith("Suggestion")] == [
        "Suggestion (name R02): look again",
        "Suggestion (name R15): compare",
    ]


@pytest.mark.parametrize(
    ("told", "is_said"),
    [
        (story(NEGATIVE, not_assessed=("a", "b")), True),
        (story(is_assessed=False, not_assessed=("a", "b")), False),
        (story(present("R02", P4), is_assessed=False, not_assessed=("a", "b")), True),
    ],
)
def test_what_was_not_assessed_is_told_once(told: Story, *, is_said: bool):
    assert ("Not assessed in this study: a; b." in sentences(told)) is is_said
    assert sentences(told)[-2:] == ALWAYS
