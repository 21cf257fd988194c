"""Lines of measurements: what they mean, at which values a range decides, and every complaint in full."""

import pytest

from rules.anatomy import Region, Side
from rules.case_values import (
    COMPARISONS,
    EVIDENCE,
    Line,
    lines_of,
    measured,
    read_line,
    reason_of,
    silent,
)
from rules.conditions import Subject
from rules.findings import Measured, NotAssessed, Quantity, Unit, Why
from rules.policy_reading import Entry, PolicyError, read

LEFT = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.LEFT)
RIGHT = LEFT._replace(side=Side.RIGHT)
FOCI = Subject(Quantity.FLAIR_FOCI, Region.BRAIN, Side.WHOLE)
RATIO = Subject(Quantity.CSF_RATIO, Region.SULCI, Side.WHOLE)
ADC = Subject(Quantity.ADC_MEDIAN, Region.BRAIN, Side.WHOLE)
CHANGE, NEW, GONE = (
    LEFT._replace(quantity=one)
    for one in (Quantity.FLAIR_CHANGE, Quantity.FLAIR_NEW_VOLUME, Quantity.FLAIR_GONE_VOLUME)
)


def entry(text: str) -> Entry:
    return read(f"first: x\na: {text}", "c.yaml").mapping()["a"]


def complaint(text: str, subject: Subject = LEFT) -> str:
    with pytest.raises(PolicyError) as caught:
        read_line(entry(text), subject)
    return str(caught.value)


@pytest.mark.parametrize(
    ("subject", "text", "line"),
    [
        (LEFT, "2 mL", Line(LEFT, 2.0, 2.0)),
        (LEFT, "-0.5 mL", Line(LEFT, -0.5, -0.5)),
        (LEFT, "0.5 to 4.25 mL", Line(LEFT, 0.5, 4.25)),
        (LEFT, "2 to 2 mL", Line(LEFT, 2.0, 2.0)),
        (LEFT, '"7 mL, was 6.8 mL"', Line(LEFT, 7.0, 7.0, 6.8)),
        (LEFT, '"1 to 2 mL, was 0 mL"', Line(LEFT, 1.0, 2.0, 0.0)),
        (FOCI, "3 foci", Line(FOCI, 3.0, 3.0)),
        (FOCI, "1 focus", Line(FOCI, 1.0, 1.0)),
        (FOCI, "3 lesions", Line(FOCI, 3.0, 3.0)),
        (FOCI, "1 lesion", Line(FOCI, 1.0, 1.0)),
        (FOCI, '"3 {lesions}"', Line(FOCI, 3.0, 3.0)),
        (RATIO, '"0.5"', Line(RATIO, 0.5, 0.5)),
        (RATIO, '"0.5 1"', Line(RATIO, 0.5, 0.5)),
        (ADC, "700 e-6 mm2/s", Line(ADC, 700.0, 700.0)),
        (LEFT, '"not assessed, cut off"', Line(LEFT, silence=silent(LEFT, "cut off"))),
        (LEFT, '"not assessed (quality), motion"', Line(LEFT, silence=silent(LEFT, "motion", Why.QUALITY))),
    ],
)
def test_a_line_is_read(subject: Subject, text: str, line: Line):
    assert read_line(entry(text), subject) == line


HOW = "write `2 mL`, `2 to 5 mL`, `7 mL, was 6.8 mL` or `not assessed, why`"
COMPARED = ", ".join(COMPARISONS)


@pytest.mark.parametrize(
    ("subject", "text", "told"),
    [
        (LEFT, "much", f"`much` is no measurement; {HOW}"),
        (LEFT, "1234567890 mL", f"`1234567890 mL` is no measurement; {HOW}"),
        (LEFT, "2 mm", "unit `mm` is wrong here; this is measured in `mL`"),
        (LEFT, "'2'", "unit `none` is wrong here; this is measured in `mL`"),
        (FOCI, "2 mL", "unit `mL` is wrong here; this is measured in `foci`"),
        (RATIO, "2 mL", "unit `mL` is wrong here; this is measured in `no unit`"),
        (LEFT, "5 to 2 mL", "the range `5 to 2 mL` runs backwards"),
        (LEFT, '"5 mL, was 2 mm"', "unit `mm` is wrong here; this is measured in `mL`"),
        (
            FOCI,
            '"5 foci, was 2 foci"',
            f"flair_foci is not compared with an earlier study; `was` may stand for {COMPARED}",
        ),
        (
            LEFT,
            "not assessed",
            "`not assessed` gives no reason; write `not assessed, why` or `not assessed (quality), why`",
        ),
        (LEFT, '"not assessed (bad), x"', f"`bad` is none of {', '.join(Why)}"),
    ],
)
def test_a_line_that_means_nothing_is_refused_in_full(subject: Subject, text: str, told: str):
    assert complaint(text, subject) == f"c.yaml:2: {told}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not assessed, cut off", ("cut off", Why.SERIES_MISSING)),
        ("not assessed, outside the slices", ("outside the slices", Why.COVERAGE)),
        ("not assessed (quality), outside the slices", ("outside the slices", Why.QUALITY)),
        ("not assessed,  two\n   lines", ("two lines", Why.SERIES_MISSING)),
    ],
)
def test_a_reason_has_its_kind(text: str, reason: tuple[str, Why]):
    assert reason_of(entry("x"), text) == reason


