"""Every complaint about a policy or case file: its words, its file and its line."""

from datetime import date
from enum import StrEnum

import pytest

from rules.policy_reading import PolicyError, Table, read


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def entry(text: str):
    return read(text, "a.yaml")


def complaint(act) -> str:
    with pytest.raises(PolicyError) as refused:
        act()
    return str(refused.value)


def test_a_complaint_carries_its_file_and_line():
    error = PolicyError("a.yaml", 3, "wrong")
    assert (error.file, error.line, str(error)) == ("a.yaml", 3, "a.yaml:3: wrong")


@pytest.mark.parametrize(
    ("text", "act", "told"),
    [
        ("- a\n- b", lambda e: e.table("x"), "1: expected a mapping"),
        ("a: 1\nb: 2", lambda e: e.table("a c", "d"), "2: unknown key `b`; allowed here: a, c, d"),
        ("\na: 1", lambda e: e.table("a c"), "2: key `c` is missing"),
        ("a: 1\n2: b", lambda e: e.table("a"), "2: expected text"),
        ("a: 1\na: 2", lambda e: e.table("a"), "2: key `a` stands here twice"),
        ("{}", lambda e: e.only(), "1: expected one key, found 0"),
        ("a: 1\nb: 2", lambda e: e.only(), "1: expected one key, found 2"),
        ("[a]", lambda e: e.mapping(), "1: expected a mapping"),
        ("[a]", lambda e: e.whole_mapping(), "1: expected a mapping"),
        ("{1: 2, 1: 3}", lambda e: e.whole_mapping(), "1: a number stands here twice"),
        ("{a: 2}", lambda e: e.whole_mapping(), "1: expected a whole number of at most 5 digits"),
        ("1: 2\n3: b", lambda e: e.whole_mapping(), "2: expected a whole number of at most 5 digits"),
        ("{a: b}", lambda e: e.items(), "1: expected a list"),
        ("[]", lambda e: e.items(), "1: expected a list with at least one item"),
        ("{a: b}", lambda e: e.any_items(), "1: expected a list"),
        ("[a]", lambda e: e.text(), "1: expected text"),
        ("12", lambda e: e.text(), "1: expected text"),
        ("' '", lambda e: e.text(), "1: expected text, found nothing"),
        ("[a]", lambda e: e.raw(), "1: expected one value"),
        ("' '", lambda e: e.raw(), "1: expected a value, found nothing"),
        ("[a, 1]", lambda e: e.texts(), "1: expected text"),
        ("1e3", lambda e: e.number(), "1: expected a finite number"),
        ("'1'", lambda e: e.number(), "1: expected a finite number"),
        ("[1]", lambda e: e.number(), "1: expected a finite number"),
        ("1.5", lambda e: e.whole(), "1: expected a whole number of at most 5 digits"),
        ("100000", lambda e: e.whole(), "1: expected a whole number of at most 5 digits"),
        ("-1", lambda e: e.count(), "1: expected a number that is not negative"),
        ("yes", lambda e: e.flag(), "1: expected true or false"),
        ("'true'", lambda e: e.flag(), "1: expected true or false"),
        ("soon", lambda e: e.day(), "1: expected a date such as 2026-05-31"),
        ("2026-02-30", lambda e: e.day(), "1: expected a date such as 2026-05-31, found 2026-02-30"),
        ("green", lambda e: e.choice(Colour), "1: `green` is none of red, blue"),
    ],
)
def test_each_complaint_has_its_words(text: str, act, told: str):
    assert complaint(lambda: act(entry(text))) == f"a.yaml:{told}"


def test_what_is_right_is_taken():
    table = entry(
        "a: 1\nb: [x, y]\nc:  two   words\nd: {1: 2, 3: 4}\ne: -2.5\nf: 2026-05-31\ng: false\nh: red"
    ).table("a b c d e f g", "h i")
    assert table["a"].whole() == table["a"].count() == 1
    assert (entry("0").count(), entry("-99999").whole()) == (0, -99999)
    assert table["b"].texts() == ("x", "y")
    assert table["c"].text() == "two words"
    assert table["d"].whole_mapping() == {1: 2, 3: 4}
    assert table["e"].number() == -2.5
    assert table["f"].day() == date(2026, 5, 31)
    assert table["g"].flag() is False
    assert entry("true").flag() is True
    assert table["h"].choice(Colour) is Colour.RED
    assert table.get("i") is None
    assert table["b"].line == 2


@pytest.mark.parametrize(
    ("text", "raw"), [("yes", "yes"), ("120/75", "120/75"), ("'a  b'", "a b"), ("14 mL", "14 mL")]
)
def test_a_value_is_taken_as_it_was_written(text: str, raw: str):
    assert entry(text).raw() == raw


def test_one_key_and_its_value():
    name, body = entry("not: {a: b}").only()
    assert name == "not"
    assert body.mapping()["a"].text() == "b"


def test_optional_keys_are_empty_where_they_are_not():
    table = entry("a: text\nb: [x]").table("", "a b c")
    assert isinstance(table, Table)
    assert (table.text("a"), table.text("c")) == ("text", "")
    assert [item.text() for item in table.items("b")] == ["x"]
    assert table.items("c") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a.yaml:1: the file is empty"),
        ("a: ]", "a.yaml:1: not YAML: "),
        ("a: b\nc: d: e", "a.yaml:2: not YAML: "),
        ("a: \x07", "a.yaml:1: not YAML: "),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(text: str, told: str):
    said = complaint(lambda: entry(text))
    assert said.startswith(told)
    assert "None" not in said
