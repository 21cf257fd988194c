"""The REST interface: the same data and answers as the pages, as JSON."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from rules.codec import to_plain
from rules.context_file import ContextError
from rules.urgency import Priority
from service import cohort as registry
from service.answers import Answer, Verdict, acknowledge, assess
from service.assessments.found import assessments
from service.assessments.found import plain as plain_assessment
from service.audit import Asked, search, trail
from service.audit_export import plain
from service.cohort_file import RowError, entry_of
from service.listing import MOST, PAGE, Show, Wanted, listed
from service.operations import operations
from service.performance import Share
from service.store.desk_tables import WorklistEntry
from service.web.guard import Answerer, Auditor, Keeper, Operator, Reader
from service.web.house import house_of, note_rows, note_view, now
from service.web.refusals import REFUSALS
from service.web.routes.performance import MINUTES, READERS, Days, Minutes, Readers, figures_of
from service.web.study_page import load

router = APIRouter(prefix="/api/v1", tags=["Cartriage"], responses=REFUSALS)

StudyUID = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$", description="Study Instance UID")]


class EntryOut(BaseModel):
    """A study of the reading list. Absent values are unknown, never negative."""

    model_config = ConfigDict(from_attributes=True)

    study_instance_uid: str
    patient_id: str
    patient_name: str
    accession_number: str
    study_date: date | None
    status: str
    is_flagged: bool
    is_provisional: bool
    is_read: bool
    decided: Priority | None = Field(description="the most urgent priority of the study's results")
    shown: Priority | None = Field(description="decided, or one level higher by its age")
    why_raised: str
    could_be: Priority | None = Field(description="what the open patterns could still ask for")
    headline: str
    not_assessed: list[str]
    day: int | None = Field(description="after infusion")
    icans_grade: int | None
    target_at: datetime | None
    received_at: datetime
    decided_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    verdict: str
    deliveries: int
    deliveries_stored: int


class WorklistOut(BaseModel):
    """A page of the list, most urgent first."""

    studies: list[EntryOut]
    next_cursor: str = Field(description="pass it as `cursor`; empty on the last page")
    counts: dict[str, int] = Field(description="unread studies of flagged patients by shown priority")
    up_to_date_at: datetime | None


class AssessmentIn(BaseModel):
    """What a radiologist says of a result."""

    model_config = ConfigDict(extra="forbid")

    job_id: str = Field(max_length=64, description="of the result that was seen")
    verdict: Verdict
    text: str = Field(default="", max_length=2000, description="needed unless you agree")


class AnsweredOut(BaseModel):
    """An answer that was taken."""

    model_config = ConfigDict(from_attributes=True)

    study_instance_uid: str
    job_id: str
    user_name: str
    at: datetime


class ShareOut(BaseModel):
    """A share with its 95 % interval (Wilson)."""

    part: int
    whole: int
    value: float | None
    interval: tuple[float, float] | None


@router.get("/worklist")
def worklist(
    request: Request,
    person: Reader,
    show: Show = Show.FLAGGED,
    priority: Priority | None = None,
    text: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = PAGE,
    cursor: Annotated[str, Query(max_length=512)] = "",
) -> WorklistOut:
    """Studies in reading order, a page at a time."""
    house = house_of(request)
    with house.store.reading() as session:
        found = listed(session, Wanted(show, priority, text, limit, cursor))
        stand = house.standing(session)
    note_rows(house, person, [entry.study_instance_uid for entry in found.entries], interface="api")
    return WorklistOut(
        studies=[EntryOut.model_validate(entry) for entry in found.entries],
        next_cursor=found.next_cursor,
        counts=stand.counts,
        up_to_date_at=stand.at,
    )


@router.get("/studies/{study_instance_uid}")
def study(request: Request, person: Reader, study_instance_uid: StudyUID) -> dict[str, Any]:
    """One study: its row of the list and its latest result (StudyTriaged, docs/triage.schema.json)."""
    house = house_of(request)
    with house.store.reading() as session:
        found = load(session, house, study_instance_uid, now())
        entry = session.get(WorklistEntry, study_instance_uid)
    if found is None:
        raise HTTPException(404, "There is no such study.")
    note_view(house, person, "study", study_instance_uid, interface="api")
    return {
        "entry": EntryOut.model_validate(entry).model_dump(mode="json") if entry else None,
        "result": to_plain(found["triaged"]) if found["triaged"] else None,
        "context": to_plain(found["context"]) if found["context"] else None,
    }


@router.get("/studies/{study_instance_uid}/events")
def events_of_study(request: Request, person: Auditor, study_instance_uid: StudyUID) -> list[dict[str, Any]]:
    """The study's trail, oldest first."""
    house = house_of(request)
    with house.store.reading() as session:
        found = trail(session, study_instance_uid)
    note_view(house, person, "audit", study_instance_uid, interface="api")
    return [plain(event) for event in found]


