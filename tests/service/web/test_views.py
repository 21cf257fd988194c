"""Saved views of the list: one's own, by name, back with one key."""

from collections.abc import Callable

import pytest

from rules.urgency import Priority
from service.accounts import Role
from service.listing import Show, Wanted
from service.views import MOST, ViewError, save
from tests.service.web.conftest import DEEP, Browser, Hospital


def test_a_view_is_saved_shown_replaced_and_removed_for_its_owner_only(
    hospital: Hospital, browse: Callable[..., Browser]
):
    hospital.study("DEEP", DEEP)
    mine, other = browse(Role.RADIOLOGIST), browse(Role.AUDITOR)
    filters = {"show": "waiting", "priority": "P1", "text": "O'Neil & <b>"}
    answer = mine.post("/views", name="  Ward   7 ", **filters)
    assert answer.headers["location"] == "/?show=waiting&priority=P1&text=O%27Neil+%26+%3Cb%3E"
    page = mine.page("/")
    assert "<kbd>1</kbd> Ward 7</a>" in page
    assert 'href="/?show=waiting&amp;priority=P1&amp;text=O%27Neil+%26+%3Cb%3E"' in page
    assert '<b>"' not in page
    assert 'aria-current="true"><kbd>1</kbd>' in mine.page(answer.headers["location"])
    assert "Ward 7" not in other.page("/")

    assert mine.post("/views", name="Ward 7", show="read").headers["location"] == "/?show=read"
    assert mine.page("/").count("<kbd>") == 1
    number = mine.page("/").split('action="/views/')[1].split("/")[0]
    other.post(f"/views/{number}/removal")
    assert "Ward 7" in mine.page("/")
    assert mine.post(f"/views/{number}/removal").headers["location"] == "/"
    assert "Ward 7" not in mine.page("/")
    assert mine.post("/views", name=" ").status_code == 422
    assert mine.client.post("/views", data={"name": "x"}).status_code == 403


def test_nobody_fills_the_page_with_views(hospital: Hospital):
    hospital.person("meyer", Role.RADIOLOGIST)
    wanted = Wanted(Show.READ, Priority.P2, "")
    with hospital.store.session() as session:
        for number in range(MOST):
            save(session, "meyer", f"view {number}", wanted, hospital.now)
        save(session, "meyer", "view 1", wanted, hospital.now)
    with pytest.raises(ViewError, match="at most"), hospital.store.session() as session:
        save(session, "meyer", "one more", wanted, hospital.now)
