"""A patient's course as a drawing: infusion, grades, studies with their priorities."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.codec import MessageError, from_plain
from rules.context import PatientContext
from service.store.desk_tables import WorklistEntry
from service.store.tables import Job, Study

LEFT, RIGHT = 20, 380
"""Of the line, in units of the drawing, which is 400 wide."""
_MOST_STUDIES = 40


@dataclass(frozen=True, slots=True)
class Mark:
    """Something on the line."""

    x: float
    label: str
    text: str
    """In full, for the list beside the drawing."""
    priority: str | None = None
    is_this: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """The drawing, and the same in words."""

    ticks: tuple[Mark, ...]
    grades: tuple[Mark, ...]
    studies: tuple[Mark, ...]
    infusion: Mark | None


def timeline(
    session: Session, study: Study, context: PatientContext | None, now: datetime
) -> Timeline | None:
    """The course of the study's patient; None if no date is known."""
    entries = session.scalars(
        select(WorklistEntry)
        .where(WorklistEntry.patient_id == study.patient_id)
        .order_by(WorklistEntry.received_at.desc())
        .limit(_MOST_STUDIES)
    ).all()
    grades = _grades(session, [entry.study_instance_uid for entry in entries])
    infusion = context.infusion_date if context else None
    days = [entry.study_date or entry.received_at.date() for entry in entries]
    days += [at.date() for at, _ in grades] + ([infusion] if infusion else [])
    if not days:
        return None
    scale = _Scale(min(days), max(*days, now.date() if infusion else max(days)))
    return Timeline(
        ticks=scale.ticks(infusion),
        grades=tuple(
            Mark(scale.x(at.date()), str(grade), f"{at:%Y-%m-%d}: ICANS grade {grade}")
            for at, grade in grades
        ),
        studies=tuple(
            Mark(
                scale.x(day),
                entry.shown or "–",  # noqa: RUF001 - no result yet
                f"{day}: {entry.headline}",
                entry.shown,
                entry.study_instance_uid == study.study_instance_uid,
            )
            for entry, day in zip(entries, days, strict=False)
        ),
        infusion=Mark(scale.x(infusion), "infusion", f"{infusion}: infusion") if infusion else None,
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    first: date
    last: date

    @property
    def length(self) -> int:
        return max((self.last - self.first).days, 1)

    def x(self, day: date) -> float:
        return round(LEFT + (RIGHT - LEFT) * (day - self.first).days / self.length, 1)

    def ticks(self, infusion: date | None) -> tuple[Mark, ...]:
        """A few days, counted from the infusion where it is known."""
        step = max(1, round(self.length / 5))
        start = infusion if infusion and infusion >= self.first else self.first
        days = [start + timedelta(days=offset) for offset in range(0, (self.last - start).days + 1, step)]
        named = [(day, f"day {(day - infusion).days}" if infusion else f"{day:%d %b}") for day in days]
        return tuple(Mark(self.x(day), label, label) for day, label in named)


def _grades(session: Session, uids: list[str]) -> list[tuple[datetime, int]]:
    """The ICANS grades that the patient's studies were decided with, each once, oldest first."""
    held = select(Job.ready).where(Job.study_instance_uid.in_(uids), Job.ready.is_not(None))
    found = set()
    for ready in session.scalars(held):
        try:
            context: PatientContext = from_plain(PatientContext, (ready or {})["context"])
        except (MessageError, KeyError):
            continue
        grade = context.icans_grade
        if grade is not None and grade.at is not None:
            found.add((grade.at, grade.value))
    return sorted(found)
