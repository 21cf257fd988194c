"""How the service does."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from service.drift import BASELINE, SHOWN
from service.figures import PERIODS, Figures, figures
from service.performance import P1_BUDGET
from service.queue_effect import Effect, predicted
from service.web.chart import drawn
from service.web.guard import Reader
from service.web.house import House, house_of, now
from service.web.pages import page

router = APIRouter()

Days = Annotated[int, Query(ge=1, le=3650)]
Readers = Annotated[int, Query(ge=1, le=50)]
Minutes = Annotated[float, Query(ge=1, le=120, allow_inf_nan=False)]
READERS, MINUTES = 1, 15.0
"""Of the predicted queue, until somebody says better; assumptions and no measurements."""


@router.get("/performance")
def performance_page(
    request: Request,
    person: Reader,
    days: Days = 90,
    readers: Readers = READERS,
    minutes: Minutes = MINUTES,
) -> Response:
    """The figures of the last days, and the moment they are from."""
    found, at, queue = figures_of(house_of(request), days, readers, minutes)
    asked = {"days": days, "readers": readers, "minutes": minutes, "periods": PERIODS}
    limits = {"p1_budget": P1_BUDGET, "baseline": BASELINE, "shown": SHOWN}
    values = {"found": found.found, "scanners": found.scanners, "measured": found.measured}
    return page(
        request, "performance", person, drawn=drawn, at=at, predicted=queue, **values, **asked, **limits
    )


def figures_of(
    house: House, days: int, readers: int, minutes: float
) -> tuple[Figures, datetime, tuple[Effect, ...]]:
    """The figures of the last days, the moment they are from, and what is predicted of the studies that came until then."""
    with house.store.reading() as session:
        found, at = figures(session, days, now())
        queue = predicted(session, at - timedelta(days=days), readers=readers, minutes=minutes)
    return found, at, queue
