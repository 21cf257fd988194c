"""Checks the trail: whether any event was changed, removed, reordered or cut off, and which one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.identity import digest_of
from service.audit_anchor import Anchor
from service.store.chain import GENESIS, HASHED, hash_of
from service.store.retention_tables import AuditCheckpoint
from service.store.tables import AuditEvent, AuditHead, Job

_AT_ONCE = 1000
PURGED = "audit_purged"
"""Event that tells of events which were written out and removed."""
_RESULT_EVENTS = ("study_triaged", "study_triaged_after_failure")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written."""

    sequence: int
    """Of the event that is wrong, or of the first that is missing."""
    words: str


@dataclass(frozen=True, slots=True)
class Start:
    """A place of the chain: the last event before it, and its hash."""

    sequence: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found."""

    events: int
    last_hash: str
    faults: tuple[Fault, ...]

    @property
    def is_whole(self) -> bool:
        return not self.faults


def verify(session: Session, anchors: Sequence[Anchor] = ()) -> Verdict:
    """Walk the whole trail of the database, and compare it with its recorded end, the anchors and the stored results."""
    rows = session.execute(
        select(AuditEvent).order_by(AuditEvent.sequence).execution_options(yield_per=_AT_ONCE)
    )
    start = start_of(session)
    walk = _Walk({anchor.sequence: anchor for anchor in anchors}, start)
    faults = [*_checkpoint(session, start), *walk.at_start()]
    faults += list(walk.along(fields_of(row[0]) for row in rows))
    head = session.execute(select(AuditHead.sequence, AuditHead.hash).where(AuditHead.id == 1)).one_or_none()
    faults += _end(walk, head.sequence if head else None, head.hash if head else "")
    faults += walk.anchors_beyond()
    faults += _results(session)
    return Verdict(walk.count, walk.last_hash, tuple(sorted(faults, key=lambda fault: fault.sequence)))


def verify_after(start: Start, rows: Iterable[AuditEvent]) -> Verdict:
    """Walk events of the database from some place of the chain."""
    walk = _Walk({}, start)
    faults = tuple(walk.along(fields_of(row) for row in rows))
    return Verdict(walk.count, walk.last_hash, faults)


def start_of(session: Session) -> Start:
    """Where the trail of the database begins: at its first event, or after those that a checkpoint stands for."""
    last = select(AuditCheckpoint).order_by(AuditCheckpoint.sequence.desc()).limit(1)
    found = session.scalars(last).first()
    return Start(found.sequence, found.hash) if found else Start()


def verify_exported(events: Iterable[Mapping[str, Any]], anchors: Sequence[Anchor] = ()) -> Verdict:
    """Walk exported events (JSON Lines), which begin anywhere; what came before the first is not known."""
    walk = _Walk({anchor.sequence: anchor for anchor in anchors}, None)
    faults = [*walk.along(events), *walk.anchors_beyond()]
    return Verdict(walk.count, walk.last_hash, tuple(faults))


def _checkpoint(session: Session, start: Start) -> Iterator[Fault]:
    """The latest event of a removal tells of the checkpoint: nobody can cut off the beginning unseen."""
    told = (
        select(AuditEvent.detail)
        .where(AuditEvent.event == PURGED)
        .order_by(AuditEvent.sequence.desc())
        .limit(1)
    )
    detail = session.scalar(told)
    known = Start(int(detail["until"]), str(detail["hash"])) if detail else Start()
    if start != known:
        yield Fault(
            start.sequence + 1,
            "is where the trail begins, and no event tells that the ones before were removed",
        )


def fields_of(row: AuditEvent) -> dict[str, Any]:
    """What an event's digest covers, and the digest."""
    return {name: getattr(row, name) for name in (*HASHED, "hash")}


class _Walk:
    """Where a walk along the chain stands."""

    def __init__(self, anchors: dict[int, Anchor], start: Start | None) -> None:
        """Begin at some place of the chain; None begins wherever the first event stands."""
        self.anchors = anchors
        self.sequence = start.sequence if start else None
        self.last_hash = start.hash if start else ""
        self.count = 0

    def at_start(self) -> Iterator[Fault]:
        """The event before the first is the one that was anchored, if it was."""
        anchor = self.anchors.get(self.sequence or 0)
        if anchor is not None and anchor.hash != self.last_hash:
            yield Fault(
                anchor.sequence, f"is not the event that was anchored at {anchor.at}: its checkpoint is wrong"
            )

    def along(self, events: Iterable[Mapping[str, Any]]) -> Iterator[Fault]:
        for event in events:
            yield from self._step(event)
            self.count += 1
            self.sequence, self.last_hash = event["sequence"], event["hash"]

    def anchors_beyond(self) -> Iterator[Fault]:
        """Anchors of events that are not there (any more)."""
        for sequence, anchor in sorted(self.anchors.items()):
            if sequence > (self.sequence or 0):
                yield Fault(sequence, f"missing: the anchor of {anchor.at} names it, the trail ends before")

    def _step(self, event: Mapping[str, Any]) -> Iterator[Fault]:
        sequence = event["sequence"]
        expected = sequence if self.sequence is None else self.sequence + 1
        if sequence > expected:
            missing = (
                f"events {expected} to {sequence - 1} are"
                if sequence - expected > 1
                else f"event {expected} is"
            )
            yield Fault(expected, f"{missing} missing")
        elif sequence < expected:
            yield Fault(sequence, "stands after a later event")
        if hash_of(event) != event["hash"]:
            yield Fault(sequence, "was changed after it was written")
        if sequence == expected and self.last_hash and event["previous_hash"] != self.last_hash:
            yield Fault(sequence, "does not follow the event before it: one of the two was exchanged")
        anchor = self.anchors.get(sequence)
        if anchor is not None and anchor.hash != event["hash"]:
            yield Fault(
                sequence, f"is not the event that was anchored at {anchor.at}: the trail was written anew"
            )


def _end(walk: _Walk, sequence: int | None, last_hash: str) -> Iterator[Fault]:
    reached = walk.sequence or 0
    if sequence is None:
        yield Fault(reached, "the recorded end of the trail is gone")
    elif sequence > reached:
        yield Fault(reached + 1, f"missing: the trail ended at event {sequence} once, and was cut off")
    elif sequence < reached or last_hash != walk.last_hash:
        yield Fault(reached, "the recorded end of the trail is another event")


def _results(session: Session) -> Iterator[Fault]:
    """The stored results are the ones that the trail tells of."""
    told = select(AuditEvent.sequence, AuditEvent.detail).where(AuditEvent.event.in_(_RESULT_EVENTS))
    latest = {
        detail["job_id"]: (sequence, detail["result_digest"])
        for sequence, detail in session.execute(told.order_by(AuditEvent.sequence))
        if "result_digest" in detail
    }
    jobs = select(Job.job_id, Job.triaged).where(Job.triaged.is_not(None))
    held = {
        job_id: digest_of(triaged)
        for job_id, triaged in session.execute(jobs.execution_options(yield_per=_AT_ONCE))
        if job_id in latest
    }
    for job_id, (sequence, digest) in latest.items():
        if held.get(job_id) != digest:
            yield Fault(sequence, "the stored result of its job is not the one that it tells of")