def test_findings_stand_in_their_own_unit():
    assert measured(ADC, 700.0) == Measured(*ADC, 700.0, Unit.ADC, EVIDENCE)
    assert silent(ADC, "motion", Why.QUALITY) == NotAssessed(*ADC, Why.QUALITY, "motion")
    assert silent(ADC, "no ADC series").why is Why.SERIES_MISSING


def test_a_value_before_gives_change_new_and_gone():
    line = Line(LEFT, 1.0, 5.0, 2.0)
    assert line.findings(3.0) == (
        measured(LEFT, 3.0),
        measured(CHANGE, 50.0),
        measured(NEW, 1.0),
        measured(GONE, 0.0),
    )
    assert line.findings(0.5)[1:] == (measured(CHANGE, -75.0), measured(NEW, 0.0), measured(GONE, 1.5))
    assert Line(LEFT, 1.0, 1.0, 0.0).findings(1.0) == (
        measured(LEFT, 1.0),
        measured(NEW, 1.0),
        measured(GONE, 0.0),
    )
    assert Line(LEFT, 1.0, 1.0).findings(1.0) == (measured(LEFT, 1.0),)
    assert Line(FOCI, 1.0, 1.0, 2.0).findings(1.0) == (measured(FOCI, 1.0),)
    silence = silent(LEFT, "cut off")
    assert Line(LEFT, 1.0, 1.0, 2.0, silence).findings(1.0) == (silence,)


def test_a_range_is_tried_at_ends_cuts_and_between():
    cuts = [(LEFT, 2.0), (LEFT, 9.0), (RIGHT, 1.5), (FOCI, 1.25)]
    assert Line(LEFT, 1.0, 3.0).points(cuts) == (1.0, 1.5, 2.0, 2.5, 3.0)
    assert Line(LEFT, 2.0, 9.0).points(cuts) == (2.0, 5.5, 9.0)
    assert Line(LEFT, 2.0, 2.0).points(cuts) == (2.0,)
    assert Line(LEFT, -3.0, -1.0).points(cuts) == (-3.0, -2.5, -2.0, -1.5, -1.0), "a cut of a magnitude"
    assert Line(LEFT, 1.0, 1.0).is_range is False
    assert Line(LEFT, 1.0, 1.5).is_range is True


def test_a_range_with_a_value_before_is_tried_where_the_comparison_decides():
    line = Line(LEFT, 4.0, 12.0, 8.0)
    assert line.points([(CHANGE, 25.0)]) == (4.0, 7.0, 10.0, 11.0, 12.0)
    assert line.points([(NEW, 2.0)]) == (4.0, 7.0, 10.0, 11.0, 12.0)
    assert line.points([(GONE, 2.0)]) == (4.0, 5.0, 6.0, 9.0, 12.0)
    for elsewhere in (
        CHANGE._replace(side=Side.RIGHT),
        CHANGE._replace(region=Region.PONS),
        FOCI,
        LEFT._replace(quantity=Quantity.CSF_CHANGE),
    ):
        assert line.points([(elsewhere, 5.0)]) == (4.0, 8.0, 12.0)
    assert Line(LEFT, 4.0, 12.0).points([(CHANGE, 25.0)]) == (4.0, 8.0, 12.0)
    fluid = Line(Subject(Quantity.CSF_VOLUME, Region.SULCI, Side.WHOLE), 2.0, 16.0, 16.0)
    loss = Subject(Quantity.CSF_CHANGE, Region.SULCI, Side.WHOLE)
    assert fluid.points([(loss, -50.0)]) == (2.0, 5.0, 8.0, 12.0, 16.0)


def test_lines_are_read_for_each_side_they_name():
    text = "flair_volume both thalamus: 2 mL\nflair_foci whole brain: 1 focus"
    told = list(lines_of(read(text, "c.yaml"), None))
    assert [line for line, _ in told] == [
        Line(LEFT, 2.0, 2.0),
        Line(RIGHT, 2.0, 2.0),
        Line(FOCI, 1.0, 1.0),
    ]
    assert [item.line for _, item in told] == [1, 1, 2]
    assert list(lines_of(None, frozenset())) == []


@pytest.mark.parametrize(
    ("text", "needed", "told"),
    [
        (
            "2 mL",
            {RIGHT, LEFT._replace(region=Region.PONS, side=Side.MIDLINE), FOCI},
            "rules ask for it at: midline pons, right thalamus",
        ),
        ("2 mL", {FOCI}, "no rule asks for this quantity anywhere"),
        ("2 mL", {NEW}, "no rule asks for this quantity anywhere"),
        (
            "'2 mL, was 1 mL'",
            {NEW._replace(side=Side.RIGHT)},
            "no rule asks for this quantity anywhere",
        ),
    ],
)
def test_what_no_rule_asks_for_is_refused_with_where_they_ask(text: str, needed: set[Subject], told: str):
    with pytest.raises(PolicyError) as caught:
        list(lines_of(read(f"flair_volume left thalamus: {text}", "c.yaml"), frozenset(needed)))
    expected = f"c.yaml:1: no rule asks for flair_volume left thalamus; {told} (`also` takes it all the same)"
    assert str(caught.value) == expected


@pytest.mark.parametrize(("text", "needed"), [("2 mL", LEFT), ("'2 mL, was 1 mL'", NEW)])
def test_what_a_rule_asks_for_itself_or_of_its_comparison_is_taken(text: str, needed: Subject):
    told = lines_of(read(f"flair_volume left thalamus: {text}", "c.yaml"), frozenset({needed}))
    assert [line.subject for line, _ in told] == [LEFT]
