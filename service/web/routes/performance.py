"""How the service does."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from service.drift import BASELINE, SHOWN, drift
from service.performance import P1_BUDGET, performance
from service.queue_effect import measured, predicted
from service.web.chart import drawn
from service.web.guard import Reader
from service.web.house import house_of, now
from service.web.pages import page

router = APIRouter()

Days = Annotated[int, Query(ge=1, le=3650)]
Readers = Annotated[int, Query(ge=1, le=50)]
Minutes = Annotated[float, Query(ge=1, le=120, allow_inf_nan=False)]
READERS, MINUTES = 1, 15.0
"""Of the predicted queue, until somebody says better; assumptions and no measurements."""


@router.get("/performance")
def figures(
    request: Request,
    person: Reader,
    days: Days = 90,
    readers: Readers = READERS,
    minutes: Minutes = MINUTES,
) -> Response:
    """The figures of the last days, and the moment they are from."""
    house = house_of(request)

    def find() -> dict[str, Any]:
        since = since_days(days)
        with house.store.reading() as session:
            return {
                "found": performance(session, since),
                "scanners": drift(session, since),
                "predicted": predicted(session, since, readers=readers, minutes=minutes),
                "measured": measured(session, since),
            }

    values, at = house.figures.get((days, readers, minutes), find, now)
    asked = {"days": days, "readers": readers, "minutes": minutes}
    limits = {"p1_budget": P1_BUDGET, "baseline": BASELINE, "shown": SHOWN}
    return page(request, "performance", person, drawn=drawn, at=at, **values, **asked, **limits)


def since_days(days: int) -> datetime:
    """The start of the period."""
    return now() - timedelta(days=days)
