"""make pictures: every page as a Chromium shows it, light and dark, on a desk and in a hand, into docs/pictures/.

The studies are simulated, and have walked through the whole service: `python -m tests.bench.pictures FOLDER` keeps them there, and takes
the pictures alone the next time.
"""

import io
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.bench.patients import PASSWORD, READER, STUDIES, walked
from tests.peers import need
from tests.service.web.eyes import SIZES, WEBGL, sign_in
from tests.walk.house import House, wait_for

PLACE = Path(__file__).parents[2] / "docs" / "pictures"
_TALLEST = 2600
"""Of a picture, in pixels."""
PAGES = {
    "worklist": "/",
    "worklist-all": "/?show=all",
    "study": "/studies/{uid}",
    "patients": "/cohort",
    "context": "/cohort/patient?patient_id={patient}",
    "performance": "/performance",
    "operations": "/operations",
    "audit": "/audit",
    "audit-check": "/audit/check",
    "accounts": "/accounts",
    "account": "/account",
}


def main(folder: Path) -> None:
    """Walk, look, and write the pictures."""
    with walked(folder) as house, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox", *WEBGL])
        place = json.loads(wait_for(lambda: _text(house.data / "web.json"), 30, "the pages"))
        for name, picture in taken(browser, f"http://127.0.0.1:{place['port']}", _values(house)):
            (PLACE / f"page-{name}.png").write_bytes(picture)
        browser.close()


def taken(
    browser: Browser, address: str, values: dict[str, str], password: str = PASSWORD
) -> Iterator[tuple[str, bytes]]:
    """Name and PNG of every page, in both lights and sizes.

    values : what the addresses of the pages need; password : of the reader
    """
    for scheme in ("light", "dark"):
        context = browser.new_context(base_url=address, color_scheme=scheme, viewport=SIZES[0])  # type: ignore[arg-type]
        page = context.new_page()
        page.goto("/")
        yield from _views(page, "sign-in", scheme)
        sign_in(page, READER, password)
        for name, path in PAGES.items():
            answer = page.goto(path.format(**values))
            assert answer, path
            assert answer.ok, path
            if path == "/":
                expect(page.locator("#live")).to_contain_text("live")
            yield from _views(page, name, scheme)
            if name == "study" and page.locator("[data-volumes]").count():
                _open_volumes(page)
                yield from _views(page, "study-volumes", scheme, "[data-volumes]")
        context.close()


def _open_volumes(page: Page) -> None:
    """The viewer, where the checks measured most, coloured."""
    page.get_by_role("button", name="Show the volumes").click()
    expect(page.locator("[data-canvas]")).to_have_attribute("aria-label", re.compile("slice"))
    page.get_by_text("Research view").click()
    page.get_by_label("colour it").check()
    expect(page.locator("[data-canvas]")).to_have_attribute("data-coloured", "true")


def _views(page: Page, name: str, scheme: str, part: str = "") -> Iterator[tuple[str, bytes]]:
    for size, kind in zip(SIZES, ("desk", "hand"), strict=True):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        if part:
            yield f"{name}-{kind}-{scheme}", _small(page.locator(part).screenshot(animations="disabled"))
            continue
        height = min(int(page.evaluate("document.documentElement.scrollHeight")), _TALLEST)
        clip = {"x": 0, "y": 0, "width": size["width"], "height": max(height, size["height"])}
        picture = page.screenshot(full_page=True, clip=clip, animations="disabled")  # type: ignore[arg-type]
        yield f"{name}-{kind}-{scheme}", _small(picture)


def _small(picture: bytes) -> bytes:
    """With 256 colours, which the eye does not miss, it has a third of the bytes."""
    out = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        out, "PNG", optimize=True
    )
    return out.getvalue()


def _values(house: House) -> dict[str, str]:
    patient = STUDIES[-1].patient_id
    uid = next(row["study_instance_uid"] for row in house.worklist() if row["patient_id"] == patient)
    return {"uid": uid, "patient": patient}


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory(prefix="cartriage-pictures-") as temporary:
            main(Path(temporary))
