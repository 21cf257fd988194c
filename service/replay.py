"""A decision made again from its stored inputs, with the policy that it was made by, and compared with what was stored and told."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rules import identity
from rules.codec import MessageError, from_plain
from rules.decide import decide
from rules.decision import PolicyIdentity
from rules.messages import StudyReady, StudyTriaged
from rules.policy import Policy
from rules.replay import Difference, differences
from service.decided_on import case_of
from service.policies import KeptPolicyError, kept_policy
from service.store.retention_tables import AuditCheckpoint, Purge
from service.store.tables import AuditEvent, Instance, Job, Study

_RESULT_EVENTS = ("study_triaged", "study_triaged_after_failure")


class Outcome(StrEnum):
    """Of one replay."""

    IDENTICAL = "identical"
    DIFFERS = "differs"
    IMPOSSIBLE = "cannot be replayed"


@dataclass(frozen=True, slots=True)
class Analysed:
    """What the workers find now in the images of a stored result."""

    differences: tuple[Difference, ...]
    """Of findings, lesions, series and decision; none if all are identical."""
    findings: int
    """How many were compared."""
    versions: Mapping[str, str]
    """Of the software that analysed again."""
    changed: tuple[str, ...]
    """Software that is another one than then, as in `numpy 1.26.4, now 2.1.0`."""


@dataclass(frozen=True, slots=True)
class ImagesAgain:
    """How an analysis of the stored images ended, if one was asked for (service/images_again.py)."""

    outcome: Outcome
    why_not: str = ""
    """If they could not be analysed, one clause."""
    analysed: Analysed | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """One stored result beside what the rules make of its inputs now."""

    study_instance_uid: str
    snapshot: int
    job_id: str
    outcome: Outcome
    why_not: str = ""
    """If it cannot be replayed, one clause."""
    decided_at: datetime | None = None
    priority: str = ""
    """As stored."""
    policy: PolicyIdentity | None = None
    """By which it was made, and made again."""
    versions: Mapping[str, str] | None = None
    """Of the software that made it."""
    faults: tuple[str, ...] = ()
    """What of the stored rows does not fit the trail or the identity of the job."""
    differences: tuple[Difference, ...] = ()
    installed: PolicyIdentity | None = None
    """The policy that is installed now, if it is another one."""
    by_installed: tuple[Difference, ...] = ()
    """What the installed policy would make other."""
    software: str = ""
    """Version that replayed."""
    purged: str = ""
    """What of its inputs is gone by its age, if anything is."""
    images: ImagesAgain | None = None
    """None unless the images were to be analysed again."""


@dataclass(frozen=True, slots=True)
class Policies:
    """Where a replay finds the policy of a result."""

    installed: Policy
    kept: Path
    """Folder of the policies that were in force once (service/policies.py)."""

    def of(self, digest: str) -> Policy | None:
        """Raises KeptPolicyError."""
        return self.installed if digest == self.installed.digest else kept_policy(digest, self.kept)


def replay(session: Session, study: Study, policies: Policies) -> Iterator[Replayed]:
    """Every result of a study, oldest first. Pure decision, no images; writes nothing."""
    gone = purged_words(session, study.study_instance_uid)
    for job in study.jobs:
        if job.state != "done" or not job.triaged:
            continue
        try:
            yield dataclasses.replace(_replayed(session, study, job, policies), purged=gone)
        except (MessageError, KeptPolicyError) as error:
            why = f"stored by another version: {error}" if isinstance(error, MessageError) else str(error)
            yield _impossible(job, why, purged=gone)


def _impossible(job: Job, why: str, **told: Any) -> Replayed:
    return Replayed(
        job.study_instance_uid,
        job.snapshot,
        job.job_id,
        Outcome.IMPOSSIBLE,
        why,
        job.done_at,
        software=version("cartriage"),
        **told,
    )


def _replayed(session: Session, study: Study, job: Job, policies: Policies) -> Replayed:
    ready, triaged = from_plain(StudyReady, job.ready), from_plain(StudyTriaged, job.triaged)
    case = case_of(session, study, ready, triaged)
    policy, installed = policies.of(ready.policy_digest), policies.installed
    stored = triaged.decision
    faults = (*_against_trail(session, job), *_against_identity(job, ready))
    told: dict[str, Any] = {"priority": stored.priority.value, "versions": triaged.versions, "faults": faults}
    if installed.digest != ready.policy_digest:
        told["installed"] = installed.identity
        told["by_installed"] = differences(stored, decide(installed, case))
    if policy is None:
        short = f"{stored.policy.name} {stored.policy.version}, sha256 {ready.policy_digest[:16]}"
        return _impossible(job, f"its policy ({short}) is neither installed nor kept", **told)
    found = differences(stored, decide(policy, case))
    return Replayed(
        study_instance_uid=job.study_instance_uid,
        snapshot=job.snapshot,
        job_id=job.job_id,
        outcome=Outcome.DIFFERS if found or faults else Outcome.IDENTICAL,
        decided_at=job.done_at,
        policy=policy.identity,
        differences=found,
        software=version("cartriage"),
        **told,
    )


def _against_trail(session: Session, job: Job) -> Iterator[str]:
    """The stored result is the one whose digest stands in the trail."""
    told = select(AuditEvent.detail).where(
        AuditEvent.study_instance_uid == job.study_instance_uid, AuditEvent.event.in_(_RESULT_EVENTS)
    )
    details = session.scalars(told.order_by(AuditEvent.sequence)).all()
    mine = [detail for detail in details if detail.get("job_id") == job.job_id]
    if not mine and _is_written_out(session, job):
        return
    if not mine:
        yield "the trail does not tell of this result"
    elif mine[-1].get("result_digest") != identity.digest_of(job.triaged):
        yield "the stored result is not the one whose digest stands in the trail"


def _is_written_out(session: Session, job: Job) -> bool:
    """Whether the events of its day were written to a file and removed (service/audit_purge.py)."""
    last = session.scalar(select(func.max(AuditCheckpoint.sequence)))
    first = session.scalar(select(func.min(AuditEvent.at)))
    return last is not None and first is not None and job.done_at is not None and job.done_at < first


def purged_words(session: Session, study_instance_uid: str) -> str:
    """What of a study is gone by its age, in words; empty if nothing is."""
    last = (
        select(Purge).where(Purge.study_instance_uid == study_instance_uid).order_by(Purge.id.desc()).limit(1)
    )
    purge = session.scalars(last).first()
    if purge is None:
        return ""
    here = select(func.count()).select_from(Instance).where(Instance.study_instance_uid == study_instance_uid)
    again = f"; {count} came again since" if (count := session.scalar(here)) else ""
    return f"{purge.objects} images were deleted by their age on {purge.at:%Y-%m-%d}{again}"


def _against_identity(job: Job, ready: StudyReady) -> Iterator[str]:
    """The identity of a job is the digest of its study, objects, context and policy."""
    inputs = identity.whole_inputs(identity.input_digest(ready.instances), ready.earlier, ready.state)
    context = identity.digest_of(ready.context)
    derived = identity.job_id(ready.study_instance_uid, inputs, context, ready.policy_digest)
    if derived != job.job_id:
        yield "the stored inputs (objects, context, policy) are not those that the job is named after"
