"""The accessibility checks of axe-core, the rules of WCAG 2.2 AA, and the width of the page."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# A phone of the narrowest kind, and a page at 400 % on a screen of 1280 pixels.
NARROW = 320


def check_accessibility(page: Page) -> None:
    """Fail if a rule is broken in light or dark colours, or if the page is wider than a narrow screen."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        # Of browsers, not of the page: its content policy does not concern it.
        page.evaluate(AXE.read_text())
        found: list[Any] = page.evaluate(
            "tags => axe.run(document, {runOnly: tags}).then(({violations}) =>"
            " violations.map(({id, nodes}) => [id, ...nodes.map(({html}) => html)]))",
            TAGS,
        )
        assert found == [], (scheme, found)
    page.emulate_media(color_scheme=None)
    size = page.viewport_size
    page.set_viewport_size({"width": NARROW, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    if size is not None:
        page.set_viewport_size(size)
