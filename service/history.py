"""What is known of a patient from earlier studies: the last result, beside which a new study is decided."""

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.codec import from_plain
from rules.findings import Finding, Measured
from rules.last_result import COMPARED
from rules.messages import EarlierResult
from service.store.tables import Job, Study

_MOST = 20
"""Results that are looked through for one with measurements."""


def last_result(session: Session, study: Study) -> EarlierResult | None:
    """The most recent study of the same patient, before this one, whose result measured anything that is compared.

    The same patient: ID and issuer, and the birth date where both studies have one. A study whose objects contradict each
    other, or without a date, is compared with nothing.
    """
    if study.study_date is None or study.has_identity_conflict:
        return None
    earlier = (
        select(Study.study_instance_uid, Study.study_date, Study.birth_date, Job.triaged)
        .join(Job, Job.study_instance_uid == Study.study_instance_uid)
        .where(
            Study.patient_id == study.patient_id,
            Study.issuer == study.issuer,
            Study.study_date < study.study_date,
            Study.has_identity_conflict.is_(False),
            Job.state == "done",
        )
        .order_by(Study.study_date.desc(), Job.id.desc())
        .limit(_MOST)
    )
    for uid, made, born, triaged in session.execute(earlier):
        findings = _compared(triaged)
        if findings and _may_be_same(born, study.birth_date):
            return EarlierResult(uid, made, findings)
    return None


def _compared(triaged: dict[str, Any] | None) -> tuple[Finding, ...]:
    """The findings that are compared; none if nothing of them was measured."""
    plain = [one for one in (triaged or {}).get("findings", ()) if one["quantity"] == COMPARED.value]
    findings: tuple[Finding, ...] = from_plain(tuple[Finding, ...], plain)
    return findings if any(isinstance(one, Measured) for one in findings) else ()


def _may_be_same(one: date | None, other: date | None) -> bool:
    return one is None or other is None or one == other
