"""The desk's own process: keeps the reading list up to date, escalates what nobody answers, anchors the trail, counts ahead."""

import threading
from datetime import UTC, datetime, timedelta

import structlog

from rules.policy import Policy
from service import audit
from service.audit_anchor import AnchorError, take_anchor, write_to_file
from service.drift_alarm import DriftAlarm
from service.errors import StoreUnavailableError
from service.escalation import ACTOR, escalate_due
from service.figures import keep_figures
from service.gate import policy_in_force
from service.policies import KeptPolicyError, keep_policy
from service.reading_list import follow
from service.scanners import note_scanners
from service.settings import Settings
from service.store.files import FileStore
from service.store.session import Store, open_store, upgrade

_TICK_S = 0.5
_TICK_MAX_S = 15.0
_ANCHOR_EVERY = timedelta(hours=1)
_SCANNERS_EVERY = timedelta(seconds=30)

_log = structlog.get_logger(__name__)


def run_desk(settings: Settings, stop: threading.Event) -> None:
    """Work until `stop` is set; outlives a database that is down and a file that cannot be written.

    Raises PolicyError at once if the policy must not be used.
    """
    policy = policy_in_force(settings.site_policy)
    store = open_store(settings)
    upgrade(store)
    _keep(store, policy, settings)
    _tell(store, "application_started")
    wait_s, anchor_at, owes_look = _TICK_S, datetime.now(UTC), True
    files, scanners_at, drifts = FileStore(settings.files), anchor_at, DriftAlarm()
    figures = threading.Thread(target=keep_figures, args=(store, stop), name="figures")
    figures.start()
    while not stop.wait(wait_s):
        now = datetime.now(UTC)
        try:
            changed = follow(store, policy, now)
            escalate_due(store, settings.escalation, now)
            if now >= scanners_at:
                noted = note_scanners(store, files)
                scanners_at = now + (timedelta() if noted else _SCANNERS_EVERY)
                owes_look = owes_look or bool(noted)
                if owes_look and not noted:
                    drifts.look(store, now)
                    owes_look = False
            if settings.audit_anchors and now >= anchor_at:
                anchor_at = now + _ANCHOR_EVERY
                _anchor(store, settings, now)
            wait_s = 0.01 if changed else _TICK_S
        except StoreUnavailableError as error:
            wait_s = min(max(wait_s, _TICK_S) * 2, _TICK_MAX_S)
            _log.warning("desk_postponed", error=error.detail, wait_s=wait_s)
    figures.join()
    _tell(store, "application_stopped")
    store.close()


def _keep(store: Store, policy: Policy, settings: Settings) -> None:
    """For replay; a disk that is full must not keep the list from being shown."""
    try:
        keep_policy(policy, settings.policies)
    except KeptPolicyError as error:
        _log.error("policy_not_kept", error=error.detail)
        _tell(store, "policy_not_kept", policy=policy.identity)


def _tell(store: Store, event: str, **detail: object) -> None:
    try:
        with store.session() as session:
            audit.record(session, event, None, ACTOR, datetime.now(UTC), **detail)
    except StoreUnavailableError as error:
        _log.error("audit_failed", audit_event=event, error=error.detail)


def _anchor(store: Store, settings: Settings, now: datetime) -> None:
    with store.reading() as session:
        anchor = take_anchor(session, now)
    if anchor is None or settings.audit_anchors is None:
        return
    try:
        write_to_file(anchor, settings.audit_anchors)
    except AnchorError as error:
        _log.error("anchor_not_written", error=error.detail)
        with store.session() as session:
            audit.record(session, "anchor_not_written", None, ACTOR, now, sequence=anchor.sequence)
