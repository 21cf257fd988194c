"""Contents: what a study holds, as the snapshot, the gate and the workers see it."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.facts import StudyHeaders
from rules.messages import InstanceFile
from service.store.prior_tables import PriorInstance
from service.store.series_tables import SettledSeries
from service.store.tables import Instance, Report, Study


def instances_of(session: Session, study_instance_uid: str) -> Sequence[Instance]:
    """What a snapshot holds: objects as they first came, without conflicting copies and without our own reports."""
    ours = select(Report.sop_instance_uid)
    found = select(Instance).where(
        Instance.study_instance_uid == study_instance_uid,
        Instance.is_conflict.is_(False),
        Instance.is_own.is_(False),
        Instance.sop_instance_uid.not_in(ours),
    )
    return session.scalars(found.order_by(Instance.sop_instance_uid, Instance.sha256)).all()


def series_of(session: Session, study_instance_uid: str) -> Sequence[SettledSeries]:
    """The series of a study that settled while it still arrived."""
    found = select(SettledSeries).where(SettledSeries.study_instance_uid == study_instance_uid)
    return session.scalars(found.order_by(SettledSeries.id)).all()


def files_of(instances: Sequence[Instance | PriorInstance]) -> tuple[InstanceFile, ...]:
    """The instances as the workers get them, in the order that StudyReady promises."""
    return tuple(
        InstanceFile(
            sop_instance_uid=instance.sop_instance_uid,
            series_instance_uid=instance.series_instance_uid,
            sop_class_uid=instance.sop_class_uid,
            path=instance.path,
            sha256=instance.sha256,
        )
        for instance in sorted(instances, key=lambda one: (one.sop_instance_uid, one.sha256))
    )


def headers_of(study: Study, instances: Sequence[Instance]) -> StudyHeaders:
    """What the gate asks of a study."""
    descriptions = (study.description, *sorted({instance.series_description for instance in instances}))
    return StudyHeaders(
        study_instance_uid=study.study_instance_uid,
        patient_id=study.patient_id,
        issuer=study.issuer,
        patient_name=study.patient_name,
        birth_date=study.birth_date,
        study_date=study.study_date,
        modalities=tuple(sorted({instance.modality for instance in instances} - {""})),
        body_parts=tuple(sorted({instance.body_part for instance in instances} - {""})),
        descriptions=tuple(text for text in descriptions if text),
        order_priority=study.order_priority,
    )
