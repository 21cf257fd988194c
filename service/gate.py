"""The gate of the service: a snapshot with the registry's context becomes a job that is owed, or one that is declined."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    Completeness,
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
    so_far: Completeness | None = None
    """What there is of a study that still arrives: its result is provisional. None: the study settled."""

    def admitted(self, job_id: str, found: Matched, answer: Admitted) -> Job:
        compared = self.earlier if isinstance(self.earlier, EarlierStudy) else None
        not_compared = self.earlier if isinstance(self.earlier, str) else ""
        ready = StudyReady(
            job_id=job_id,
            study_instance_uid=self.study.study_instance_uid,
            snapshot=self.study.settled_snapshot,
            instances=files_of(self.instances),
            completeness=self.so_far
            or completeness_of(self.session, self.study, self.instances, self.settings),
            context=found.context,
            policy_digest=policy_in_force(self.settings.site_policy).digest,
            requested_at=self.now,
            predecessor_job_id=self._predecessor(),
            state=ResultState.PROVISIONAL if self.so_far else ResultState.CONFIRMED,
            earlier=compared,
            not_compared=not_compared,
            last_result=last_result(self.session, self.study),
        )
        ready = beside_earlier(self.session, ready)
        self._tell(
            "study_admitted",
            job_id=job_id,
            snapshot=ready.snapshot,
            state=ready.state,
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


def beside_earlier(session: Session, ready: StudyReady) -> StudyReady:
    """The same job beside the results that its study has by now: what it supersedes, what that was worth, what it may not lower.

    What is still being made cannot be pointed to, so this is asked when the job is made and again when it is first handed over.
    """
    done = select(Job.ready, Job.triaged).where(
        Job.study_instance_uid == ready.study_instance_uid, Job.state == "done", Job.job_id != ready.job_id
    )
    results = [
        ((asked or {}).get("state", ResultState.CONFIRMED), triaged or {})
        for asked, triaged in session.execute(done.order_by(Job.done_at, Job.id))
    ]
    states = [ResultState(state) for state, _ in results]
    latest = results[-1][1] if results else {}
    files: tuple[ReportFile, ...] = from_plain(tuple[ReportFile, ...], latest.get("reports", []))
    state = ready.state
    if state is not ResultState.PROVISIONAL:
        # A result after a whole one corrects it; a provisional one before it is only confirmed.
        is_first = all(one is ResultState.PROVISIONAL for one in states)
        state = ResultState.CONFIRMED if is_first else ResultState.CORRECTED
    return replace(
        ready,
        predecessor=next((one for one in files if one.kind is ReportKind.SR), None),
        state=state,
        supersedes=states[-1] if states else None,
        earlier_priority=_earlier_priority(session, ready),
    )


def _earlier_priority(session: Session, ready: StudyReady) -> Priority | None:
    results = select(func.min(Job.priority)).where(
        Job.study_instance_uid == ready.study_instance_uid,
        Job.priority.is_not(None),
        Job.job_id != ready.job_id,
    )
    most_urgent = session.scalar(results)  # P1 sorts before P2
    return Priority(most_urgent) if most_urgent else None


def decide(
    session: Session, study: Study, instances: Sequence[Instance], settings: Settings, now: datetime
) -> Snapshot:
    """Admit or decline the latest snapshot with the registry's present context; what is known already stays."""
    found = _with_order(find_patient(session, study), study)
    earlier = earlier_study(session, study, found.context) if isinstance(found, Matched) else ""
    job_id = _job_id(study, study.settled_digest, found, earlier, settings)
    number = study.settled_snapshot
    if session.scalar(select(Job.id).where(Job.job_id == job_id)) is not None:
        return Snapshot(study.study_instance_uid, number, job_id)
    door = _Door(session, study, instances, earlier, settings, now)
    answer = _answer(found, headers_of(study, instances))
    job = door.declined(job_id, answer) if isinstance(answer, Declined) else door.admitted(job_id, *answer)
    session.add(job)
    session.flush()
    return Snapshot(study.study_instance_uid, number, job_id, job.state)


def decide_provisional(
    session: Session,
    study: Study,
    instances: Sequence[Instance],
    so_far: Completeness,
    settings: Settings,
    now: datetime,
) -> Snapshot:
    """Owe a provisional result from some series of a study that still arrives, if the gate admits it; nothing is declined here."""
    found = _with_order(find_patient(session, study), study)
    number = study.settled_snapshot
    if not isinstance(found, Matched) or not settings.is_provisional:
        return Snapshot(study.study_instance_uid, number)
    answer = admit(headers_of(study, instances), found.context)
    earlier = earlier_study(session, study, found.context)
    digest = identity.input_digest(files_of(instances))
    job_id = _job_id(study, digest, found, earlier, settings, ResultState.PROVISIONAL)
    is_known = session.scalar(select(Job.id).where(Job.job_id == job_id)) is not None
    if isinstance(answer, Declined) or is_known:
        return Snapshot(study.study_instance_uid, number)
    study.settled_snapshot += 1
    door = _Door(session, study, instances, earlier, settings, now, so_far)
    session.add(door.admitted(job_id, found, answer))
    session.flush()
    return Snapshot(study.study_instance_uid, study.settled_snapshot, job_id, "owed")


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


def _job_id(
    study: Study,
    inputs: str,
    found: Match,
    earlier: EarlierStudy | str,
    settings: Settings,
    state: ResultState = ResultState.CONFIRMED,
) -> str:
    """A contradiction is another outcome than `not flagged`, so it has another identity; so has a study beside an earlier one."""
    match found:
        case Matched(context=context):
            known = identity.digest_of(context)
        case Contradiction(reason=reason):
            known = identity.digest_of(reason)
        case NotFlagged():
            known = identity.digest_of(None)
    beside = earlier if isinstance(earlier, EarlierStudy) else None
    inputs = identity.whole_inputs(inputs, beside, state)
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
