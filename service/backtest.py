"""Every stored study decided again by another policy, from the findings and the context of its results. Writes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from rules.backtest import Comparison, Movement, compare
from rules.codec import MessageError, from_plain
from rules.decide import decide
from rules.last_result import DERIVED
from rules.messages import StudyReady, StudyTriaged
from rules.policy import Policy
from rules.urgency import Priority, most_urgent
from rules.words import quantity_words
from service.decided_on import case_of
from service.store.tables import Job, Study

_AT_ONCE = 50
"""Studies in memory at a time."""


@dataclass(frozen=True, slots=True)
class Redecided:
    """A study's latest result beside what the other policy makes of it."""

    study_instance_uid: str
    snapshot: int
    comparison: Comparison
    not_measured: tuple[str, ...]
    """What the other policy asks for and no check told of then; it stays open."""


@dataclass(frozen=True, slots=True)
class NotRedecided:
    """A study without a result that could be decided again, and why."""

    study_instance_uid: str
    why: str


def backtest(session: Session, policy: Policy) -> Iterator[Redecided | NotRedecided]:
    """Each study in the order of arrival.

    Its results are decided one after the other, as the service does it: what an earlier one asked for under the other
    policy is not lowered by a later one.
    """
    found = select(Study).options(selectinload(Study.jobs)).order_by(Study.received_at)
    for study in session.scalars(found.execution_options(yield_per=_AT_ONCE)):
        done = [job for job in study.jobs if job.state == "done" and job.triaged]
        if not done:
            yield NotRedecided(study.study_instance_uid, _why_not(study))
            continue
        try:
            yield _redecided(session, study, done, policy)
        except MessageError as error:
            yield NotRedecided(study.study_instance_uid, f"stored by another version: {error}")


def _why_not(study: Study) -> str:
    if not study.jobs:
        return "not settled yet"
    job = study.jobs[-1]
    reasons = {
        "declined": f"not analysed ({job.decline_code.replace('_', ' ')})",
        "failed": "the analysis gave no result",
        "owed": "waits for its result",
    }
    return reasons.get(job.state, f"its job is {job.state} without a result")


def _redecided(session: Session, study: Study, done: list[Job], policy: Policy) -> Redecided | NotRedecided:
    earlier: Priority | None = None
    for job in done:
        triaged = from_plain(StudyTriaged, job.triaged)
        case = case_of(session, study, from_plain(StudyReady, job.ready), triaged)
        case = replace(case, earlier_priority=earlier)
        decision = decide(policy, case)
        earlier = decision.priority if earlier is None else most_urgent(earlier, decision.priority)
    seen = compare(triaged.decision, decision)
    if triaged.decision.policy == decision.policy and seen.movement is not Movement.UNCHANGED:
        return NotRedecided(study.study_instance_uid, "its rows do not hold all that it was decided on")
    return Redecided(study.study_instance_uid, triaged.snapshot, seen, _not_measured(policy, triaged))


def _not_measured(policy: Policy, triaged: StudyTriaged) -> tuple[str, ...]:
    told = {finding.quantity for finding in triaged.findings}
    asked = {subject.quantity for subject in policy.needed_findings()}
    return tuple(sorted(quantity_words(quantity) for quantity in asked - told - DERIVED))