@router.get("/studies/{study_instance_uid}/assessments")
def assessments_of_study(
    request: Request, person: Reader, study_instance_uid: StudyUID
) -> list[dict[str, Any]]:
    """What radiologists said of the study's results, oldest first, each with the result that it is about."""
    house = house_of(request)
    with house.store.reading() as session:
        found = assessments(session, study_instance_uid)
    note_view(house, person, "assessments", study_instance_uid, interface="api")
    return [plain_assessment(one) for one in found]


@router.post("/studies/{study_instance_uid}/acknowledgement")
def take_note(request: Request, person: Answerer, study_instance_uid: StudyUID) -> AnsweredOut:
    """Acknowledge the study's alert; once acknowledged, nothing changes."""
    house = house_of(request)
    with house.store.session() as session:
        made = acknowledge(session, study_instance_uid, person.name, house.policy, now())
    return AnsweredOut.model_validate(made)


@router.post("/studies/{study_instance_uid}/assessment", status_code=201)
def judge(
    request: Request, person: Answerer, study_instance_uid: StudyUID, given: AssessmentIn
) -> AnsweredOut:
    """Agree, disagree, or tell of another finding."""
    house = house_of(request)
    answer = Answer(study_instance_uid, given.job_id, given.verdict, given.text, person.name)
    with house.store.session() as session:
        made = assess(session, answer, house.policy, now())
    return AnsweredOut.model_validate(made)


@router.get("/cohort")
def patients(request: Request, person: Reader) -> list[dict[str, Any]]:
    """Everybody on the registry, as docs/context.md names the fields."""
    house = house_of(request)
    with house.store.reading() as session:
        found = [to_plain(registry.context_of(one)) for one in registry.flagged(session)]
    note_view(house, person, "cohort", patients=len(found), interface="api")
    return found


@router.put("/cohort/{patient_id}")
def enter(
    request: Request,
    person: Keeper,
    patient_id: Annotated[str, Path(max_length=64)],
    given: dict[str, str],
) -> dict[str, Any]:
    """Flag a patient or add to what is known (fields of docs/context.md); recent studies are decided again at once."""
    house, at = house_of(request), now()
    try:
        values = {**given, "patient_id": patient_id}
        entry = entry_of(values, source=f"api ({person.name})", now=at, is_observation=True)
    except (ContextError, RowError) as error:
        raise HTTPException(422, str(error)) from error
    with house.store.session() as session:
        change = registry.add(session, entry, house.settings, person.name, at)
    return {
        "is_new": change.is_new,
        "is_changed": change.is_changed,
        "decided_again": [one.study_instance_uid for one in change.reopened if one.state == "owed"],
    }


@router.get("/events")
def events(
    request: Request,
    person: Auditor,
    event: Annotated[str, Query(max_length=64)] = "",
    actor: Annotated[str, Query(max_length=64)] = "",
    before: Annotated[int | None, Query(ge=1, description="sequence; the next page")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """Events of the trail, newest first."""
    house = house_of(request)
    with house.store.reading() as session:
        found = search(session, Asked(event=event, actor=actor, before_sequence=before), limit)
    note_view(house, person, "audit", interface="api")
    return [plain(one) for one in found]


@router.get("/performance")
def figures(
    request: Request,
    person: Reader,  # noqa: ARG001 - the right is needed
    days: Days = 90,
    readers: Readers = READERS,
    minutes: Minutes = MINUTES,
) -> dict[str, Any]:
    """Values from assessments, times, what could not be assessed, scanners, and who is read earlier or later."""
    kept, at, queue = figures_of(house_of(request), days, readers, minutes)
    found = kept.found
    shares = ("p1", "ppv", "npv", "assessed", "not_assessed")
    return {
        "as_of": at,
        "since": found.since,
        "decided": found.decided,
        "by_priority": found.by_priority,
        **{name: _share(getattr(found, name)) for name in shares},
        "reasons": dict(found.reasons),
        "waiting": found.waiting,
        "seconds_to_result": to_plain(found.to_result),
        "seconds_to_destination": to_plain(found.to_destination),
        "minutes_waited": to_plain({"predicted": queue, "measured": kept.measured}),
        "scanners": to_plain(kept.scanners),
    }


@router.get("/operations")
def standing_of_service(
    request: Request,
    person: Operator,  # noqa: ARG001 - the right is needed
) -> dict[str, Any]:
    """Queues, disk and destinations."""
    house = house_of(request)
    with house.store.reading() as session:
        found = operations(session, house.settings, now())
    return {
        "open_studies": found.open_studies,
        "jobs": found.jobs,
        "oldest_owed_at": found.oldest_owed_at,
        "failed": [job.study_instance_uid for job in found.failed],
        "destinations": [to_plain(target) for target in found.targets],
        "free_bytes": found.free_bytes,
    }


def _share(share: Share) -> ShareOut:
    return ShareOut(part=share.part, whole=share.whole, value=share.value, interval=share.interval)
