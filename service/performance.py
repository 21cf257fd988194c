"""How the service does at this site: values from radiologists' assessments, times, and what could not be assessed."""

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, Text, cast, exists, func, select
from sqlalchemy.orm import Session, aliased

from rules.urgency import Priority
from service.answers import Verdict
from service.spans import Span, seconds_between, spans
from service.store.desk_tables import Acknowledgement, Assessment, WorklistEntry
from service.store.tables import Delivery, Job, Study, UTCDateTime
from service.worklist import Status

_Z95 = 1.959964
"""Two-sided 95 % of the normal distribution."""
P1_BUDGET = 0.10
"""Above this share of P1 among decided studies somebody should look at the policy (knowledge base section 3, [P])."""
_REASONS = 12
_COUNT = re.compile(r"\b\d+ of \d+ ")
_PRIORITY = func.coalesce(Job.priority, "")
"""Each result has one; written so, the index of priorities, which leads to every row, is not taken instead of the one of results."""


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

    span: Span
    in_time: Share
    """Within the reading target."""


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
    """The figures of the studies that came since a moment; counted by the database, which answers for 90,000 studies in a second or two."""
    decided = _Decided(session, since)
    ppv, npv = _predictive(session, since)
    return Performance(
        since=since,
        decided=decided.count(),
        by_priority={priority.value: decided.count(priority=priority.value) for priority in Priority},
        p1=Share(decided.count(priority="P1"), decided.count()),
        ppv=ppv,
        npv=npv,
        assessed=Share(decided.count(has_verdict=True), decided.count()),
        not_assessed=Share(decided.count(status=Status.NOT_ASSESSED), decided.count()),
        reasons=decided.reasons(),
        acknowledgements=_times(session, since),
        to_result=spans(session, _results(session, since)),
        to_destination=spans(session, _arrivals(session, since)),
        waiting=sum(decided.count(priority=urgent, is_waiting=True) for urgent in ("P1", "P2")),
    )


class _Decided:
    """Studies of flagged patients with a result, counted by all that is asked of them: their rows are read once, by the database."""

    def __init__(self, session: Session, since: datetime) -> None:
        reasons = cast(WorklistEntry.not_assessed, Text)
        by = {
            "priority": WorklistEntry.decided,
            "status": WorklistEntry.status,
            "has_verdict": WorklistEntry.verdict != "",
            "is_waiting": WorklistEntry.acknowledged_at.is_(None),
        }
        found = (
            select(func.count(), reasons, *by.values())
            .where(WorklistEntry.is_flagged, WorklistEntry.received_at >= since)
            .where(WorklistEntry.decided.is_not(None))
            .group_by(reasons, *by.values())
        )
        self._groups: list[tuple[int, dict[str, object]]] = []
        self._reasons: Counter[str] = Counter()
        """Lists as they are stored: they differ in their regions, not from study to study, and each is read once."""
        for count, held, *values in session.execute(found):
            self._groups.append((count, dict(zip(by, values, strict=True))))
            self._reasons[held] += count

    def count(self, **asked: object) -> int:
        """How many fit everything that is asked."""
        return sum(count for count, held in self._groups if asked.items() <= held.items())

    def reasons(self) -> tuple[tuple[str, int], ...]:
        """Why not assessed, most frequent first."""
        counts: Counter[str] = Counter()
        for held, count in self._reasons.items():
            for reason in json.loads(held):
                counts[family(reason)] += count
        return tuple(counts.most_common(_REASONS))


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


def _times(session: Session, since: datetime) -> tuple[Times, ...]:
    held = Acknowledgement.at >= since
    in_time = Acknowledgement.seconds <= Acknowledgement.target_seconds
    counted = (
        select(
            Acknowledgement.priority,
            func.count().filter(in_time),
            func.count().filter(Acknowledgement.target_seconds > 0),
        )
        .where(held)
        .group_by(Acknowledgement.priority)
    )
    shares = {priority: Share(part, whole) for priority, part, whole in session.execute(counted)}
    timed = select(Acknowledgement.priority, Acknowledgement.seconds).where(held)
    return tuple(Times(span, shares[span.priority]) for span in spans(session, timed))


def _results(session: Session, since: datetime) -> Select[tuple[str, float]]:
    """From the first image of each study to its first result."""
    before = aliased(Job)
    has_earlier = exists().where(
        before.study_instance_uid == Job.study_instance_uid, before.id < Job.id, before.state == "done"
    )
    # Asked of each result, so that the database goes through the index of results and not through the studies.
    received_at = (
        select(Study.received_at).where(Study.study_instance_uid == Job.study_instance_uid).scalar_subquery()
    )
    return select(_PRIORITY, seconds_between(session, received_at, Job.done_at)).where(
        Job.done_at >= since, ~has_earlier
    )


def _arrivals(session: Session, since: datetime) -> Select[tuple[str, float]]:
    """From each result until the first destination had it."""
    stored_at = func.min(Delivery.stored_at, type_=UTCDateTime())
    return (
        select(_PRIORITY, seconds_between(session, Job.done_at, stored_at))
        .join(Delivery, Delivery.job_id == Job.job_id)
        .where(Job.done_at >= since, Delivery.stored_at.is_not(None))
        # In the order of their index, so that no row of a result is read.
        .group_by(Job.done_at, Job.study_instance_uid, Job.job_id, Job.priority)
    )


def family(reason: str) -> str:
    """A reason without its regions and counts, so that alike ones are counted together.

    >>> family("FLAIR hyperintensity of left frontal: not covered by the slices")
    'FLAIR hyperintensity: not covered by the slices'
    >>> family("ADC: motion ghosts in 21 of 32 slices")
    'ADC: motion ghosts in slices'
    """
    what, mark, why = reason.partition(": ")
    return f"{what.partition(' of ')[0]}: {_COUNT.sub('', why)}" if mark else reason
