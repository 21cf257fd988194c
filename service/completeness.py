"""Completeness: when a study is whole, by the strongest evidence that there is, and what is missing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from rules.completeness import Announcement, Standing, judge
from rules.messages import Basis, Completeness
from service import audit
from service.contents import series_of
from service.settings import Settings
from service.store.series_tables import SettledSeries
from service.store.tables import Announced, Instance, Report, Study

CLOCK_TOLERANCE = timedelta(seconds=60)
"""Clocks of several machines may differ by this; a moment further ahead tells of a clock that went back."""
IMAGES = "MR"
"""Modality of the series that an archive is asked for: it may hold others that nobody sends us."""
_WORDS = {
    Basis.REQUIRED_SERIES: "all series of the site's protocol are here",
    Basis.MPPS: "the scanner finished, and all its images are here",
    Basis.AVAILABILITY: "all objects that were announced as available are here",
    Basis.ARCHIVE_COUNT: "the archive counts the same objects in each series",
}


def due(session: Session, settings: Settings, now: datetime) -> Sequence[str]:
    """Open studies that are whole by evidence, or that nothing arrived for since `quiet_time_s`; oldest first.

    Evidence can only hasten a study, never hold it back. A study that was last received well in the future tells of a clock that
    went back; it is due at once, to be dated anew.
    """
    quiet_since = now - timedelta(seconds=settings.quiet_time_s)
    settled_since = now - timedelta(seconds=settings.settle_after_s)
    has_evidence = or_(
        Study.study_instance_uid.in_(select(Announced.study_instance_uid)),
        Study.study_instance_uid.in_(select(SettledSeries.study_instance_uid)),
    )
    is_asked = (Study.last_received_at <= settled_since) & has_evidence
    is_quiet = or_(Study.last_received_at <= quiet_since, Study.last_received_at > now + CLOCK_TOLERANCE)
    found = session.scalars(
        select(Study).where(Study.is_open, or_(is_quiet, is_asked)).order_by(Study.last_received_at)
    )
    return [study.study_instance_uid for study in found if _is_due(session, study, settings, now)]


def completeness_of(
    session: Session, study: Study, instances: Sequence[Instance], settings: Settings
) -> Completeness:
    """The evidence for a snapshot that is settled now."""
    standing = _standing(session, study.study_instance_uid, settings)
    beside = select(func.count()).where(
        Instance.study_instance_uid == study.study_instance_uid, Instance.is_conflict
    )
    conflicts = session.scalar(beside) or 0
    clauses = [_WORDS[standing.basis] if standing.basis else f"no new object for {settings.quiet_time_s:g} s"]
    if conflicts:
        clauses.append(f"{conflicts} conflicting copies kept beside, not analysed")
    if standing.missing:
        clauses.append(f"incomplete: {', '.join(standing.missing)}")
    return Completeness(
        basis=standing.basis or Basis.QUIET_TIME,
        instances=len(instances),
        detail="; ".join(clauses),
        is_degraded=bool(standing.missing),
        missing=standing.missing,
    )


def announced_objects(session: Session, study_instance_uid: str) -> dict[str, int]:
    """Series Instance UID to the most objects that a finished scanner or a notification announced; an archive may be behind."""
    said = session.scalars(
        select(Announced).where(
            Announced.study_instance_uid == study_instance_uid,
            Announced.is_final,
            Announced.basis != Basis.ARCHIVE_COUNT.value,
        )
    )
    counts: dict[str, int] = {}
    for one in said:
        for uid, count in one.series.items():
            counts[uid] = max(count, counts.get(uid, 0))
    return counts


def note_late(session: Session, study_instance_uid: str, sender: str, now: datetime) -> None:
    """Tell the trail what an announcement says of a study that is settled already: that it is whole after all, or that it is not.

    The images decide, so nothing is analysed again; what is missing makes a new snapshot when it comes.
    """
    study = session.get(Study, study_instance_uid)
    if study is None or study.is_open or not study.settled_snapshot:
        return
    standing, _ = _judged(session, study_instance_uid, _announcements(session, study_instance_uid))
    if standing.basis is not None:
        detail = {"snapshot": study.settled_snapshot, "basis": standing.basis}
        audit.record(session, "completeness_confirmed", study_instance_uid, sender, now, **detail)
    elif standing.missing:
        missing = ", ".join(standing.missing)
        audit.record(session, "completeness_refuted", study_instance_uid, sender, now, missing=missing)


def _is_due(session: Session, study: Study, settings: Settings, now: datetime) -> bool:
    last, quiet = study.last_received_at, timedelta(seconds=settings.quiet_time_s)
    if last <= now - quiet or last > now + CLOCK_TOLERANCE:
        return True
    return _standing(session, study.study_instance_uid, settings).basis is not None


def _has_required(received: Mapping[str, int], known: Sequence[SettledSeries], settings: Settings) -> bool:
    """Whether every series of the site's protocol settled, and none of them, nor any other image series, has grown since."""
    whole = {one.role for one in known if received.get(one.series_instance_uid) == one.objects}
    has_all = bool(settings.required_series) and whole.issuperset(settings.required_series)
    return has_all and received.keys() == {one.series_instance_uid for one in known}


def _standing(session: Session, study_instance_uid: str, settings: Settings) -> Standing:
    announcements = _announcements(session, study_instance_uid)
    known = series_of(session, study_instance_uid) if settings.required_series else ()
    if not announcements and not known:
        return Standing(None)
    standing, images = _judged(session, study_instance_uid, announcements)
    # What is known to be missing outweighs a list of roles.
    if standing.basis is None and not standing.missing and _has_required(images, known, settings):
        return Standing(Basis.REQUIRED_SERIES)
    return standing


def _announcements(session: Session, study_instance_uid: str) -> list[Announcement]:
    said = session.scalars(select(Announced).where(Announced.study_instance_uid == study_instance_uid))
    return [Announcement(Basis(one.basis), one.is_final, one.series) for one in said]


def _judged(
    session: Session, study_instance_uid: str, announcements: Sequence[Announcement]
) -> tuple[Standing, Counter[str]]:
    """What the announcements say of what is here, and the objects of each image series."""
    here = select(Instance.series_instance_uid, Instance.modality).where(
        Instance.study_instance_uid == study_instance_uid,
        Instance.is_conflict.is_(False),
        Instance.is_own.is_(False),
        Instance.sop_instance_uid.not_in(select(Report.sop_instance_uid)),
    )
    rows = session.execute(here).all()
    images = Counter(uid for uid, modality in rows if modality == IMAGES)
    return judge(Counter(uid for uid, _ in rows), announcements, images=images), images
