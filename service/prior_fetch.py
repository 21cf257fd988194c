"""Fetching of priors: for a flagged patient's study, the earlier brain MRI to compare with comes from an archive, once, within limits.

No study waits for it: the gate decides with what is there, and decides again when the earlier study has come.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Select, select

from rules.cohort import Admitted, admit
from rules.context import PatientContext
from rules.facts import StudyHeaders
from rules.priors import Prior, Series, in_turn, needed
from service import audit
from service.archives import AnyArchive, WebArchive
from service.contents import instances_of
from service.gate import decide
from service.inquiry import ArchiveError
from service.matching import Matched, find_patient
from service.prior_archive import DimseSource
from service.prior_source import DISK_LOW, Kept, PriorSource, is_disk_low
from service.prior_web import WebSource
from service.rounds import go_round
from service.settings import Settings
from service.store.files import FileStore
from service.store.prior_tables import PriorInstance, PriorSearch
from service.store.session import Store, open_store, upgrade
from service.store.tables import CohortPatient, Study

ACTOR = "priors"
_SEARCHED_FOR = timedelta(days=1)
"""Studies that something arrived for within this are searched for."""
_BACKOFF_S = 10.0
_TRIES = 5
_LOOKED_INTO = 4
"""Earlier studies of which the series are asked for, until one is of the brain."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fetching:
    """Searches, one study after the other."""

    store: Store
    settings: Settings

    def ask_due(self, now: datetime) -> int:
        """Search for every study that is due; returns for how many.

        Raises StoreUnavailableError if the database does not answer.
        """
        with self.store.session() as session:
            for uid in session.scalars(_unsearched(now)).all():
                session.add(PriorSearch(study_instance_uid=uid, state="owed", try_at=now))
        with self.store.reading() as session:
            due = select(PriorSearch.study_instance_uid).where(
                PriorSearch.state == "owed", PriorSearch.try_at <= now
            )
            uids = session.scalars(due.order_by(PriorSearch.try_at)).all()
        for uid in uids:
            self._search(uid, now)
        return len(uids)

    def _search(self, uid: str, now: datetime) -> None:
        with self.store.reading() as session:
            study = session.get_one(Study, uid)
            found = find_patient(session, study)
            session.expunge(study)
        if not isinstance(found, Matched):
            self._note(uid, "the patient is not flagged", now)
            return
        try:
            kept, archive, outcome = self._fetched(study, found.context)
        except ArchiveError as error:
            _log.warning("archive_silent", study_instance_uid=uid, error=error.detail)
            self._put_off(uid, error.detail, now)
            return
        if kept is None or archive is None:
            self._note(uid, outcome, now)
        else:
            self._enter(uid, kept, archive, now)

    def _fetched(self, study: Study, context: PatientContext) -> tuple[Kept | None, AnyArchive | None, str]:
        """The best prior of the archives, or why there is none to fetch; raises ArchiveError."""
        assert study.study_date is not None  # noqa: S101 - _unsearched says so
        homes, trouble = self._known(study)
        if not homes and trouble:
            raise ArchiveError(trouble)
        turns = in_turn(homes, study.study_date, context.infusion_date)
        for prior in turns[:_LOOKED_INTO]:
            if self._is_here(prior):
                return None, None, ""
            archive = homes[prior]
            source = source_of(archive, self.settings)
            series = source.series(prior)
            wanted = needed(series)
            if not wanted or not _is_brain(prior, series, context):
                continue
            if sum(one.instances for one in wanted) > self.settings.prior_limit_objects:
                return None, None, "the earlier study has more objects than allowed"
            kept = Kept(FileStore(self.settings.files), study, prior, self.settings)
            _bring(source, kept, wanted)
            if _is_brain(prior, _as_they_came(kept, wanted), context):
                return kept, archive, ""
        return None, None, "the archives know no earlier brain MRI of this patient"

    def _known(self, study: Study) -> tuple[dict[Prior, AnyArchive], str]:
        homes: dict[Prior, AnyArchive] = {}
        trouble = ""
        for archive in self.settings.archives:
            try:
                for prior in source_of(archive, self.settings).studies(study):
                    homes.setdefault(prior, archive)
            except ArchiveError as error:
                trouble = error.detail
        return homes, trouble

    def _is_here(self, prior: Prior) -> bool:
        uid = prior.study_instance_uid
        with self.store.reading() as session:
            ours = select(Study.study_instance_uid).where(Study.study_instance_uid == uid)
            fetched = select(PriorInstance.id).where(PriorInstance.study_instance_uid == uid).limit(1)
            return session.scalar(ours) is not None or session.scalar(fetched) is not None

    def _enter(self, uid: str, kept: Kept, archive: AnyArchive, now: datetime) -> None:
        """The whole prior becomes rows, and the study is decided again beside it, in one transaction."""
        with self.store.session() as session:
            study = session.get_one(Study, uid, with_for_update=True)
            session.add_all(_rows(kept, archive, now))
            _end(session.get_one(PriorSearch, uid), "done", "")
            audit.record(
                session,
                "prior_fetched",
                uid,
                ACTOR,
                now,
                prior=kept.prior.study_instance_uid,
                archive=archive.name,
                objects=len(kept.objects),
                size_bytes=kept.size_bytes,
            )
            session.flush()
            if study.settled_digest and not study.is_open:
                decide(session, study, instances_of(session, uid), self.settings, now)

    def _note(self, uid: str, outcome: str, now: datetime, state: str = "done") -> None:
        with self.store.session() as session:
            _end(session.get_one(PriorSearch, uid), state, outcome)
            if outcome:
                audit.record(session, "prior_not_fetched", uid, ACTOR, now, reason=outcome)

    def _put_off(self, uid: str, trouble: str, now: datetime) -> None:
        with self.store.session() as session:
            search = session.get_one(PriorSearch, uid)
            search.tries += 1
            search.try_at = now + timedelta(seconds=_BACKOFF_S * 2**search.tries)
            is_over = search.tries >= _TRIES
        if is_over:
            self._note(uid, f"the archives did not give it ({trouble})", now, "given_up")


