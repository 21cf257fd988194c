"""How the service does at this site: values from radiologists' assessments, times, and what could not be assessed."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules.urgency import Priority
from service.answers import Verdict
from service.store.desk_tables import Acknowledgement, Assessment, WorklistEntry
from service.store.tables import Delivery, Job, Study
from service.worklist import Status

_Z95 = 1.959964
"""Two-sided 95 % of the normal distribution."""
P1_BUDGET = 0.10
"""Above this share of P1 among decided studies somebody should look at the policy (knowledge base section 3, [P])."""
_REASONS = 12


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's score interval (doi 10.1080/01621459.1927.10502953).

        >>> [round(limit, 3) for limit in Share(8, 10).interval]
        [0.49, 0.943]
        """
        if not self.whole:
            return None
        share, n = self.part / self.whole, self.whole
        centre = share + _Z95**2 / (2 * n)
        half = _Z95 * math.sqrt(share * (1 - share) / n + _Z95**2 / (4 * n * n))
        scale = 1 + _Z95**2 / n
        return max((centre - half) / scale, 0.0), min((centre + half) / scale, 1.0)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds from result to acknowledgement of one priority."""

    priority: str
    count: int
    median_s: float
    p90_s: float
    in_time: Share
    """Within the reading target."""


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds from one moment to another, of one priority."""

    priority: str
    count: int
    median_s: float
    p90_s: float


@dataclass(frozen=True, slots=True)
class Performance:
    """The figures of a period."""

    since: datetime
    decided: int
    by_priority: dict[str, int]
    p1: Share
    ppv: Share
    """Of the assessed results with a pattern, those that a radiologist agreed with."""
    npv: Share
    """Of the assessed results without a pattern, those that a radiologist agreed with."""
    assessed: Share
    not_assessed: Share
    reasons: tuple[tuple[str, int], ...]
    """Why studies were not assessed, in whole or in part, most frequent first."""
    acknowledgements: tuple[Times, ...]
    to_result: tuple[Span, ...]
    """From the first image to the first result."""
    to_destination: tuple[Span, ...]
    """From a result until the first destination had it."""
    waiting: int
    """Urgent alerts that nobody acknowledged yet."""


def performance(session: Session, since: datetime) -> Performance:
    """The figures of the studies that came since a moment."""
    rows = session.execute(
        select(
            WorklistEntry.decided,
            WorklistEntry.status,
            WorklistEntry.verdict,
            WorklistEntry.acknowledged_at,
            WorklistEntry.not_assessed,
        ).where(WorklistEntry.is_flagged, WorklistEntry.received_at >= since)
    ).all()
    with_result = [row for row in rows if row.decided]
    counts = Counter(row.decided for row in with_result)
    reasons = Counter(family(reason) for row in with_result for reason in row.not_assessed)
    ppv, npv = _predictive(session, since)
    urgent = (Priority.P1.value, Priority.P2.value)
    return Performance(
        since=since,
        decided=len(with_result),
        by_priority={priority.value: counts[priority.value] for priority in Priority},
        p1=Share(counts["P1"], len(with_result)),
        ppv=ppv,
        npv=npv,
        assessed=Share(sum(bool(row.verdict) for row in with_result), len(with_result)),
        not_assessed=Share(sum(row.status == Status.NOT_ASSESSED for row in with_result), len(with_result)),
        reasons=tuple(reasons.most_common(_REASONS)),
        acknowledgements=tuple(_times(session, since)),
        to_result=_spans(_results(session, since)),
        to_destination=_spans(_arrivals(session, since)),
        waiting=sum(row.decided in urgent and row.acknowledged_at is None for row in with_result),
    )


def _predictive(session: Session, since: datetime) -> tuple[Share, Share]:
    """The last assessment of each study counts, whoever gave it."""
    last = (
        select(func.max(Assessment.id)).where(Assessment.at >= since).group_by(Assessment.study_instance_uid)
    )
    given = session.execute(
        select(Assessment.is_positive, Assessment.verdict, func.count())
        .where(Assessment.id.in_(last))
        .group_by(Assessment.is_positive, Assessment.verdict)
    )
    counts = {(is_positive, verdict): count for is_positive, verdict, count in given}
    return _agreed(counts, is_positive=True), _agreed(counts, is_positive=False)


def _agreed(counts: dict[tuple[bool, str], int], *, is_positive: bool) -> Share:
    whole = sum(count for (positive, _), count in counts.items() if positive is is_positive)
    return Share(counts.get((is_positive, Verdict.AGREE.value), 0), whole)


def _times(session: Session, since: datetime) -> Iterable[Times]:
    held = session.execute(
        select(Acknowledgement.priority, Acknowledgement.seconds, Acknowledgement.target_seconds).where(
            Acknowledgement.at >= since
        )
    ).all()
    for priority in Priority:
        mine = [row for row in held if row.priority == priority.value]
        if not mine:
            continue
        seconds = sorted(row.seconds for row in mine)
        targets = [row for row in mine if row.target_seconds]
        in_time = sum(row.seconds <= row.target_seconds for row in targets)
        yield Times(
            priority.value,
            len(mine),
            median(seconds),
            _percentile(seconds, 0.9),
            Share(in_time, len(targets)),
        )


def _results(session: Session, since: datetime) -> Iterable[tuple[str, float]]:
    first = (
        select(func.min(Job.id))
        .where(Job.state == "done", Job.done_at >= since)
        .group_by(Job.study_instance_uid)
    )
    found = session.execute(
        select(Job.priority, Job.done_at, Study.received_at)
        .join(Study, Study.study_instance_uid == Job.study_instance_uid)
        .where(Job.id.in_(first))
    )
    return [(row.priority, (row.done_at - row.received_at).total_seconds()) for row in found if row.priority]


def _arrivals(session: Session, since: datetime) -> Iterable[tuple[str, float]]:
    found = session.execute(
        select(Job.priority, Job.done_at, func.min(Delivery.stored_at).label("stored_at"))
        .join(Delivery, Delivery.job_id == Job.job_id)
        .where(Job.done_at >= since, Delivery.stored_at.is_not(None))
        .group_by(Job.job_id, Job.priority, Job.done_at)
    )
    return [(row.priority, (row.stored_at - row.done_at).total_seconds()) for row in found if row.priority]


def _spans(held: Iterable[tuple[str, float]]) -> tuple[Span, ...]:
    by_priority: dict[str, list[float]] = {}
    for priority, seconds in held:
        by_priority.setdefault(priority, []).append(max(seconds, 0.0))
    return tuple(
        Span(priority, len(values), median(values), _percentile(sorted(values), 0.9))
        for priority, values in sorted(by_priority.items())
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed (nearest rank)."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def family(reason: str) -> str:
    """A reason without its regions, so that alike ones are counted together.

    >>> family("FLAIR hyperintensity of left frontal: not covered by the slices")
    'FLAIR hyperintensity: not covered by the slices'
    """
    what, mark, why = reason.partition(": ")
    return f"{what.partition(' of ')[0]}: {why}" if mark else reason
