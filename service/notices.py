"""From the rows of a decision to the notice of it that every adapter sends."""

from sqlalchemy.orm import Session

from rules.codec import from_plain
from rules.decision import Status
from rules.messages import StudyTriaged
from rules.notice import Notice, NoticedPatient, NoticedReport
from service.escalation import words_of
from service.store.tables import Delivery, Job, Study


def notice_of(session: Session, delivery: Delivery) -> Notice | None:
    """The notice of a delivery's job; None if the job has no result (any more)."""
    job = session.query(Job).filter(Job.job_id == delivery.job_id).one_or_none()
    if job is None:
        return None
    return notice_of_job(session, job, delivery.sop_instance_uid, words_of(session, delivery))


def notice_of_job(session: Session, job: Job, uid: str, escalation: str = "") -> Notice | None:
    """The notice of a job's result, under a UID; None if it has none (any more).

    escalation : the step of the ladder that it tells of, empty for none
    """
    study = session.get(Study, job.study_instance_uid)
    if study is None or job.triaged is None or job.done_at is None:
        return None
    triaged: StudyTriaged = from_plain(StudyTriaged, job.triaged)
    decision = triaged.decision
    return Notice(
        uid=uid,
        study_instance_uid=study.study_instance_uid,
        accession_number=study.accession_number,
        study_description=study.description,
        patient=NoticedPatient(study.patient_id, study.issuer, study.patient_name, study.birth_date),
        state=triaged.state,
        priority=decision.priority,
        is_assessed=decision.is_assessed,
        headline=f"{escalation}. {decision.headline}" if escalation else decision.headline,
        sentences=decision.sentences,
        present=tuple((one.rule, one.name) for one in decision.patterns if one.status is Status.PRESENT),
        not_assessed=decision.not_assessed,
        disclaimers=decision.disclaimers,
        decided_at=job.done_at,
        reports=tuple(
            NoticedReport(one.kind.value, one.sop_class_uid, one.sop_instance_uid, one.series_instance_uid)
            for one in triaged.reports
        ),
        device=f"Cartriage {triaged.versions.get('cartriage', '')}".strip(),
        escalation=escalation,
        policy=f"{decision.policy.name} {decision.policy.version} sha256:{decision.policy.digest}",
    )
