"""The volume viewer: in a real Chromium that draws with WebGL 2, and what asks for its files."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect, sync_playwright
from sqlalchemy import select

from rules.anatomy import Role as Shows
from rules.volumes import folder_of
from service.accounts import Role
from service.answers import acknowledge
from service.gate import policy_in_force
from service.retention import purge_study
from service.store.tables import AuditEvent, Job
from service.web.app import _STATIC
from service.web.house import House
from service.web.volumes import NoVolumeError, volume_file, volumes_of
from tests.peers import need
from tests.service.web.conftest import PASSWORD, PRES, Browser, Hospital
from tests.service.web.eyes import SIZES, WEBGL, faults, sign_in
from tests.workers.heads import head, left_lesion
from workers.showing import Room, write_volumes


@pytest.fixture
def shown(hospital: Hospital) -> tuple[str, str]:
    """Study and job of a result whose volumes the workers left: a FLAIR with a lesion on the left, and thick T2 slices."""
    uid = hospital.study("PRES", PRES)
    with hospital.store.reading() as session:
        job = session.scalars(select(Job.job_id).where(Job.study_instance_uid == uid)).one()
    flair, t2 = head(), head(Shows.T2, edges_mm=(1.0, 1.0, 5.0))
    found = {"flair_hyperintensity": left_lesion(flair)}
    write_volumes([flair, t2], found, hospital.settings.files, (uid, job), Room(1 << 30))
    return uid, job


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox", *WEBGL])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Chromium, hospital: Hospital) -> Iterator[Page]:
    hospital.person("meyer", *Role)
    context = chromium.new_context(base_url=f"http://127.0.0.1:{hospital.port}", viewport=SIZES[0])
    context.set_default_timeout(30_000)
    made, complaints = context.new_page(), []
    made.on(
        "console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None
    )
    made.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(made, "meyer", PASSWORD)
    yield made
    context.close()
    assert complaints == []


def drawn(page: Page) -> NDArray[np.int16]:
    """What the canvas shows within the mark of its focus: (rows, columns, 3)."""
    picture = page.locator("[data-canvas]").screenshot()
    return np.asarray(Image.open(BytesIO(picture)).convert("RGB")).astype(np.int16)[6:-6, 6:-6]


def opened(page: Page, uid: str) -> None:
    page.goto(f"/studies/{uid}")
    expect(page.locator("[data-canvas]")).to_be_hidden()
    page.get_by_role("button", name="Show the volumes").press("Enter")
    expect(page.locator("[data-canvas]")).to_be_focused()
    expect(page.locator("[data-canvas]")).to_have_attribute("aria-label", "FLAIR, axial slice 6 of 12")


def told(hospital: Hospital) -> list[str]:
    events = select(AuditEvent.event).where(AuditEvent.event.in_(("viewed_volume", "viewed_mask")))
    with hospital.store.reading() as session:
        return list(session.scalars(events.order_by(AuditEvent.id)))


def test_a_lesion_on_the_left_is_drawn_on_the_right_of_the_picture(
    page: Page, hospital: Hospital, shown: tuple[str, str]
):
    opened(page, shown[0])
    plain = drawn(page)
    grey = plain.mean(axis=2)
    middle = grey.shape[1] // 2
    assert grey.max() > 150
    assert grey[:, middle:].sum() > 1.1 * grey[:, :middle].sum(), "the head is brighter on its left"
    page.get_by_text("Research view").click()
    assert drawn(page).shape == plain.shape
    assert told(hospital) == ["viewed_volume"], "nothing is coloured before somebody asks"
    page.get_by_label("colour it").check()
    expect(page.get_by_text("FLAIR hyperintensity", exact=True)).to_be_visible()
    expect(page.locator("[data-canvas]")).to_have_attribute("data-coloured", "true")
    coloured = drawn(page)
    changed = np.abs(coloured - plain).max(axis=2) > 40
    columns = np.nonzero(changed)[1]
    assert changed.sum() > 500
    assert columns.min() > middle, "the patient's left lies on the right"
    page.get_by_label("Opacity").fill("90")
    stronger = drawn(page)
    assert np.abs(stronger - plain)[changed].mean() > 1.3 * np.abs(coloured - plain)[changed].mean()
    assert faults(page) == []
    page.get_by_label("colour it").uncheck()
    assert np.array_equal(drawn(page), plain)
    assert told(hospital) == ["viewed_volume", "viewed_mask"]
    page.goto(f"/studies/{shown[0]}")
    expect(page.locator(".trail")).to_contain_text("where the checks measured in the FLAIR")


def test_keys_wheel_and_mouse_change_slice_plane_and_light_in_a_dark_hand(page: Page, shown: tuple[str, str]):
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(SIZES[1])  # type: ignore[arg-type]
    opened(page, shown[0])
    canvas, at = page.locator("[data-canvas]"), page.locator("[data-at]")
    first = drawn(page)
    page.keyboard.press("PageUp")
    expect(at).to_have_text("12")
    page.get_by_label("Slice", exact=False).and_(page.locator("[data-slice-at]")).press("Home")
    expect(at).to_have_text("1")
    page.get_by_label("Window level").and_(page.locator("#volume-level")).press("ArrowRight")
    canvas.press("End")
    expect(at).to_have_text("12")
    assert not np.array_equal(drawn(page), first)
    canvas.hover()
    page.mouse.wheel(0, 100)
    expect(at).to_have_text("11")
    page.get_by_label("Plane").select_option("coronal")
    expect(canvas).to_have_attribute("aria-label", "FLAIR, coronal slice 20 of 40")
    before = drawn(page)
    page.get_by_role("button", name="less contrast").press("Enter")
    assert drawn(page).astype(int).sum() != before.astype(int).sum()
    width = page.locator("[data-width-at]").inner_text()
    canvas.hover()
    page.mouse.down()
    page.mouse.move(*(place - 60 for place in _middle(page)))
    page.mouse.up()
    assert page.locator("[data-width-at]").inner_text() != width
    page.locator("[data-series]").select_option("T2")
    expect(canvas).to_have_attribute("aria-label", "T2, axial slice 6 of 12")
    assert page.get_by_label("Plane").locator("option").all_inner_texts() == ["axial"], "thick slices"
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[1]["width"]


def _middle(page: Page) -> tuple[float, float]:
    box = page.locator("[data-canvas]").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_without_webgl_the_page_says_so_and_keeps_its_slices(
    chromium: Chromium, hospital: Hospital, shown: tuple[str, str]
):
    hospital.person("meyer", *Role)
    context = chromium.new_context(base_url=f"http://127.0.0.1:{hospital.port}")
    context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page = context.new_page()
    sign_in(page, "meyer", PASSWORD)
    page.goto(f"/studies/{shown[0]}")
    expect(page.get_by_role("alert").filter(has_text="no WebGL 2")).to_be_visible()
    expect(page.get_by_role("button", name="Show the volumes")).to_be_hidden()
    expect(page.get_by_alt_text("Secondary capture of the result")).to_be_visible()
    context.close()


def test_a_volume_is_for_readers_is_told_and_is_not_kept_on_its_way(
    hospital: Hospital, browse: Callable[..., Browser], shown: tuple[str, str]
):
    uid, job = shown
    (flair, _) = volumes_of(House(hospital.store, hospital.settings), uid, job)
    path = f"/studies/{uid}/volumes/{job}"
    reader = browse(Role.RADIOLOGIST)
    answer = reader.get(f"{path}/{flair.file}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content == (hospital.settings.files / folder_of(uid) / flair.file).read_bytes()
    assert browse().get(f"{path}/{flair.file}").status_code == 303
    assert reader.get(f"{path}/{'0' * 24}.nii.gz").status_code == 404
    assert reader.get(f"{path}/..%2f{job}.json").status_code in (404, 422)
    assert reader.get(f"/studies/1.2.999/volumes/{job}/{flair.file}").status_code == 404, "another study"
    assert told(hospital) == ["viewed_volume"], "what was not seen is not told"
    spent = [reader.get(f"{path}/{'0' * 24}.nii.gz").status_code for _ in range(60)]
    assert spent[-1] == 429


def test_the_viewer_is_the_published_one():
    script = _STATIC / "niivue" / "niivue-0.69.0.js"
    digest = "d6c2be4feb1ad53b2ac76b4196da8d8fd2263b662b511c55ca0fd127eb6a6532"
    assert hashlib.sha256(script.read_bytes()).hexdigest() == digest, "dist/index.js of the npm package"
    assert script.name in (_STATIC / "volumes.js").read_text()


def test_a_site_can_leave_the_masks_out(hospital: Hospital, shown: tuple[str, str]):
    uid, job = shown
    house = House(hospital.store, hospital.settings.model_copy(update={"web_masks": False}))
    flair = volumes_of(house, uid, job)[0]
    assert volume_file(house, uid, job, flair.file).is_found is False
    with pytest.raises(NoVolumeError):
        volume_file(house, uid, job, flair.found)


def test_volumes_go_with_the_images(hospital: Hospital, shown: tuple[str, str]):
    folder = hospital.settings.files / folder_of(shown[0])
    assert folder.exists()
    settings = hospital.settings.model_copy(update={"retention_days": 60})
    with hospital.store.session() as session:
        acknowledge(session, shown[0], "meyer", policy_in_force(None), hospital.now)
    assert purge_study(hospital.store, settings, shown[0], hospital.now + timedelta(days=100))
    assert not folder.exists()
