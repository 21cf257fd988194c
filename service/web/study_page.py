"""What a study's page shows, gathered from the rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.account import Account, accounts
from rules.codec import MessageError, from_plain
from rules.context import PatientContext
from rules.decision import Decision, Status
from rules.findings import Course, Lesion, Measured, Unit
from rules.messages import StudyTriaged
from rules.policy import Policy
from rules.words import course_words, quantity_words, subject_words, value_words
from service.audit import trail
from service.audit_words import lines
from service.replay import purged_words
from service.store.desk_tables import Acknowledgement, Assessment, Escalation, WorklistEntry
from service.store.tables import Delivery, Job, Report, Study
from service.web.finding_tables import tables
from service.web.house import House
from service.web.timeline import timeline
from service.web.volumes import volumes_of

_TRAIL = 200
"""Lines of the trail on the page; the rest stands under `audit`."""
_KEY_SLICES = 24
_WORSE = (Course.NEW, Course.LARGER)
"""What a reader wants to see first."""


@dataclass(frozen=True, slots=True)
class KeySlice:
    """A received image that a finding rests on."""

    sop_instance_uid: str
    role: str
    because: str


def load(session: Session, house: House, uid: str, now: datetime) -> dict[str, Any] | None:
    """Everything of the page; None if there is no such study."""
    study = session.get(Study, uid)
    if study is None:
        return None
    done = [job for job in study.jobs if job.state == "done" and job.triaged]
    triaged, unreadable = _result(done[-1]) if done else (None, False)
    told = list(lines(trail(session, uid)))
    context = _context(study)
    purged = purged_words(session, uid)
    return {
        "study": study,
        "entry": session.get(WorklistEntry, uid),
        "context": context,
        "triaged": triaged,
        "is_unreadable": unreadable,
        "job": done[-1] if done else None,
        "results": [_summary(job) for job in reversed(done)],
        "accounts": _accounts(house.policy, triaged.decision) if triaged else (),
        "tables": tables(triaged.findings) if triaged else (),
        "slices": _key_slices(triaged) if triaged and not purged else (),
        "purged": purged,
        "volumes": volumes_of(house, uid, done[-1].job_id) if done and not purged else (),
        "has_masks": house.settings.web_masks,
        "reports": _reports(session, study),
        "acknowledgements": _of(session, Acknowledgement, uid),
        "assessments": _of(session, Assessment, uid),
        "escalations": _of(session, Escalation, uid),
        "timeline": timeline(session, study, context, now),
        "trail": told[-_TRAIL:],
        "trail_left_out": max(len(told) - _TRAIL, 0),
        "viewer": house.settings.viewer_url.replace("{study}", uid),
    }


def _result(job: Job) -> tuple[StudyTriaged | None, bool]:
    """The latest result, and whether another version wrote it so that it cannot be read."""
    try:
        return from_plain(StudyTriaged, job.triaged), False
    except MessageError:
        return None, True


def _summary(job: Job) -> dict[str, Any]:
    decision = (job.triaged or {}).get("decision", {})
    return {
        "snapshot": job.snapshot,
        "priority": job.priority,
        "headline": decision.get("headline", ""),
        "done_at": job.done_at,
        "policy": decision.get("policy", {}),
        "job_id": job.job_id,
    }


def _accounts(policy: Policy, decision: Decision) -> tuple[Account, ...]:
    """Each rule's part; what a rule asks is known only under the policy that decided."""
    if decision.policy.digest == policy.digest:
        return accounts(policy, decision)
    order = [Status.PRESENT, Status.OPEN, Status.ABSENT]
    told = [
        Account(one.rule, one.name, one.status, one.priority, "", one.reasons, one.missing, "", one.sentence)
        for one in decision.patterns
    ]
    return tuple(sorted(told, key=lambda one: order.index(one.status)))


def _key_slices(triaged: StudyTriaged) -> tuple[KeySlice, ...]:
    """Where most of each lesion is, new and larger ones first, then the images that measured findings name; each once."""
    roles = {use.series_instance_uid: use.role.value for use in triaged.series}
    lesions = (
        (
            uid,
            one.series_instance_uid,
            _lesion_words(one),
        )
        for one in sorted(triaged.lesions, key=lambda one: one.course not in _WORSE)
        for uid in one.sop_instance_uids[:1]
    )
    measured = (
        (uid, one.evidence.series_instance_uid, quantity_words(one.quantity))
        for one in triaged.findings
        if isinstance(one, Measured) and one.value
        for uid in one.evidence.sop_instance_uids
    )
    found: dict[str, KeySlice] = {}
    for uid, series, because in (*lesions, *measured):
        found.setdefault(uid, KeySlice(uid, roles.get(series, ""), because))
    return tuple(found.values())[:_KEY_SLICES]


def _lesion_words(lesion: Lesion) -> str:
    told = f"lesion, {value_words(lesion.volume_ml, Unit.MILLILITRE)}, {subject_words(lesion.region, lesion.side)}"
    return f"{told}, {course_words(lesion.course)}" if lesion.course else told


def _context(study: Study) -> PatientContext | None:
    """The context that the latest job was given."""
    given = [job for job in study.jobs if job.ready]
    if not given:
        return None
    context: PatientContext = from_plain(PatientContext, (given[-1].ready or {})["context"])
    return context


def _reports(session: Session, study: Study) -> list[dict[str, Any]]:
    jobs = [job.job_id for job in study.jobs]
    reports = session.scalars(select(Report).where(Report.job_id.in_(jobs))).all()
    uids = [report.sop_instance_uid for report in reports]
    sent: dict[str, list[Delivery]] = {}
    for delivery in session.scalars(select(Delivery).where(Delivery.sop_instance_uid.in_(uids))):
        sent.setdefault(delivery.sop_instance_uid, []).append(delivery)
    latest_first = sorted(reports, key=lambda report: jobs.index(report.job_id), reverse=True)
    return [
        {"report": report, "deliveries": sent.get(report.sop_instance_uid, [])} for report in latest_first
    ]


def _of(session: Session, table: Any, uid: str) -> Sequence[Any]:
    return session.scalars(
        select(table).where(table.study_instance_uid == uid).order_by(table.id.desc())
    ).all()
