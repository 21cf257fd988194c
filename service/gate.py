"""The gate of the service: a snapshot with the registry's context becomes a job that is owed, or one that is declined."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules import identity
from rules.codec import from_plain, to_plain
from rules.cohort import Admitted, DeclineCode, Declined, admit
from rules.facts import StudyHeaders
from rules.messages import (
    EarlierStudy,
    ReportFile,
    ReportKind,
    ResultState,
    StudyReady,
)
from rules.policy import Policy
from rules.site import load_policy
from rules.urgency import Priority
from service import audit
from service.completeness import completeness_of
from service.contents import files_of, headers_of
from service.history import last_result
from service.matching import Contradiction, Match, Matched, NotFlagged, find_patient
from service.priors import earlier_study
from service.settings import Settings
from service.store.tables import Instance, Job, Study

ACTOR = "assembly"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A study as it stood when it settled, and what is owed for it."""

    study_instance_uid: str
    number: int
    job_id: str = ""
    state: str = ""
    """`owed` or `declined`; empty if nothing new is owed."""


@dataclass(frozen=True, slots=True)
class _Door:
    """One study at the gate."""

    session: Session
    study: Study
    instances: Sequence[Instance]
    earlier: EarlierStudy | str
    """To compare with, or why there is none."""
    settings: Settings
    now: datetime

    def admitted(self, job_id: str, found: Matched, answer: Admitted) -> Job:
        compared = self.earlier if isinstance(self.earlier, EarlierStudy) else None
        not_compared = self.earlier if isinstance(self.earlier, str) else ""
        ready = StudyReady(
            job_id=job_id,
            study_instance_uid=self.study.study_instance_uid,
            snapshot=self.study.settled_snapshot,
            instances=files_of(self.instances),
            completeness=completeness_of(self.session, self.study, self.instances, self.settings),
            context=found.context,
            policy_digest=policy_in_force(self.settings.site_policy).digest,
            requested_at=self.now,
            predecessor_job_id=self._predecessor(),
            predecessor=self._earlier_report(),
            state=self._state(),
            earlier_priority=self._earlier_priority(),
            earlier=compared,
            not_compared=not_compared,
            last_result=last_result(self.session, self.study),
        )
        self._tell(
            "study_admitted",
            job_id=job_id,
            snapshot=ready.snapshot,
            reason=answer.reason,
            remarks=answer.remarks,
            matched_by=found.identifiers,
            context_digest=identity.digest_of(found.context),
            policy=policy_in_force(self.settings.site_policy).identity,
            predecessor_job_id=ready.predecessor_job_id,
            compared_with=compared.study_instance_uid if compared else "",
            not_compared=not_compared,
        )
        return self._job(job_id, state="owed", ready=to_plain(ready), ring_at=self.now)

    def declined(self, job_id: str, answer: Declined) -> Job:
        self._tell(
            "study_declined",
            job_id=job_id,
            snapshot=self.study.settled_snapshot,
            code=answer.code,
            reason=answer.reason,
            policy=policy_in_force(self.settings.site_policy).identity,
        )
        return self._job(job_id, state="declined", decline_code=answer.code.value)

    def _job(self, job_id: str, **columns: object) -> Job:
        return Job(
            job_id=job_id,
            study_instance_uid=self.study.study_instance_uid,
            snapshot=self.study.settled_snapshot,
            created_at=self.now,
            **columns,
        )

    def _tell(self, event: str, **detail: object) -> None:
        audit.record(self.session, event, self.study.study_instance_uid, ACTOR, self.now, **detail)

    def _predecessor(self) -> str:
        """The job whose result the new one supersedes."""
        earlier = select(Job.job_id).where(
            Job.study_instance_uid == self.study.study_instance_uid, Job.state.in_(("done", "owed"))
        )
        return self.session.scalar(earlier.order_by(Job.id.desc()).limit(1)) or ""

    def _earlier_report(self) -> ReportFile | None:
        """The structured report of the latest result; what is still being made cannot be pointed to."""
        latest = select(Job.triaged).where(
            Job.study_instance_uid == self.study.study_instance_uid, Job.state == "done"
        )
        triaged = self.session.scalar(latest.order_by(Job.done_at.desc(), Job.id.desc()).limit(1))
        files: tuple[ReportFile, ...] = from_plain(tuple[ReportFile, ...], (triaged or {}).get("reports", []))
        return next((one for one in files if one.kind is ReportKind.SR), None)

    def _state(self) -> ResultState:
        """A result after a whole one corrects it; a provisional one before it is only confirmed."""
        earlier = select(Job.ready).where(
            Job.study_instance_uid == self.study.study_instance_uid, Job.state == "done"
        )
        whole = [
            one
            for one in self.session.scalars(earlier)
            if (one or {}).get("state") != ResultState.PROVISIONAL
        ]
        return ResultState.CORRECTED if whole else ResultState.CONFIRMED

    def _earlier_priority(self) -> Priority | None:
        results = select(func.min(Job.priority)).where(
            Job.study_instance_uid == self.study.study_instance_uid, Job.priority.is_not(None)
        )
        most_urgent = self.session.scalar(results)  # P1 sorts before P2
        return Priority(most_urgent) if most_urgent else None


