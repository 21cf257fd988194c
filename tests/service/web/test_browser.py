"""The pages in a real Chromium: a critical study arrives live, is opened, acknowledged, contradicted and found in the trail."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from service.accounts import Role
from service.audit_feed.trouble import set_aside
from service.context_feed.news import FeedError
from service.context_feed.quarantine import receive
from service.context_feed.taking import Arrived, Registry, map_in_force, name_of
from service.listing import Wanted
from service.tokens import issue
from service.views import save
from tests.bench import pictures
from tests.peers import need
from tests.service.conftest import mr_slice, received
from tests.service.web.conftest import DEEP, HEALTHY, PASSWORD, PRES, Hospital
from tests.service.web.eyes import SIZES, faults, sign_in


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, hospital: Hospital) -> Iterator[Page]:
    """A page of somebody with every role; whatever its console complains of fails the test."""
    hospital.person("meyer", *Role)
    context = chromium.new_context(base_url=f"http://127.0.0.1:{hospital.port}", viewport=SIZES[0])
    context.set_default_timeout(30_000)
    made, complaints = context.new_page(), []
    made.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    made.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(made, "meyer", PASSWORD)
    yield made
    context.close()
    assert complaints == []


def test_a_critical_study_arrives_live_is_looked_at_and_answered(page: Page, hospital: Hospital):
    hospital.study("CALM", HEALTHY)
    expect(page.locator("#live")).to_contain_text("live")
    expect(page.locator("a.row")).to_have_count(1)
    uid = hospital.study("DEEP", DEEP)
    expect(page.locator("#news")).to_contain_text("New P1")
    expect(page.locator("tbody tr").first).to_contain_text("suspected")
    page.keyboard.press("j")
    expect(page.locator("a.row").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"http://127.0.0.1:{hospital.port}/studies/{uid}")

    page.wait_for_load_state()
    page.get_by_label("Key slice").press("ArrowRight")
    expect(page.locator("[data-view]")).to_have_attribute("src", f"/studies/{uid}/slices/{uid}.1.2.png")
    assert page.locator("[data-view]").evaluate("image => image.decode().then(() => image.naturalWidth)") == 4
    page.get_by_role("button", name="Acknowledge P1").click()
    expect(page.get_by_text("Acknowledged by meyer")).to_be_visible()
    page.get_by_label("disagree").check()
    page.get_by_label("What you saw").fill("symmetric artefact")
    page.get_by_role("button", name="Save the assessment").click()
    expect(page.get_by_text("✗ disagreed").first).to_be_visible()

    page.get_by_role("link", name="Search its events").click()
    rows = page.locator("tbody tr")
    expect(rows.filter(has_text="assessment given")).to_contain_text("disagree: symmetric artefact")
    expect(rows.filter(has_text="alert acknowledged")).to_contain_text("P1 acknowledged after")
    hospital.follow()
    page.get_by_role("link", name="Worklist").click()
    expect(page.locator("tbody tr").last).to_contain_text("disagreed")


def test_a_view_is_saved_and_opened_without_a_mouse(page: Page, hospital: Hospital):
    hospital.study("DEEP", DEEP)
    page.goto("/?show=waiting&text=DEEP")
    page.get_by_text("Save this view").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("My ward")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="My ward")).to_have_attribute("aria-current", "true")
    page.goto("/")
    page.keyboard.press("1")
    expect(page).to_have_url(f"http://127.0.0.1:{hospital.port}/?show=waiting&text=DEEP")
    expect(page.locator("a.row")).to_have_count(1)
    page.get_by_text("Save or remove a view").click()
    assert faults(page) == []


def test_key_slices_scroll_and_change_their_light(page: Page, hospital: Hospital):
    uid = hospital.study("PRES", PRES)
    for number in (1, 2):
        ds = mr_slice(
            number,
            study="1.2.840.9",
            SOPInstanceUID=f"1.2.840.9.{number}",
            StudyInstanceUID=uid,
            PatientID="PRES",
        )
        hospital.intake.take(received(ds), hospital.now)
    triaged = hospital.decide_again(uid, PRES, slices=("1.2.840.9.1", "1.2.840.9.2"))
    assert triaged
    page.goto(f"/studies/{uid}")
    view, box = page.locator("[data-view]"), page.locator("[data-slices]")
    assert view.evaluate("image => image.naturalWidth") == 4
    box.locator("[data-slider]").press("ArrowRight")
    expect(view).to_have_attribute("src", f"/studies/{uid}/slices/1.2.840.9.2.png")
    expect(box.locator("[data-number]")).to_have_text("2")
    box.locator("[data-width]").press("ArrowRight")
    expect(view).to_have_attribute("src", f"/studies/{uid}/slices/1.2.840.9.2.png?shift=0&stretch=1.01")
    assert view.evaluate("image => image.decode().then(() => image.naturalWidth)") == 4


def fill(hospital: Hospital) -> None:
    """What the pages show only when there is something: what was set aside, a token, a view."""
    where = Registry(hospital.store, hospital.settings, map_in_force(None))
    with pytest.raises(FeedError):
        receive(where, Arrived("hl7", "LIS", "ORU^R01", b"MSH|^~", name_of("hl7", "LIS", "1")), hospital.now)
    set_aside(hospital.store, 1, "Message too long", hospital.now)
    with hospital.store.session() as session:
        issue(session, "ris", [Role.COORDINATOR], 365, "meyer", hospital.now)
        save(session, "meyer", "Ward 7", Wanted(), hospital.now)


DESK = ("/", "/studies/{uid}", "/cohort", "/performance", "/operations", "/audit", "/accounts")
HAND = (
    "/?show=all",
    "/performance",
    "/studies/{uid}",
    "/cohort/patient?patient_id=DEEP",
    "/audit/check",
    "/account",
)


@pytest.mark.parametrize(("scheme", "size", "paths"), [("light", SIZES[0], DESK), ("dark", SIZES[1], HAND)])
def test_the_pages_are_accessible_and_fit_a_desk_and_a_hand(
    page: Page, hospital: Hospital, scheme: Any, size: Any, paths: tuple[str, ...]
):
    uid = hospital.study("DEEP", DEEP, icans_grade="3")
    hospital.study("CALM", HEALTHY)
    fill(hospital)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    found: dict[str, list[str]] = {}
    for path in paths:
        page.goto(path.format(uid=uid))
        found[path] = faults(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
    assert {place: wrong for place, wrong in found.items() if wrong} == {}


def test_the_sign_in_is_accessible_too(chromium: Browser, hospital: Hospital):
    context = chromium.new_context(base_url=f"http://127.0.0.1:{hospital.port}")
    page = context.new_page()
    page.goto("/")
    assert faults(page) == []
    context.close()


def test_a_page_is_pictured_in_both_lights_and_sizes(
    chromium: Browser, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
):
    hospital.study("DEEP", DEEP)
    hospital.person("meyer", *Role)
    monkeypatch.setattr(pictures, "PAGES", {"worklist": "/"})
    made = dict(pictures.taken(chromium, f"http://127.0.0.1:{hospital.port}", {}, PASSWORD))
    sizes = {name: Image.open(BytesIO(picture)).size for name, picture in made.items()}
    assert len(sizes) == 8
    assert sizes["worklist-desk-light"] == (1366, 768)
    assert sizes["worklist-hand-dark"][0] == 390
    assert made["worklist-desk-light"] != made["worklist-desk-dark"]