def source_of(archive: AnyArchive, settings: Settings) -> PriorSource:
    """How an archive is asked."""
    if isinstance(archive, WebArchive):
        return WebSource(archive, settings)
    return DimseSource(archive, settings)


def run_priors(settings: Settings, stop: threading.Event) -> None:
    """Search and fetch until `stop` is set; outlives archives and a database that are down."""
    store = open_store(settings)
    upgrade(store)
    go_round(Fetching(store, settings).ask_due, stop, "priors_postponed")
    store.close()


def _unsearched(now: datetime) -> Select[str]:
    flagged = select(CohortPatient.patient_id).where(CohortPatient.removed_at.is_(None))
    return select(Study.study_instance_uid).where(
        Study.patient_id.in_(flagged),
        Study.study_date.is_not(None),
        Study.birth_date.is_not(None),
        Study.has_identity_conflict.is_(False),
        Study.last_received_at >= now - _SEARCHED_FOR,
        Study.study_instance_uid.not_in(select(PriorSearch.study_instance_uid)),
    )


def _end(search: PriorSearch, state: str, outcome: str) -> None:
    search.state, search.outcome = state, outcome


def _is_brain(prior: Prior, series: Sequence[Series], context: PatientContext) -> bool:
    headers = StudyHeaders(
        prior.study_instance_uid,
        context.patient_id,
        study_date=prior.study_date,
        modalities=("MR",),
        body_parts=tuple(sorted({one.body_part for one in series} - {""})),
        descriptions=tuple(one.description for one in series),
    )
    return isinstance(admit(headers, context), Admitted)


def _bring(source: PriorSource, kept: Kept, wanted: Sequence[Series]) -> None:
    if is_disk_low(kept.files, kept.settings):
        raise ArchiveError(DISK_LOW)
    source.fetch(kept, wanted)
    if not kept.objects:
        raise ArchiveError("nothing of the earlier study came")


def _as_they_came(kept: Kept, series: Sequence[Series]) -> list[Series]:
    """The series with the body part of their objects: not every archive answers it."""
    parts = {header.series_instance_uid: header.body_part for header, _ in kept.objects}
    return [replace(one, body_part=parts.get(one.series_instance_uid, "")) for one in series]


def _rows(kept: Kept, archive: AnyArchive, now: datetime) -> list[PriorInstance]:
    unique = {(header.sop_instance_uid, stored.sha256): (header, stored) for header, stored in kept.objects}
    return [
        PriorInstance(
            study_instance_uid=header.study_instance_uid,
            series_instance_uid=header.series_instance_uid,
            sop_instance_uid=header.sop_instance_uid,
            sop_class_uid=header.sop_class_uid,
            patient_id=header.patient_id,
            issuer=header.issuer,
            birth_date=header.birth_date,
            study_date=kept.prior.study_date,
            path=stored.path,
            sha256=stored.sha256,
            archive=archive.name,
            fetched_at=now,
        )
        for header, stored in unique.values()
    ]
