"""What came of one case, as it is kept on disk so that a stopped evaluation can go on."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rules.codec import from_plain, to_plain
from rules.decision import Status
from rules.facts import Case
from rules.findings import Measured
from rules.messages import SeriesUse, StageTime
from rules.urgency import Priority
from workers.evaluation.overlap import Overlap
from workers.evaluation.regional import RegionOverlap
from workers.evaluation.truth import Truth


class Ending(StrEnum):
    """How a case ended."""

    DONE = "done"
    REFUSED = "refused"
    """No header of the study could be read."""
    TIMEOUT = "timeout"
    CRASH = "crash"


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One rule on one study."""

    rule: str
    status: Status
    margin: float
    """Distance to the rule's border, see workers/evaluation/margin.py."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the product said of one study, beside what is true."""

    name: str
    identity: str
    """Digest of study and measuring code: another identity is another outcome."""
    ending: Ending
    detail: str = ""
    """One clause of a case that did not end well."""
    truth: Truth | None = None
    policy_digest: str = ""
    """Of the policy that the rules and priorities are of."""
    priority: Priority | None = None
    imaging_priority: Priority | None = None
    rules: tuple[RuleOutcome, ...] = ()
    case: Case | None = None
    """What was decided on: all findings, without identifiers; None where nothing was measured."""
    series: tuple[SeriesUse, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    regions: tuple[RegionOverlap, ...] = ()
    """The same region by region; empty in outcomes of before they were kept."""
    brain_dice: float | None = None
    """Of the brain mask; None where the truth is not known or no brain was found."""
    seconds: float = 0.0
    """Wall time from files to decision, without making the study."""
    peak_mb: float = 0.0
    """Largest resident memory of the analysing process."""
    stages: tuple[StageTime, ...] = ()
    pictures: tuple[str, ...] = ()
    """Below the evaluation's folder."""

    @property
    def measured(self) -> tuple[Measured, ...]:
        """The findings that have a value."""
        return tuple(one for one in self.case.findings if isinstance(one, Measured)) if self.case else ()

    @property
    def kind(self) -> str:
        """What kind of study it is, as its maker calls it."""
        return dict(self.truth.strata).get("case", "") if self.truth else "not made"

    @property
    def wrong_rules(self) -> tuple[str, ...]:
        """Rules that were missed (`-R03`) or given without need (`+R03`)."""
        if self.truth is None:
            return ()
        given = {one.rule for one in self.rules if one.status is Status.PRESENT}
        allowed = {*self.truth.present, *self.truth.tolerated}
        known = {one.rule for one in self.rules}
        missed = [f"-{rule}" for rule in sorted({*self.truth.present} & known - given)]
        return (*missed, *(f"+{rule}" for rule in sorted(given - allowed)))


def save(outcome: Outcome, path: Path) -> None:
    """Write the outcome whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(to_plain(outcome), ensure_ascii=False) + "\n", encoding="utf-8")
    fresh.replace(path)


def load(path: Path) -> Outcome:
    """The outcome that `save` wrote; raises MessageError if another version wrote it."""
    found: Outcome = from_plain(Outcome, json.loads(path.read_text(encoding="utf-8")))
    return found
