"""The trail, for auditors."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from service.audit import Asked, record, search, trail
from service.audit_anchor import read_anchors
from service.audit_check import verify
from service.audit_export import StudyReport, study_page
from service.audit_pdf import study_pdf
from service.audit_words import told
from service.signing import key_of, public_text, signed
from service.store.tables import Study
from service.web.guard import Auditor
from service.web.house import house_of, note_view, now
from service.web.pages import page

router = APIRouter(prefix="/audit")

_PAGE = 100


@router.get("")
def events(
    request: Request,
    person: Auditor,
    study: Annotated[str, Query(max_length=64)] = "",
    event: Annotated[str, Query(max_length=64)] = "",
    actor: Annotated[str, Query(max_length=64)] = "",
    since: Annotated[str, Query(max_length=10, pattern=r"^$|^\d{4}-\d\d-\d\d$")] = "",
    until: Annotated[str, Query(max_length=10, pattern=r"^$|^\d{4}-\d\d-\d\d$")] = "",
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Events, newest first, a page at a time."""
    house = house_of(request)
    asked = Asked(study, event, actor, _start(since), _end(until), before)
    with house.store.reading() as session:
        found = search(session, asked, _PAGE + 1)
    values = {"study": study, "event": event, "actor": actor, "since": since, "until": until}
    note_view(house, person, "audit", asked={name: value for name, value in values.items() if value})
    query = {name: value for name, value in values.items() if value}
    more = urlencode({**query, "before": found[_PAGE - 1].sequence}) if len(found) > _PAGE else ""
    return page(request, "audit", person, events=found[:_PAGE], asked=values, more=more, told=told)


@router.get("/check")
def check(request: Request, person: Auditor) -> Response:
    """Whether the trail is as it was written."""
    house = house_of(request)
    file = house.settings.audit_anchors
    anchors = read_anchors(file) if file and file.exists() else ()
    with house.store.reading() as session:
        verdict = verify(session, anchors)
    with house.store.session() as session:
        faults = [f"{fault.sequence}: {fault.words}" for fault in verdict.faults[:50]]
        record(session, "audit_checked", None, person.name, now(), events=verdict.events, faults=faults)
    return page(request, "audit_check", person, verdict=verdict, anchors=len(anchors))


class Form(StrEnum):
    """Of a study's report."""

    HTML = "html"
    PDF = "pdf"


_MADE: dict[Form, tuple[Callable[[StudyReport], bytes], str]] = {
    Form.HTML: (study_page, "text/html; charset=utf-8"),
    Form.PDF: (study_pdf, "application/pdf"),
}


@router.get("/studies/{study_instance_uid}/report")
def report(
    request: Request,
    person: Auditor,
    study_instance_uid: str,
    form: Annotated[Form, Query(alias="format")] = Form.HTML,
) -> Response:
    """The signed report of a study, to be kept."""
    house, at = house_of(request), now()
    key = key_of(house.settings.data)
    with house.store.session() as session:
        study = session.get(Study, study_instance_uid)
        if study is None:
            raise HTTPException(404, "There is no such study.")
        written = trail(session, study_instance_uid)
        told_of = StudyReport(study, written, verify(session), at, person.name, public_text(key))
        make, kind = _MADE[form]
        document = signed(make(told_of), key)
        record(
            session,
            "audit_exported",
            study_instance_uid,
            person.name,
            at,
            format=form.value,
            events=len(written),
        )
    name = f"audit-{study_instance_uid}.{form.value}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(document, media_type=kind, headers=headers)


def _start(text: str) -> datetime | None:
    return datetime.combine(_day(text), time(), UTC) if text else None


def _end(text: str) -> datetime | None:
    return datetime.combine(_day(text) + timedelta(days=1), time(), UTC) if text else None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise HTTPException(422, f"{text} is no date") from error
