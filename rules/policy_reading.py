"""Reading policy files strictly: every complaint names file and line, and nothing unknown, double or missing passes."""

import re
from collections.abc import Iterator  # noqa: TC003 - the house imports at run time what it annotates
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NoReturn, TypeVar

import yaml

C = TypeVar("C", bound=StrEnum)

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same reader in C where PyYAML was built with it: a policy is read in a fraction of the time."""
_STR, _DATE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp"


class PolicyError(ValueError):
    """A policy or case file that must not be used; says in which file and line, and why."""

    def __init__(self, file: str, line: int, problem: str) -> None:
        self.file = file
        self.line = line
        super().__init__(f"{file}:{line}: {problem}")


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One YAML node with the file it stands in."""

    node: yaml.Node
    file: str

    @property
    def line(self) -> int:
        """From 1."""
        return int(self.node.start_mark.line) + 1

    def fail(self, problem: str) -> NoReturn:
        """Raises PolicyError at this node's line."""
        raise PolicyError(self.file, self.line, problem)

    def table(self, required: str, optional: str = "") -> "Table":
        """The node as a mapping with exactly these keys (names separated by blanks)."""
        entries = dict(self._pairs())
        allowed = [*required.split(), *optional.split()]
        for key, entry in entries.items():
            if key not in allowed:
                entry.fail(f"unknown key `{key}`; allowed here: {', '.join(allowed)}")
        for key in required.split():
            if key not in entries:
                self.fail(f"key `{key}` is missing")
        return Table(entries)

    def only(self) -> "tuple[str, Entry]":
        """The one key and value of a mapping with one key."""
        pairs = list(self._pairs())
        if len(pairs) != 1:
            self.fail(f"expected one key, found {len(pairs)}")
        return pairs[0]

    def mapping(self) -> "dict[str, Entry]":
        """The node as a mapping with any keys."""
        return dict(self._pairs())

    def whole_mapping(self) -> dict[int, int]:
        """The node as a mapping of whole numbers to whole numbers."""
        if not isinstance(self.node, yaml.MappingNode):
            self.fail("expected a mapping")
        pairs = [(Entry(k, self.file).whole(), Entry(v, self.file).whole()) for k, v in self.node.value]
        if len(dict(pairs)) != len(pairs):
            self.fail("a number stands here twice")
        return dict(pairs)

    def items(self) -> "list[Entry]":
        """The node as a list with at least one item."""
        return self.any_items() or self.fail("expected a list with at least one item")

    def any_items(self) -> "list[Entry]":
        """The node as a list that may be empty: `[]` says that there is none."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.fail("expected a list")
        return [Entry(node, self.file) for node in self.node.value]

    def text(self) -> str:
        """The node as text that is not empty; folded lines become one."""
        words = " ".join(self._scalar(_STR, "text").split())
        return words or self.fail("expected text, found nothing")

    def raw(self) -> str:
        """Any scalar as it was written, on one line: `120/75`, `yes`, `14 mL`; for values that people write."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.fail("expected one value")
        return " ".join(self.node.value.split()) or self.fail("expected a value, found nothing")

    def texts(self) -> tuple[str, ...]:
        return tuple(item.text() for item in self.items())

    def number(self) -> float:
        """The node as a plain decimal number; YAML's other notations (0x1f, 1:30, .inf) are refused."""
        return float(self._matching(r"-?\d+(\.\d+)?", "a finite number"))

    def whole(self) -> int:
        """The node as a whole number of a size that a date or a count can have."""
        return int(self._matching(r"-?\d{1,5}", "a whole number of at most 5 digits"))

    def count(self) -> int:
        """The node as a whole number that is not negative."""
        number = self.whole()
        return number if number >= 0 else self.fail("expected a number that is not negative")

    def flag(self) -> bool:
        return self._matching("true|false", "true or false") == "true"

    def day(self) -> date:
        text = self._scalar(_DATE, "a date such as 2026-05-31")
        try:
            return date.fromisoformat(text)
        except ValueError:
            self.fail(f"expected a date such as 2026-05-31, found {text}")

    def choice(self, choices: type[C]) -> C:
        return self.one_of(choices, self.text())

    def one_of(self, choices: type[C], text: str) -> C:
        """The choice that some text at this node names."""
        try:
            return choices(text)
        except ValueError:
            self.fail(f"`{text}` is none of {', '.join(choices)}")

    def _matching(self, pattern: str, what: str) -> str:
        if (
            not isinstance(self.node, yaml.ScalarNode)
            or self.node.style
            or not re.fullmatch(pattern, self.node.value)
        ):
            self.fail(f"expected {what}")
        return str(self.node.value)

    def _scalar(self, tag: str, what: str) -> str:
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag != tag:
            self.fail(f"expected {what}")
        return str(self.node.value)

    def _pairs(self) -> "Iterator[tuple[str, Entry]]":
        if not isinstance(self.node, yaml.MappingNode):
            self.fail("expected a mapping")
        seen: set[str] = set()
        for key_node, value_node in self.node.value:
            key = Entry(key_node, self.file).text()
            if key in seen:
                Entry(key_node, self.file).fail(f"key `{key}` stands here twice")
            seen.add(key)
            yield key, Entry(value_node, self.file)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The checked entries of a mapping."""

    entries: dict[str, Entry]

    def __getitem__(self, key: str) -> Entry:
        return self.entries[key]

    def get(self, key: str) -> Entry | None:
        return self.entries.get(key)

    def text(self, key: str) -> str:
        """Text of an optional key; empty if it is not there."""
        return self.entries[key].text() if key in self.entries else ""

    def items(self, key: str) -> list[Entry]:
        """Items of an optional list; none if it is not there."""
        return self.entries[key].items() if key in self.entries else []


def read(text: str, file: str) -> Entry:
    """The root node of one policy file.

    Raises PolicyError if the text is not YAML.
    """
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError(file, line, f"not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise PolicyError(file, 1, f"not YAML: {error}") from error
    if node is None:
        raise PolicyError(file, 1, "the file is empty")
    return Entry(node, file)
