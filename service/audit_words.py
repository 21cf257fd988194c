"""The trail in words, for command line, report and web page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from service.store.tables import AuditEvent

_SENTENCES = {
    "alert_acknowledged": "{priority} acknowledged {after}",
    "alert_escalated": "step {step} to {to}: not acknowledged for {waited_min} min",
    "api_token_issued": "{token} with {roles} until {expires_at}",
    "api_token_refused": "unknown, ended or revoked, from {address}",
    "api_token_revoked": "{token}",
    "assessment_given": "{verdict}: {text}",
    "assessment_exported": "assessment {assessment} as {format}",
    "association_rejected": "{reason}",
    "audit_message_retried": "event {about}",
    "audit_message_sent": "event {about}, after all",
    "audit_message_set_aside": "the audit messages of event {about} are not sent: {reason}",
    "audit_not_purged": "old events stay: {reason}",
    "audit_purged": "{events} events up to number {until} are in {file} (sha256 {sha256})",
    "clock_went_back": "the clock went back; quiet time starts again",
    "commitment_answered": "{objects} objects asked for, {failed} of them not committed to",
    "commitment_asked": "asks us to commit to {objects} objects",
    "commitment_not_taken": "does not take our answer about {objects} objects: {outcome}; given up",
    "completeness_confirmed": "snapshot {snapshot} was whole: told after it was settled ({basis})",
    "completeness_refuted": "settled without {missing}",
    "context_message_dropped": "message {message} given up: {reason}",
    "context_message_set_aside": "{kind} from {sender}: {reason}",
    "context_message_taken": "{kind} from {sender}: {fields}",
    "context_sender_refused": "{reason}, from {address}",
    "context_server_failing": "{server}: {reason}",
    "decision_replayed": "snapshot {snapshot} {outcome}",
    "delivery_dropped": "{cargo} to {destination} given up by {user}: {reason}",
    "delivery_retried": "{cargo} to {destination} tried again by {user}",
    "delivery_stuck": "{destination} does not take {sop_instance_uid}, {tries} tries so far: {outcome}",
    "delivery_unproven": "ALARM: urgent {cargo} is not proven at {destination} in time ({state}; {outcome})",
    "identity_conflict": "the objects name more than one patient ({differs} differs)",
    "instance_damaged": "ALARM: the file of {sop_instance_uid} is gone or changed on our disk",
    "instance_refused": "status {status}: {reason}",
    "job_failed": "no result after {rings} rings: a person has to look",
    "prior_fetched": "{objects} objects of the earlier study {prior} from {archive}",
    "prior_not_fetched": "{reason}",
    "proof_not_given": "{destination} does not prove that it has {sop_instance_uid}: {outcome}",
    "provisional_owed": "snapshot {snapshot}: {instances} objects in {series} series so far ({roles}) suffice for a provisional result",
    "provisional_overtaken": "the result on the whole study came first",
    "report_lost": "{destination} has not kept {sop_instance_uid}: {outcome}; sent again",
    "report_proven": "{cargo} is at {destination}, by {proof}, {seconds:g} s after it was owed",
    "report_stored": "{sop_instance_uid} at {destination}",
    "report_stored_with_warning": "{sop_instance_uid} at {destination}: {outcome}",
    "scanner_drift_over": "{scanner} {station}: {measurement} no longer",
    "scanner_drifts": "{scanner} {station}: {measurement}, {why}",
    "series_settled": "{objects} objects of {series_instance_uid} ({basis})",
    "sign_in_refused": "{reason}",
    "study_admitted": "{reason}",
    "study_declined": "{reason}",
    "study_handed_over": "to the workers",
    "study_purged": "{objects} objects ({bytes} bytes) deleted by their age",
    "study_rung_again": "no result yet; handed over again, {rings} rings so far",
    "study_settled": "snapshot {snapshot}: {instances} objects in {series} series; nothing new for {quiet_time_s:g} s",
    "workitem_changed": "{priority} in our worklist is {state}",
    "workitem_created": "{priority} in our worklist",
    "workitem_news_dropped": "news of {priority} to {receiver} given up by {user}: {reason}",
    "workitem_news_given_up": "ALARM: {receiver} was not told of {priority} for a day: {outcome}",
    "workitem_news_late": "ALARM: {receiver} was not told of {priority} in time: {outcome}",
    "workitem_news_retried": "news of {priority} to {receiver} tried again by {user}",
    "workitem_raised": "raised to {priority} in our worklist",
    "viewed_mask": "where the checks measured in the {role}",
    "viewed_volume": "{role}, every slice",
}
"""Event to its line; an event without one shows its details."""
_OBJECTS = {
    "instance_conflict": "kept beside: same UID, other bytes",
    "instance_repeated": "sent again, nothing changed",
    "instance_stored": "stored",
    "own_report_received": "of our own came back",
}
"""Events of single objects, told together as long as nothing else happens between them."""
_NOT_SHOWN = frozenset(
    {"context_digest", "input_digest", "job_id", "policy", "result_digest", "sha256", "versions"}
)
_LONGEST = 160
_MOST_OF_A_LIST = 3
"""A longer list is counted; the whole of it stands in the export."""


@dataclass(frozen=True, slots=True)
class Line:
    """One or several alike events."""

    sequence: int
    """Of the first."""
    at: datetime
    event: str
    actor: str
    text: str


def lines(events: Sequence[AuditEvent]) -> Iterator[Line]:
    """Events in words, in their order; those of single objects together."""
    for (name, actor), group in groupby(events, key=lambda event: (event.event, event.actor)):
        same = list(group)
        if name in _OBJECTS:
            yield Line(same[0].sequence, same[0].at, name, actor, _counted(same))
        else:
            yield from (Line(event.sequence, event.at, name, actor, told(event)) for event in same)


def told(event: AuditEvent) -> str:
    """What an event says beside its name."""
    detail = event.detail
    if event.event in _SENTENCES:
        try:
            return _SENTENCES[event.event].format(**detail)
        except (KeyError, ValueError):  # written by another version
            return _details(detail)
    if sentences := detail.get("sentences"):
        return "\n".join([f"{detail.get('priority', '')} {sentences[0]}".strip(), *sentences[1:]])
    return _details(detail)


def _counted(events: list[AuditEvent]) -> str:
    series = len({event.detail.get("series_instance_uid") for event in events})
    objects = "object" if len(events) == 1 else "objects"
    seconds = (events[-1].at - events[0].at).total_seconds()
    during = f" within {seconds:.0f} s" if seconds >= 1 else ""
    return f"{len(events)} {objects} in {series} series {_OBJECTS[events[0].event]}{during}"


def _details(detail: dict[str, Any]) -> str:
    shown = {
        key: value
        for key, value in detail.items()
        if key not in _NOT_SHOWN and value not in ("", None, [], {})
    }
    return ", ".join(f"{key.replace('_', ' ')} {_short(value)}" for key, value in shown.items())


def _short(value: object) -> str:
    if isinstance(value, list) and len(value) > _MOST_OF_A_LIST:
        return str(len(value))
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
