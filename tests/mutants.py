"""`python tests/mutants.py`: what `make mutation` found, by module, as the table of docs/mutation.md, and each survivor below it."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

_SURVIVED = (0, 33)
"""Exit codes of a mutant that no test killed: all tests passed, or no test runs its function."""
_FOLDER = Path(__file__).parents[1] / "mutants" / "rules"


@dataclass(frozen=True)
class Module:
    """The mutants of one module; those without a code were not tried."""

    name: str
    codes: dict[str, int | None]

    @property
    def tried(self) -> list[str]:
        return [name for name, code in self.codes.items() if code is not None]

    @property
    def survivors(self) -> list[str]:
        return [name for name in self.tried if self.codes[name] in _SURVIVED]


def table(modules: list[Module]) -> list[str]:
    """Killed, tried and known mutants of each module."""
    lines = ["| module | killed | tried | killed of tried | mutants |", "|---|---|---|---|---|"]
    lines += [
        _row(f"`{one.name}`", len(one.tried) - len(one.survivors), len(one.tried), len(one.codes))
        for one in modules
    ]
    tried = sum(len(one.tried) for one in modules)
    killed = tried - sum(len(one.survivors) for one in modules)
    return [*lines, _row("all", killed, tried, sum(len(one.codes) for one in modules))]


def _row(name: str, killed: int, tried: int, known: int) -> str:
    share = f"{100 * killed / tried:.1f} %" if tried else ""
    return f"| {name} | {killed} | {tried} | {share} | {known} |"


def _read(path: Path) -> Module:
    codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return Module(path.name.removesuffix(".py.meta"), codes)


if __name__ == "__main__":
    found = [one for path in sorted(_FOLDER.glob("*.py.meta")) if (one := _read(path)).codes]
    sys.stdout.write("\n".join([*table(found), "", *(name for one in found for name in one.survivors), ""]))
