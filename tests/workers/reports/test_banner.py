"""The page can be read at a glance, by everybody, and never says more than the decision."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from rules.urgency import Priority
from tests.workers.reports import studies
from workers.reports.banner import NOT_FOR_DIAGNOSIS, SIZE, page_lines, render_banner
from workers.reports.content import ReportContent
from workers.reports.page_design import BANDS
from workers.reports.typesetting import ELLIPSIS, Colour, Style, width_of, wrap


def verbose() -> ReportContent:
    """As much text as a policy could plausibly produce, with words that cannot be broken."""
    decision = studies.decision()
    long = (
        "bilateral parieto-occipital and superior frontal FLAIR hyperintensity of cortex and white matter, "
        * 4
    )
    return replace(
        studies.content(
            replace(
                decision,
                headline=f"P2 urgent: {long}; F3: {long}",
                sentences=(*(f"{number} {long}" for number in range(20)), "x" * 400),
                not_assessed=tuple(f"{long}: no check" for _ in range(12)),
                disclaimers=(*studies.DISCLAIMERS, long, long),
            )
        ),
        context_lines=tuple(f"CAPD 12, recorded {hours} h before by {long}" for hours in range(9)),
        completeness=long * 3,
    )


SEVERAL = "suspected PRES-type distribution, haemorrhage and restricted diffusion outside the splenium"


def several() -> ReportContent:
    return studies.content(
        replace(studies.decision(Priority.P1), headline=f"P1 critical: {SEVERAL}; could be more")
    )


CONTENTS = {
    "several patterns": several,
    "P1": lambda: studies.content(studies.decision(Priority.P1)),
    "P2": studies.content,
    "P3": lambda: studies.content(studies.decision(Priority.P3)),
    "negative": lambda: studies.content(studies.negative()),
    "not assessed": studies.unassessed_content,
    "verbose": verbose,
    "no context": lambda: replace(studies.content(), context_lines=(), completeness=""),
}


def text_of(content: ReportContent) -> str:
    return " ".join(line.text for line in page_lines(content))


def luminance(colour: Colour) -> float:
    """Relative luminance (WCAG 2.2)."""
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", CONTENTS)
def test_no_line_leaves_the_page_or_touches_another(name):
    lines = page_lines(CONTENTS[name]())
    boxes = [line.box for line in lines]
    for (left, top, right, bottom), line in zip(boxes, lines, strict=True):
        assert left >= 40, line
        assert top >= 0, line
        assert right <= SIZE - 40, line
        assert bottom <= SIZE - 8, line
    for (l1, t1, r1, b1), (l2, t2, r2, b2) in combinations(boxes, 2):
        assert r1 <= l2 or r2 <= l1 or b1 <= t2 or b2 <= t1


@pytest.mark.parametrize("name", CONTENTS)
def test_every_line_has_enough_contrast_with_what_is_drawn_behind_it(name):
    content = CONTENTS[name]()
    pixels = np.asarray(render_banner(content))
    for line in page_lines(content):
        background = tuple(int(c) for c in pixels[line.y + line.style.leading // 2, line.x - 3])
        assert background == line.style.background, line
        light, dark = sorted((luminance(line.style.colour), luminance(background)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, line


@pytest.mark.parametrize("name", CONTENTS)
def test_the_page_names_the_priority_and_what_it_is_not_for(name):
    content = CONTENTS[name]()
    priority = content.decision.priority
    assert page_lines(content)[0].text == f"{priority.value} {priority.words.upper()}"
    assert NOT_FOR_DIAGNOSIS in text_of(content)
    assert content.decision.policy.digest[:16] in text_of(content)


@pytest.mark.parametrize("name", CONTENTS)
def test_nothing_of_the_patients_identity_is_on_the_page(name):
    header = studies.header(studies.FLAIR, 1)
    text = text_of(CONTENTS[name]())
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyInstanceUID"):
        assert str(header[keyword].value) not in text


def test_priorities_differ_without_colour():
    assert len({band.chevrons for band in BANDS.values()}) == len(Priority)
    assert len({band.note for band in BANDS.values()}) == len(Priority)


def test_an_unassessed_study_looks_and_reads_unlike_a_negative_one():
    unassessed, negative = studies.unassessed_content(), studies.content(studies.negative())
    assert "IMAGES NOT ASSESSED" in text_of(unassessed)
    assert "No conclusion in either direction." in text_of(unassessed)
    assert "NOT ASSESSED" not in page_lines(negative)[2].text
    strips = [
        np.asarray(render_banner(content))[212, :190].std(axis=0).max() for content in (unassessed, negative)
    ]
    assert strips[0] > 10 > strips[1] == 0


def test_a_page_of_a_study_that_still_arrives_says_so_and_concludes_nothing():
    said = " ".join(line.text for line in page_lines(studies.provisional_content()))
    assert "PROVISIONAL" in said
    assert "IMAGES NOT ASSESSED" not in said
    assert "No conclusion in either direction" in said


def test_every_suspected_pattern_is_named_where_two_lines_hold_them():
    lines = [line for line in page_lines(several()) if line.style.is_bold]
    assert "S" + SEVERAL[1:] in " ".join(line.text for line in lines)
    assert "Could be more" in text_of(several())


def test_a_clinical_floor_stays_visible_when_images_are_not_assessed():
    decision = replace(
        studies.not_assessed(), priority=Priority.P1, headline="P1 critical: NOT ASSESSED; F1: status"
    )
    text = text_of(studies.content(decision))
    assert "P1 CRITICAL" in text
    assert "IMAGES NOT ASSESSED" in text
    assert "F1: status" in text


def test_the_negative_page_never_calls_anything_normal_of_its_own():
    decision = replace(studies.negative(), sentences=(), disclaimers=(), not_assessed=())
    assert "normal" not in text_of(studies.content(decision)).casefold()
    assert "does not exclude disease" in text_of(studies.content(decision))


def test_what_does_not_fit_is_counted_and_found_in_the_sr():
    text = text_of(verbose())
    assert "more: see SR" in text
    assert ELLIPSIS.strip() in text


def test_the_page_is_the_same_each_time():
    first, again = render_banner(studies.content()), render_banner(studies.content())
    assert first.size == (SIZE, SIZE)
    assert first.tobytes() == again.tobytes()


@pytest.mark.parametrize(
    "text", ["", "word", "a few words that need several lines of text", "x" * 300, "x " * 90]
)
def test_wrapping_keeps_the_width_and_every_character(text):
    style = Style(20, (0, 0, 0), (255, 255, 255))
    lines = wrap(text, style, 200, at_most=1000)
    assert all(width_of(line, style) <= 200 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(width_of(line, style) <= 200 for line in wrap(text, style, 200, at_most=2))
    assert len(wrap(text, style, 200, at_most=2)) <= 2
