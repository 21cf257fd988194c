"""What axe-core sees on a page."""

from pathlib import Path

from playwright.sync_api import Page

AXE = (Path(__file__).parent / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def faults(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA, with where."""
    page.evaluate(AXE)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run({runOnly: {type: 'tag', values: tags}})", tags)
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found["violations"]]
