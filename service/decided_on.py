"""What a stored result was decided on, out of its rows: the case that the rules were asked about."""

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.facts import Case, Earlier, LastResult
from rules.messages import ResultState, StudyReady, StudyTriaged
from service.store.tables import Instance, Study


def case_of(session: Session, study: Study, ready: StudyReady, triaged: StudyTriaged) -> Case:
    """As far as the rows hold it; the same as `case_of` of workers/pipeline.py made from the files."""
    context, last = ready.context, ready.last_result
    return Case(
        findings=triaged.findings,
        context=context if context.birth_date else replace(context, birth_date=study.birth_date),
        roles=tuple(sorted({use.role for use in triaged.series if use.is_used})),
        now=ready.clock,
        study_date=study.study_date,
        modalities=_modalities(session, ready),
        earlier=Earlier(ready.earlier.study_date, ready.earlier.is_baseline) if ready.earlier else None,
        last_result=LastResult(last.study_date, last.findings) if last else None,
        identity_mismatch=ready.identity_mismatch,
        earlier_priority=ready.earlier_priority,
        is_arriving=ready.state is ResultState.PROVISIONAL,
        is_after_provisional=ready.supersedes is ResultState.PROVISIONAL,
    )


def _modalities(session: Session, ready: StudyReady) -> tuple[str, ...]:
    """Of the snapshot's objects; what came later had no part in the decision."""
    uids = {instance.sop_instance_uid for instance in ready.instances}
    held = select(Instance.sop_instance_uid, Instance.modality).where(
        Instance.study_instance_uid == ready.study_instance_uid
    )
    found = {modality for uid, modality in session.execute(held) if uid in uids}
    return tuple(sorted(found - {""}))
