"""Priors: the earlier brain MRI that a study's images are compared with, from what the node has received or fetched.

Two identifiers must agree, or a study is not taken for a prior: Patient ID with its issuer, and the birth date.
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.anatomy import Role
from rules.cohort import Admitted, admit
from rules.context import PatientContext
from rules.messages import EarlierStudy, InstanceFile
from rules.priors import Prior, in_turn, is_before
from service.contents import files_of, headers_of, instances_of
from service.store.prior_tables import PriorInstance, PriorSearch
from service.store.tables import Job, Study

_MOST = 20
"""Earlier studies that are looked into for one of the brain."""


def earlier_study(session: Session, study: Study, context: PatientContext) -> EarlierStudy | str:
    """The study to compare with, chosen by rules.priors; or why there is none, one clause."""
    if study.study_date is None or study.birth_date is None or not study.patient_id:
        return "the images lack the study date, birth date or patient ID that an earlier study is found by"
    turns = in_turn(_priors(session, study), study.study_date, context.infusion_date)
    for prior in turns[:_MOST]:
        if found := _comparable(session, prior, context):
            return found
    return _searched(session, study) or "no earlier brain MRI of this patient is known"


def _searched(session: Session, study: Study) -> str:
    """What became of the search in the archives; empty if there was none, or it found what is here."""
    search = session.get(PriorSearch, study.study_instance_uid)
    if search is None:
        return ""
    return "the archives have not given an earlier study yet" if search.state == "owed" else search.outcome


def _priors(session: Session, study: Study) -> list[Prior]:
    earlier = select(Study.study_instance_uid, Study.study_date).where(
        Study.patient_id == study.patient_id,
        Study.issuer == study.issuer,
        Study.birth_date == study.birth_date,
        Study.study_date < study.study_date,
        Study.has_identity_conflict.is_(False),
        Study.settled_digest != "",
    )
    fetched = select(PriorInstance.study_instance_uid, PriorInstance.study_date).where(
        PriorInstance.patient_id == study.patient_id,
        PriorInstance.issuer.in_(("", study.issuer)),
        PriorInstance.birth_date == study.birth_date,
    )
    rows = [*session.execute(earlier), *session.execute(fetched.distinct())]
    return list(dict.fromkeys(Prior(uid, made) for uid, made in rows if made is not None))


def _comparable(session: Session, prior: Prior, context: PatientContext) -> EarlierStudy | None:
    """A prior with its files, if it is one that the gate would admit, and not known to lack FLAIR images."""
    files = _received(session, prior, context) or _fetched(session, prior)
    if not files or _lacks_flair(session, prior):
        return None
    return EarlierStudy(
        prior.study_instance_uid,
        files,
        prior.study_date,
        is_before(prior.study_date, context.infusion_date),
    )


def _received(session: Session, prior: Prior, context: PatientContext) -> tuple[InstanceFile, ...]:
    study = session.get(Study, prior.study_instance_uid)
    if study is None or not study.settled_digest:
        return ()
    instances = instances_of(session, study.study_instance_uid)
    is_brain = isinstance(admit(headers_of(study, instances), context), Admitted)
    return files_of(instances) if is_brain else ()


def _fetched(session: Session, prior: Prior) -> tuple[InstanceFile, ...]:
    found = select(PriorInstance).where(PriorInstance.study_instance_uid == prior.study_instance_uid)
    return files_of(session.scalars(found).all())


def _lacks_flair(session: Session, prior: Prior) -> bool:
    """Whether its own result says that there is no FLAIR series; without a result nobody knows."""
    latest = select(Job.triaged).where(
        Job.study_instance_uid == prior.study_instance_uid, Job.state == "done"
    )
    triaged: dict[str, Any] | None = session.scalar(latest.order_by(Job.id.desc()).limit(1))
    roles = [one["role"] for one in (triaged or {}).get("series", ())]
    return bool(roles) and Role.FLAIR.value not in roles
