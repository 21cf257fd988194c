"""Pages from templates, with what each of them shows around its content."""

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.web import words
from service.web.house import Person, now

_VIEWS = Path(__file__).parent / "views"
_FILTERS = ("duration", "moment", "clock", "iso", "day", "name", "words", "shape", "tail")
_TIMED = ("ago", "left", "is_late", "is_soon", "age", "share")


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_VIEWS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update({name: getattr(words, name) for name in _FILTERS})
    made.globals.update({name: getattr(words, name) for name in _TIMED})
    made.globals["software"] = version("cartriage")
    # A page of the list shows the same dozen of them in each row.
    made.globals["badge"] = cache(made.get_template("parts.html").module.badge)  # type: ignore[attr-defined]
    return made


_PAGES = _environment()


def page(
    request: Request, name: str, person: Person | None, status: int = 200, /, **values: Any
) -> HTMLResponse:
    """A page or a part of one."""
    given = {"person": person, "path": request.url.path, "now": now(), **values}
    return HTMLResponse(_PAGES.get_template(f"{name}.html").render(given), status)


def problem(request: Request, status: int, text: str) -> HTMLResponse:
    """A page that says what is wrong."""
    return page(request, "problem", None, status, code=status, text=text)
