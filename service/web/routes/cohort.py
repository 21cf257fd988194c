"""The registry of flagged patients and their context, by form and by file."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from rules.context_file import OBSERVED, ContextError
from service import cohort as registry
from service.cohort_file import CohortFile, RowError, entry_of, read_cohort_file
from service.web.context_form import GROUPS, present_values
from service.web.guard import Keeper, Reader
from service.web.house import House, Person, house_of, note_view, now
from service.web.pages import page

router = APIRouter(prefix="/cohort")

_MAX_FILE = 1_000_000


@router.get("")
def patients(request: Request, person: Reader) -> Response:
    """Everybody on the registry."""
    return _list(request, person)


@router.get("/patient")
def patient(request: Request, person: Keeper, patient_id: str = "", issuer: str = "") -> Response:
    """The form, filled with what the registry holds."""
    house = house_of(request)
    with house.store.reading() as session:
        held = [
            registry.context_of(one)
            for one in registry.flagged(session)
            if (one.patient_id, one.issuer) == (patient_id, issuer)
        ]
    values = present_values(held[0]) if held else {"patient_id": patient_id, "issuer": issuer}
    if held:
        note_view(house, person, "context", patient_id=patient_id, issuer=issuer)
    return _form(request, person, values, is_known=bool(held))


@router.post("/patient")
async def enter(request: Request, person: Keeper) -> Response:
    """Flag a patient, or add to what is known; recent studies are decided again at once."""
    given = {
        str(name): str(value).strip()
        for name, value in (await request.form()).items()
        if isinstance(value, str)
    }
    given.pop("form_token", None)
    is_known = given.pop("is_known", "") == "yes"
    house, at = house_of(request), now()
    changed = {name: value for name, value in given.items() if value}
    try:
        entry = entry_of(changed, source=f"web ({person.name})", now=at, is_observation=True)
        with house.store.session() as session:
            change = registry.add(session, entry, house.settings, person.name, at)
    except ContextError as error:
        return _form(
            request, person, given, is_known=is_known, wrong=error.field, error=f"allowed: {error.allowed}"
        )
    except RowError as error:
        return _form(request, person, given, is_known=is_known, wrong="patient_id", error=str(error))
    owed = sum(one.state == "owed" for one in change.reopened)
    return _list(request, person, said=_told(change.is_changed, owed))


@router.post("/removal")
def remove(
    request: Request,
    person: Keeper,
    patient_id: Annotated[str, Form(max_length=64)],
    issuer: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Take a patient off the registry; what was decided stays."""
    with house_of(request).store.session() as session:
        registry.remove(session, patient_id, issuer, person.name, now())
    return RedirectResponse("/cohort", 303)


@router.post("/file")
def take_file(
    request: Request,
    person: Keeper,
    file: Annotated[UploadFile, File()],
    is_real: Annotated[str, Form()] = "",
) -> Response:
    """A CSV file: tried first, and taken whole or not at all."""
    raw = file.file.read(_MAX_FILE + 1)
    try:
        text = raw.decode("utf-8") if len(raw) <= _MAX_FILE else ""
    except UnicodeDecodeError:
        text = ""
    if not text:
        return _list(request, person, error="The file is empty, no UTF-8 text, or longer than 1 MB.")
    read = read_cohort_file(text, source=file.filename or "file", now=now())
    if read.problems:
        return _list(request, person, problems=[f"line {one.line}: {one.text}" for one in read.problems[:50]])
    is_dry = is_real != "yes"
    return _list(request, person, said=_enter(house_of(request), person, read, is_dry=is_dry))


def _enter(house: House, person: Person, read: CohortFile, *, is_dry: bool) -> str:
    with house.store.session() as session:
        changes = [registry.add(session, one, house.settings, person.name, now()) for one in read.entries]
        new = sum(change.is_new for change in changes)
        changed = sum(change.is_changed for change in changes) - new
        owed = sum(one.state == "owed" for change in changes for one in change.reopened)
        if is_dry:
            session.rollback()
    told = f"{new} new, {changed} changed, {len(changes) - new - changed} unchanged; {owed} studies decided again."
    return f"Tried, nothing was entered: {told}" if is_dry else f"Entered: {told}"


def _told(is_changed: bool, owed: int) -> str:  # noqa: FBT001 - the one caller names it
    if not is_changed:
        return "The registry held exactly this; nothing changed."
    studies = f"{owed} recent {'study is' if owed == 1 else 'studies are'} decided again now."
    return f"Entered. {studies}" if owed else "Entered."


def _list(
    request: Request, person: Person, *, said: str = "", error: str = "", problems: list[str] | None = None
) -> Response:
    house = house_of(request)
    with house.store.reading() as session:
        contexts = [registry.context_of(one) for one in registry.flagged(session)]
    note_view(house, person, "cohort", patients=len(contexts))
    status = 422 if error or problems else 200
    return page(
        request, "cohort", person, status, contexts=contexts, said=said, error=error, problems=problems or []
    )


def _form(
    request: Request,
    person: Person,
    values: dict[str, str],
    *,
    is_known: bool,
    wrong: str = "",
    error: str = "",
) -> Response:
    return page(
        request,
        "patient",
        person,
        422 if error else 200,
        groups=GROUPS,
        values=values,
        observed=OBSERVED,
        is_known=is_known,
        wrong=wrong,
        error=error,
    )
