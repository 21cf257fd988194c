"""Takes messages: each once, for flagged patients only, never across a contradiction of identifiers; what cannot be taken is set aside."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.context import BloodPressure, PatientContext, Recorded
from rules.context_file import context_from_mapping
from rules.context_map import ContextMap, load_context_map
from rules.identity import digest_of
from service import audit
from service import cohort as registry
from service.cohort_file import Entry
from service.context_feed import fhir_resource, hl7_message
from service.context_feed.news import Fault, FeedError, Message, News, Reading, news_of, tells_of_cells
from service.matching import flagged_under
from service.settings import Settings
from service.store.feed_tables import ContextMessage, ContextReading
from service.store.session import Store
from service.store.tables import CohortPatient

ACTOR = "context-feed"
_PRESSURE = "blood_pressure"
_HIGHEST_OF = timedelta(hours=24)
"""A blood pressure counts as the highest of so long (rules/context.py)."""


class Outcome(Enum):
    """What became of a message."""

    TAKEN = "taken"
    REPEATED = "taken before"
    NOT_OURS = "nothing for the registry"
    """About nobody who is flagged, or nothing that the mapping names."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it came."""

    feed: str
    """hl7 or fhir."""
    sender: str
    kind: str
    content: bytes
    digest: str
    """Of feed, sender and what the sender calls it (`name_of`): the same again is the same message."""

    @property
    def content_digest(self) -> str:
        return digest_of(self.content.hex())


def name_of(feed: str, sender: str, key: str) -> str:
    """The digest of a message's name; key : what its sender calls it."""
    return digest_of([feed, sender, key])


@dataclass(frozen=True, slots=True)
class Registry:
    """What taking a message needs."""

    store: Store
    settings: Settings
    known: ContextMap


@cache
def map_in_force(site: Path | None) -> ContextMap:
    """The mapping with the site's own codes; read once, so that it holds until the next start. Raises PolicyError."""
    return load_context_map(site)


READERS: Mapping[str, Callable[[bytes, ContextMap], Message]] = {
    "hl7": lambda content, known: hl7_message.message_of(text_of(content), known),
    "fhir": fhir_resource.message_of,
}
"""Feed to the function that reads its messages; raises FeedError."""