def decide(
    session: Session, study: Study, instances: Sequence[Instance], settings: Settings, now: datetime
) -> Snapshot:
    """Admit or decline the latest snapshot with the registry's present context; what is known already stays."""
    found = _with_order(find_patient(session, study), study)
    earlier = earlier_study(session, study, found.context) if isinstance(found, Matched) else ""
    job_id = _job_id(study, found, earlier, settings)
    number = study.settled_snapshot
    if session.scalar(select(Job.id).where(Job.job_id == job_id)) is not None:
        return Snapshot(study.study_instance_uid, number, job_id)
    door = _Door(session, study, instances, earlier, settings, now)
    answer = _answer(found, headers_of(study, instances))
    job = door.declined(job_id, answer) if isinstance(answer, Declined) else door.admitted(job_id, *answer)
    session.add(job)
    session.flush()
    return Snapshot(study.study_instance_uid, number, job_id, job.state)


def is_alone(session: Session, study: Study) -> bool:
    """Whether the study's latest job is one for the workers, with nothing to compare with."""
    latest = select(Job.ready).where(Job.study_instance_uid == study.study_instance_uid)
    ready = session.scalar(latest.order_by(Job.id.desc()).limit(1))
    return ready is not None and ready.get("earlier") is None


def _with_order(found: Match, study: Study) -> Match:
    """The order's own priority stands in the images; the registry's entry, if any, wins."""
    if not isinstance(found, Matched) or found.context.order_priority or not study.order_priority:
        return found
    return found.with_order_priority(study.order_priority)


def _job_id(study: Study, found: Match, earlier: EarlierStudy | str, settings: Settings) -> str:
    """A contradiction is another outcome than `not flagged`, so it has another identity; so has a study beside an earlier one."""
    match found:
        case Matched(context=context):
            known = identity.digest_of(context)
        case Contradiction(reason=reason):
            known = identity.digest_of(reason)
        case NotFlagged():
            known = identity.digest_of(None)
    inputs = study.settled_digest
    if isinstance(earlier, EarlierStudy):
        inputs = identity.digest_of([inputs, identity.input_digest(earlier.instances)])
    digest = policy_in_force(settings.site_policy).digest
    return identity.job_id(study.study_instance_uid, inputs, known, digest)


def _answer(found: Match, headers: StudyHeaders) -> Declined | tuple[Matched, Admitted]:
    match found:
        case Contradiction():
            return Declined(DeclineCode.IDENTITY_MISMATCH, found.reason)
        case NotFlagged():
            return Declined(
                DeclineCode.NOT_FLAGGED, "The patient is not on the registry of CAR-T recipients."
            )
        case Matched():
            answer = admit(headers, found.context)
            return answer if isinstance(answer, Declined) else (found, answer)


@cache
def policy_in_force(site: Path | None) -> Policy:
    """The policy by which studies are decided, with the site's overlay; read once, so that it holds until the next start.

    Asked for at the start, so that a wrong one stops the service then. Raises PolicyError.
    """
    return load_policy(site=site)
