"""Assembly: a study that is whole, or has been quiet, becomes a snapshot, passes the gate, and is owed to the workers - or declined."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from rules.identity import input_digest
from rules.policy import Policy, load
from rules.policy_diff import compared
from service import audit
from service.ageing import note_aged
from service.completeness import CLOCK_TOLERANCE, completeness_of, due
from service.contents import files_of, instances_of
from service.early import look_early
from service.errors import ServiceError, StoreUnavailableError
from service.gate import ACTOR, Snapshot, decide, is_alone, policy_in_force
from service.rounds import go_round
from service.routing import owe_originals
from service.settings import Settings
from service.store.session import Store, open_store, upgrade
from service.store.tables import Instance, Study

REOPEN_DAYS = 30
"""A patient who is flagged, or whose context changes, gets the studies of this many days decided again."""

_TICK_S = 0.5
"""Longest wait for a database that is down."""
_STUDY_RETRY_S = 60.0
"""A study that failed is tried again after this; the others do not wait for it."""

_log = structlog.get_logger(__name__)


def settle(session: Session, settings: Settings, now: datetime) -> list[Snapshot]:
    """Settle every study that is due at `now`, in the session's transaction."""
    return [settle_study(session, uid, settings, now) for uid in due(session, settings, now)]


def settle_study(session: Session, study_instance_uid: str, settings: Settings, now: datetime) -> Snapshot:
    """Make the next snapshot of one study if its inputs changed, and decide at the gate what is owed for it.

    The same inputs with the same context change nothing.
    """
    study = session.get_one(Study, study_instance_uid, with_for_update=True, populate_existing=True)
    if study.last_received_at > now + CLOCK_TOLERANCE:
        # Waiting for the clock to come back to that moment could take hours: the quiet time starts now instead.
        audit.record(session, "clock_went_back", study_instance_uid, ACTOR, now, was=study.last_received_at)
        study.last_received_at = now
        return Snapshot(study_instance_uid, study.settled_snapshot)
    instances = instances_of(session, study_instance_uid)
    digest = input_digest(files_of(instances))
    if digest != study.settled_digest:
        study.settled_snapshot += 1
        study.settled_digest = digest
        _tell_settled(session, study, instances, settings, now)
        owe_originals(session, study_instance_uid, settings, now)
    study.is_open = False
    snapshot = decide(session, study, instances, settings, now)
    _compare_later(session, study, settings, now)
    return snapshot


def reopen_for_context(
    session: Session, patient_id: str, settings: Settings, now: datetime
) -> list[Snapshot]:
    """Decide the settled studies of a patient again, with the context that the registry now holds.

    Open studies are left to settle. Studies older than `REOPEN_DAYS` keep what was decided.
    """
    found = select(Study.study_instance_uid).where(
        Study.patient_id == patient_id,
        Study.settled_digest != "",
        Study.is_open.is_(False),
        Study.last_received_at >= now - timedelta(days=REOPEN_DAYS),
    )
    settled = []
    for uid in session.scalars(found.order_by(Study.last_received_at)).all():
        study = session.get_one(Study, uid, with_for_update=True, populate_existing=True)
        settled.append(decide(session, study, instances_of(session, uid), settings, now))
    return [one for one in settled if one.state]


def _compare_later(session: Session, prior: Study, settings: Settings, now: datetime) -> None:
    """Decide the patient's later studies again that had nothing to compare with until this one came."""
    if prior.study_date is None or prior.birth_date is None:
        return
    later = select(Study.study_instance_uid).where(
        Study.patient_id == prior.patient_id,
        Study.birth_date == prior.birth_date,
        Study.study_date > prior.study_date,
        Study.settled_digest != "",
        Study.is_open.is_(False),
        Study.last_received_at >= now - timedelta(days=REOPEN_DAYS),
    )
    for uid in session.scalars(later.order_by(Study.last_received_at)).all():
        study = session.get_one(Study, uid, with_for_update=True, populate_existing=True)
        if is_alone(session, study):
            decide(session, study, instances_of(session, uid), settings, now)


def run_assembly(settings: Settings, stop: threading.Event) -> None:
    """Settle studies, and note those that their age raises, until `stop` is set; outlives a database that is down and a study that fails.

    Raises PolicyError at once if the policy must not be used.
    """
    policy = policy_in_force(settings.site_policy)
    store = open_store(settings)
    upgrade(store)
    _tell_site(store, policy, datetime.now(UTC))
    not_before: dict[str, datetime] = {}
    not_early: dict[str, datetime] = {}

    def look(now: datetime) -> None:
        settle_due(store, settings, now, not_before)
        look_early(store, settings, now, not_early)
        note_aged(store, policy, now)

    go_round(look, stop, "settling_postponed", every_s=_TICK_S)
    store.close()


def _tell_site(store: Store, policy: Policy, now: datetime) -> None:
    """What a site's overlay changes, and who accepts which risk, stands in the trail from each start on."""
    if policy.site is None:
        return
    with store.session() as session:
        audit.record(
            session,
            "site_policy_in_force",
            None,
            ACTOR,
            now,
            policy=policy.identity,
            site=policy.site.name,
            changes=compared(load(), policy),
            accepted_risks=policy.site.risks,
        )
    _log.info("site_policy_in_force", site=policy.site.name, accepted_risks=len(policy.site.risks))


def settle_due(store: Store, settings: Settings, now: datetime, not_before: dict[str, datetime]) -> None:
    """Settle what is due, each study in its own transaction; a study that fails waits in `not_before`.

    Raises StoreUnavailableError if the database does not answer.
    """
    with store.reading() as session:
        uids = due(session, settings, now)
    for uid in uids:
        if not_before.get(uid, now) > now:
            continue
        try:
            with store.session() as session:
                settled = settle_study(session, uid, settings, now)
        except StoreUnavailableError:
            raise
        except (ServiceError, SQLAlchemyError, ValueError) as error:
            not_before[uid] = now + timedelta(seconds=_STUDY_RETRY_S)
            _log.error("settling_failed", study_instance_uid=uid, error=type(error).__name__)
        else:
            not_before.pop(uid, None)
            _log.info("study_settled", study_instance_uid=uid, snapshot=settled.number, state=settled.state)


def _tell_settled(
    session: Session, study: Study, instances: Sequence[Instance], settings: Settings, now: datetime
) -> None:
    completeness = completeness_of(session, study, instances, settings)
    audit.record(
        session,
        "study_settled",
        study.study_instance_uid,
        ACTOR,
        now,
        snapshot=study.settled_snapshot,
        instances=len(instances),
        series=len({instance.series_instance_uid for instance in instances}),
        input_digest=study.settled_digest,
        basis=completeness.basis,
        missing=completeness.missing,
        quiet_time_s=settings.quiet_time_s,
    )