def text_of(content: bytes) -> str:
    """An HL7 v2 message's text: UTF-8, else Latin-1, in which every byte is a character; all that is compared is ASCII."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def may_concern(session: Session, arrived: Arrived, known: ContextMap) -> bool:
    """Whether a message may be about somebody who is flagged, or flags somebody: a quick look that writes nothing.

    A hospital's feed is about all its patients; for most of them this is all that is done.

    Raises FeedError.
    """
    if arrived.feed == "hl7":
        text = text_of(arrived.content)
        ids = hl7_message.patient_ids_of(text)
        if any(code in text for code in known.cell_codes()):
            return True
    else:
        message = READERS[arrived.feed](arrived.content, known)
        ids = message.identifiers
        if tells_of_cells(message, known):
            return True
    flagged = select(CohortPatient.id).where(
        CohortPatient.patient_id.in_(ids), CohortPatient.removed_at.is_(None)
    )
    return session.scalar(flagged.limit(1)) is not None


def take(session: Session, arrived: Arrived, where: Registry, now: datetime) -> Outcome:
    """Take a message in the session's transaction.

    Raises FeedError if it cannot be taken; then nothing of it is.
    """
    seen = session.scalar(select(ContextMessage).where(ContextMessage.key == arrived.digest))
    if seen is not None and seen.state != "set_aside":
        if seen.content_digest != arrived.content_digest:
            raise FeedError(Fault.REUSED, "its control ID or version came before with other content")
        return Outcome.REPEATED
    message = READERS[arrived.feed](arrived.content, where.known)
    held = _patient(session, message, where.known)
    if held is None and not _is_new(session, message, where, now):
        return Outcome.NOT_OURS
    news = news_of(message, where.known, now)
    if held is not None and not _concerns(news, held):
        return Outcome.NOT_OURS
    row = seen or ContextMessage(key=arrived.digest, received_at=now)
    row.feed, row.sender, row.kind = arrived.feed, arrived.sender[:64], arrived.kind[:32]
    row.content_digest, row.state, row.done_at, row.fault, row.reason = (
        arrived.content_digest,
        "taken",
        now,
        "",
        "",
    )
    session.add(row)
    session.flush()
    entry = _Taking(session, news, held, row, now).entry()
    agreed = ["patient ID", "birth date"] if held and registry.context_of(held).birth_date else ["patient ID"]
    change = registry.add(session, entry, where.settings, ACTOR, now)
    _tell(session, row, now, fields=entry.fields, matched_by=agreed if held else [], change=change)
    return Outcome.TAKEN


def _patient(session: Session, message: Message, known: ContextMap) -> CohortPatient | None:
    """The flagged patient of a message; None if it is nobody's.

    Raises FeedError if identifiers are missing or contradict each other.
    """
    whom = message.patient
    if message.replaced_patient_id and flagged_under(session, message.replaced_patient_id, whom.issuer):
        raise FeedError(
            Fault.IDENTITY, "a flagged patient's ID was merged into another: flag the new one by hand"
        )
    rows = flagged_under(session, whom.patient_id, whom.issuer)
    if whom.patient_id and not rows and not tells_of_cells(message, known):
        return None
    if not whom.patient_id or whom.birth_date is None:
        raise FeedError(Fault.INCOMPLETE, "a patient ID of a known type and a whole birth date are needed")
    if len(rows) > 1:
        raise FeedError(Fault.IDENTITY, "patients of several issuers are flagged under this patient ID")
    if not rows:
        return None
    born = registry.context_of(rows[0]).birth_date
    if born is not None and born != whom.birth_date:
        raise FeedError(Fault.IDENTITY, "the birth date differs from the registry's")
    return rows[0]


def _is_new(session: Session, message: Message, where: Registry, now: datetime) -> bool:
    """Whether a message flags somebody. Who was taken off by a person comes back by a later infusion only."""
    if not tells_of_cells(message, where.known):
        return False
    removed = session.scalar(
        select(CohortPatient.removed_at).where(
            CohortPatient.patient_id == message.patient.patient_id,
            CohortPatient.issuer == message.patient.issuer,
        )
    )
    if removed is None:
        return True
    infused = news_of(message, where.known, now).infusion_date
    return infused is not None and infused > removed.date()


def _concerns(news: News, held: CohortPatient) -> bool:
    """Most messages about a flagged patient are about something else."""
    has_second = registry.context_of(held).birth_date is not None
    return bool(news.readings or news.product or news.is_recipient or not has_second)


@dataclass(frozen=True, slots=True)
class _Taking:
    """One message on its way into the registry."""

    session: Session
    news: News
    held: CohortPatient | None
    row: ContextMessage
    now: datetime

    def entry(self) -> Entry:
        """What the registry is to enter: the fields in which the message is news."""
        context = registry.context_of(self.held) if self.held else PatientContext()
        whom = self.news.patient
        patient_id = self.held.patient_id if self.held else whom.patient_id
        issuer = self.held.issuer if self.held else whom.issuer
        self._keep(patient_id, issuer)
        values: dict[str, Any] = {"patient_id": patient_id, "issuer": issuer}
        if context.birth_date is None:
            values["birth_date"] = whom.birth_date
        values |= dict(self._infusion(context))
        empty: set[str] = set()
        for field in dict.fromkeys(one.field for one in self.news.readings):
            counted = self._counted(patient_id, issuer, field)
            present: Recorded[Any] | None = getattr(context, field)
            if counted is None and self._is_withdrawn(present, field):
                empty.add(field)
            elif counted is not None and self._is_news(present, counted, field):
                values[field] = {"value": counted.value, "at": counted.at, "source": self._source}
        made = context_from_mapping(values, source=self._source)
        return Entry(made, frozenset(values) | empty, self.now, is_observation=True)

    @property
    def _source(self) -> str:
        return f"{self.row.feed.upper()} {self.row.sender}"

    def _infusion(self, context: PatientContext) -> Iterator[tuple[str, Any]]:
        """The latest infusion counts; its product comes with it."""
        day, product = self.news.infusion_date, self.news.product
        is_later = day is not None and (context.infusion_date is None or day > context.infusion_date)
        if is_later:
            yield "infusion_date", day
        if product and (is_later or not context.product):
            yield "product", product

    def _keep(self, patient_id: str, issuer: str) -> None:
        for one in self.news.readings:
            if one.is_withdrawn:
                for earlier in self._readings(patient_id, issuer, one.field):
                    earlier.is_withdrawn = earlier.is_withdrawn or earlier.at == one.at
            else:
                self.session.add(
                    ContextReading(
                        message_id=self.row.id,
                        patient_id=patient_id,
                        issuer=issuer,
                        field=one.field,
                        value=one.value,
                        at=one.at,
                        is_withdrawn=False,
                    )
                )
        self.session.flush()

    def _readings(self, patient_id: str, issuer: str, field: str) -> Sequence[ContextReading]:
        """Newest first; of the same moment the one that came last."""
        found = select(ContextReading).where(
            ContextReading.patient_id == patient_id,
            ContextReading.issuer == issuer,
            ContextReading.field == field,
        )
        return self.session.scalars(found.order_by(ContextReading.at.desc(), ContextReading.id.desc())).all()

    def _counted(self, patient_id: str, issuer: str, field: str) -> Reading | None:
        """The reading that counts: the newest, and of blood pressures the highest of the day before it."""
        found = [one for one in self._readings(patient_id, issuer, field) if not one.is_withdrawn]
        if not found:
            return None
        counted = found[0]
        if field == _PRESSURE:
            latest = [one for one in found if counted.at - one.at < _HIGHEST_OF]
            counted = max(latest, key=lambda one: [int(part) for part in one.value.split("/")])
        return Reading(field, counted.value, counted.at)

    def _is_withdrawn(self, present: Recorded[Any] | None, field: str) -> bool:
        """Whether the message withdraws what the registry holds."""
        moments = {one.at for one in self.news.readings if one.field == field and one.is_withdrawn}
        return (
            present is not None and present.at in moments and present.source.startswith(self.row.feed.upper())
        )

    def _is_news(self, present: Recorded[Any] | None, counted: Reading, field: str) -> bool:
        """An observation that comes late does not displace a newer one, nor a higher pressure of the same day."""
        if present is None or present.at is None or self._is_withdrawn(present, field):
            return True
        if field == _PRESSURE and isinstance(present.value, BloodPressure):
            is_higher = [int(part) for part in counted.value.split("/")] >= [
                present.value.systolic,
                present.value.diastolic,
            ]
            if abs(counted.at - present.at) < _HIGHEST_OF:
                return is_higher
        return counted.at >= present.at


def _tell(
    session: Session,
    row: ContextMessage,
    now: datetime,
    *,
    fields: frozenset[str],
    matched_by: list[str],
    change: registry.Change,
) -> None:
    audit.record(
        session,
        "context_message_taken",
        None,
        ACTOR,
        now,
        message=row.id,
        feed=row.feed,
        sender=row.sender,
        kind=row.kind,
        content_digest=row.content_digest,
        fields=sorted(fields - {"patient_id", "issuer"}),
        matched_by=matched_by,
        is_new=change.is_new,
        is_changed=change.is_changed,
        decided_again=[one.study_instance_uid for one in change.reopened if one.state == "owed"],
    )
