"""How the service does."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from service.performance import P1_BUDGET, performance
from service.web.guard import Reader
from service.web.house import house_of, now
from service.web.pages import page

router = APIRouter()


@router.get("/performance")
def figures(request: Request, person: Reader, days: Annotated[int, Query(ge=1, le=3650)] = 90) -> Response:
    """The figures of the last days."""
    with house_of(request).store.reading() as session:
        found = performance(session, since_days(days))
    return page(request, "performance", person, found=found, days=days, p1_budget=P1_BUDGET)


def since_days(days: int) -> datetime:
    """The start of the period."""
    return now() - timedelta(days=days)
