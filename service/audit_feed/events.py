"""Which event of the trail is told in which DICOM audit message (PS3.15 A.5.3), with whom and what in it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.audit_feed.message import Action, Code, Message, Participant, Thing, patient
from service.store.tables import AuditEvent

AUDIT_LOG = "urn:cartriage:audit"
"""URI of the trail."""


@dataclass(frozen=True, slots=True)
class Patient:
    """Whom an event is about."""

    patient_id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A study as the rows have it."""

    study_instance_uid: str
    patient: Patient
    accession_number: str
    sop_classes: Mapping[str, int]
    senders: Sequence[str] = ()
    """AE titles that its objects came from."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A configured destination."""

    name: str
    address: str
    is_export: bool
    """Whether what goes there leaves the DICOM world: folder, message, mail."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event with what the rows know of it."""

    event: AuditEvent
    ae_title: str
    machine: str
    study: Held | None = None
    others: Sequence[Held] = ()
    """Studies that the event names in its details."""
    patient: Patient | None = None
    """Of a registry entry."""
    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    owed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Of a result: destination to the SOP classes that are owed there, with their numbers."""

    @property
    def us(self) -> Participant:
        return Participant(self.ae_title, machine=self.machine)

    def process(self, *roles: Code, is_requestor: bool = False) -> Participant:
        """We in a role."""
        return Participant(
            self.ae_title, is_requestor, roles, f"AETITLES={self.ae_title}", machine=self.machine
        )


def messages(told: Told) -> Iterator[Message]:
    """The audit messages of an event; none for those that the profile does not ask for."""
    tell = TOLD.get(told.event.event)
    if tell is not None:
        yield from tell(told)


def _message(told: Told, event: Code, action: Action, *participants: Participant, **more: Any) -> Message:
    return Message(event, action, told.event.at, participants, **more)


def _things(study: Held, sop_classes: Mapping[str, int] | None = None) -> tuple[Thing, ...]:
    """The study and its patient; a message is about one patient only."""
    held = Thing(
        Code.STUDY_INSTANCE_UID,
        study.study_instance_uid,
        "2",
        "3",
        "Study",
        accession_number=study.accession_number,
        sop_classes=study.sop_classes if sop_classes is None else sop_classes,
    )
    return held, patient(study.patient.patient_id, study.patient.name)


def _person(told: Told) -> Participant:
    address = str(told.event.detail.get("address") or "")
    return Participant(
        told.event.actor, is_requestor=True, address=address, machine="" if address else told.machine
    )


def _activity(kind: Code) -> Callable[[Told], Iterator[Message]]:
    def tell(told: Told) -> Iterator[Message]:
        """A.5.3.1."""
        application = told.process(Code.APPLICATION)
        yield _message(told, Code.APPLICATION_ACTIVITY, Action.EXECUTE, application, types=(kind,))

    return tell


def _log_used(told: Told) -> Iterator[Message]:
    """A.5.3.2."""
    log = Thing(Code.URI, AUDIT_LOG, "2", "13", "Security Audit Log")
    yield _message(told, Code.AUDIT_LOG_USED, Action.READ, _person(told), told.us, things=(log,))


def _begun(told: Told) -> Iterator[Message]:
    """A.5.3.3, at the moment that results are owed: what is meant to be sent; what was sent is told when it is stored."""
    if told.study is None:
        return
    for name, sop_classes in told.owed.items():
        receiver = told.receivers.get(name)
        if receiver is None or receiver.is_export:
            continue
        yield _message(
            told,
            Code.BEGIN_TRANSFERRING,
            Action.EXECUTE,
            told.process(Code.SOURCE, is_requestor=True),
            _destination(receiver),
            things=_things(told.study, sop_classes),
        )


def _destination(receiver: Receiver) -> Participant:
    return Participant(receiver.name, roles=(Code.DESTINATION,), alternative_id=receiver.address)


def _received(told: Told) -> Iterator[Message]:
    """A.5.3.7, once a study has settled and not for each object: one message for each sender."""
    if told.study is None:
        return
    for sender in told.study.senders:
        yield _message(
            told,
            Code.INSTANCES_TRANSFERRED,
            Action.CREATE,
            Participant(sender, is_requestor=True, roles=(Code.SOURCE,), alternative_id=f"AETITLES={sender}"),
            told.process(Code.DESTINATION),
            things=_things(told.study),
        )


def _sent(told: Told) -> Iterator[Message]:
    """A.5.3.7 to a DICOM node, A.5.3.4 to a folder or as a message to somebody else."""
    detail = told.event.detail
    name = str(detail.get("destination", ""))
    receiver = told.receivers.get(name, Receiver(name, name, is_export=False))
    if told.study is None or not name:
        return
    failure = str(detail.get("outcome") or "failed") if told.event.event == "report_not_stored" else ""
    things = _things(told.study, {})
    if receiver.is_export:
        media = Participant(
            receiver.name,
            roles=(Code.DESTINATION_MEDIA,),
            alternative_id=receiver.address,
            media=Code.MEDIA_URI,
        )
        source = told.process(Code.SOURCE, is_requestor=True)
        yield _message(told, Code.EXPORT, Action.READ, source, media, things=things, failure=failure)
        return
    yield _message(
        told,
        Code.INSTANCES_TRANSFERRED,
        Action.READ,  # as the receiver's copies are not known to us
        told.process(Code.SOURCE, is_requestor=True),
        _destination(receiver),
        things=things,
        failure=failure,
    )


def _accessed(told: Told) -> Iterator[Message]:
    """A.5.3.6; one message for each study, so that each is about one patient."""
    for study in (*([told.study] if told.study else []), *told.others):
        yield _message(
            told, Code.INSTANCES_ACCESSED, Action.READ, _person(told), told.us, things=_things(study)
        )


def _record(action: Action) -> Callable[[Told], Iterator[Message]]:
    def tell(told: Told) -> Iterator[Message]:
        """A.5.3.14."""
        if told.patient:
            whom = patient(told.patient.patient_id, told.patient.name)
            yield _message(told, Code.PATIENT_RECORD, action, _person(told), told.us, things=(whom,))

    return tell


def _rejected(told: Told) -> Iterator[Message]:
    """A.5.3.11: somebody was turned away at the node."""
    caller = Participant(
        told.event.actor or "unknown", is_requestor=True, address=str(told.event.detail.get("address") or "")
    )
    node = Thing(Code.NODE_ID, str(told.event.detail.get("address") or "unknown"), "2", "13", "Calling node")
    yield _message(
        told,
        Code.SECURITY_ALERT,
        Action.EXECUTE,
        told.us,
        caller,
        types=(Code.NODE_AUTHENTICATION,),
        things=(node,),
        failure=str(told.event.detail.get("reason") or "rejected"),
    )


def _alert(kind: Code) -> Callable[[Told], Iterator[Message]]:
    def tell(told: Told) -> Iterator[Message]:
        """A.5.3.11: something that security rests on was changed."""
        yield _message(told, Code.SECURITY_ALERT, Action.EXECUTE, _person(told), types=(kind,))

    return tell


_REFUSED = {
    "sign_in_failed": "name or password is wrong",
    "sign_in_refused": "the identity provider's answer let nobody in",
}


def _authentication(kind: Code) -> Callable[[Told], Iterator[Message]]:
    def tell(told: Told) -> Iterator[Message]:
        """A.5.3.12."""
        failure = _REFUSED.get(told.event.event, "")
        yield _message(
            told,
            Code.USER_AUTHENTICATION,
            Action.EXECUTE,
            _person(told),
            told.us,
            types=(kind,),
            failure=failure,
        )

    return tell


_REFUSED = {"sign_in_failed": "name or password is wrong", "api_token_refused": "token lets nobody in"}
TOLD: Mapping[str, Callable[[Told], Iterator[Message]]] = {
    "account_created": _alert(Code.USER_SECURITY_CHANGED),
    "account_deactivated": _alert(Code.USER_SECURITY_CHANGED),
    "api_token_issued": _alert(Code.USER_SECURITY_CHANGED),
    "api_token_refused": _authentication(Code.LOGIN),
    "api_token_revoked": _alert(Code.USER_SECURITY_CHANGED),
    "account_readmitted": _alert(Code.USER_SECURITY_CHANGED),
    "account_roles_changed": _alert(Code.USER_SECURITY_CHANGED),
    "application_started": _activity(Code.APPLICATION_START),
    "application_stopped": _activity(Code.APPLICATION_STOP),
    "assessment_exported": _accessed,
    "association_rejected": _rejected,
    "audit_checked": _log_used,
    "audit_exported": _log_used,
    "cohort_patient_added": _record(Action.CREATE),
    "cohort_patient_changed": _record(Action.UPDATE),
    "cohort_patient_removed": _record(Action.UPDATE),
    "cohort_patient_updated": _record(Action.UPDATE),
    "password_changed": _alert(Code.USER_SECURITY_CHANGED),
    "password_reset": _alert(Code.USER_SECURITY_CHANGED),
    "report_not_stored": _sent,
    "report_stored": _sent,
    "report_stored_with_warning": _sent,
    "sign_in_failed": _authentication(Code.LOGIN),
    "sign_in_refused": _authentication(Code.LOGIN),
    "signed_in": _authentication(Code.LOGIN),
    "signed_out": _authentication(Code.LOGOUT),
    "site_policy_in_force": _alert(Code.SOFTWARE_CONFIGURATION),
    "study_settled": _received,
    "study_triaged": _begun,
    "study_triaged_after_failure": _begun,
    "viewed_assessments": _accessed,
    "viewed_audit": _log_used,
    "viewed_context": _record(Action.READ),
    "viewed_mask": _accessed,
    "viewed_picture": _accessed,
    "viewed_study": _accessed,
    "viewed_volume": _accessed,
    "viewed_worklist": _accessed,
    "workitem_shown": _accessed,
}
"""Event of the trail to what tells it."""
