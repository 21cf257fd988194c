"""A browser with eyes: how it signs in, what it sees, and what axe-core sees on a page."""

from pathlib import Path

from playwright.sync_api import Page, expect

AXE = (Path(__file__).parent / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
SIZES = ({"width": 1366, "height": 768}, {"width": 390, "height": 844})
"""A desk and a hand."""
WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""What a Chromium without a graphics card needs to draw with WebGL 2."""


def sign_in(page: Page, name: str, password: str) -> None:
    """Sign in without a mouse, and come to the list."""
    page.goto("/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Reading worklist")).to_be_visible()


def faults(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA, with where."""
    page.evaluate(AXE)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run({runOnly: {type: 'tag', values: tags}})", tags)
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found["violations"]]
