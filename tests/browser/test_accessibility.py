"""WCAG 2.2 AA by axe, on every page and state, in light and dark; also narrow, large, with few colours."""

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.axe import violations
from tests.browser.conftest import Furnished
from tests.browser.states import STATES, Show, month
from tests.browser.tab import opened
from tests.support.installation import key_of

pytestmark = pytest.mark.slow

NARROW, WIDE = ViewportSize(width=320, height=700), ViewportSize(width=1280, height=800)
# What is animated although people have asked for no motion.
MOVING = """() => [...document.querySelectorAll("*")]
    .filter((each) => getComputedStyle(each).animationName !== "none").map((each) => each.className)"""


@pytest.mark.parametrize("show", STATES, ids=lambda show: show.__name__)
def test_a_page_is_accessible(browser: Browser, furnished: Furnished, show: Show) -> None:
    """In light and dark colours, without motion, at 320 pixels, and with text of twice the size."""
    with opened(browser, furnished.app.api.url) as tab:
        expect(show(tab, furnished)).to_be_visible()
        page, found = tab.page, {"light": violations(tab.page)}
        page.emulate_media(color_scheme="dark")
        found["dark"] = violations(page)
        page.emulate_media(color_scheme="light", forced_colors="active", reduced_motion="reduce")
        found["still"] = page.evaluate(MOVING)
        page.emulate_media(forced_colors="none", reduced_motion="no-preference")
        page.set_viewport_size(NARROW)
        found["narrow"] = _overflowing(page) + ([] if show is month else violations(page))
        page.set_viewport_size(WIDE)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        found["large text"] = _overflowing(page)

        assert {way: wrong for way, wrong in found.items() if wrong} == {}
        tab.check()


def _overflowing(page: Page) -> list[str]:
    """Return what is wider than the screen, outside of what scrolls."""
    found: list[str] = page.evaluate(
        """() => {
            const wide = document.documentElement.scrollWidth > window.innerWidth
                ? [`page ${document.documentElement.scrollWidth}`] : [];
            for (const each of document.querySelectorAll("body *")) {
                if (each.closest(".scroll, .hidden, pre, .skip") || !each.checkVisibility()) continue;
                const { right, width } = each.getBoundingClientRect();
                if (width > 0 && right > window.innerWidth + 1) wide.push(each.className || each.tagName);
            }
            return wide;
        }"""
    )
    return found


def test_states_can_be_told_apart_without_colours(browser: Browser, furnished: Furnished) -> None:
    """In forced colours each cell has a border and a glyph."""
    with opened(browser, furnished.app.api.url, forced_colors="active") as tab:
        expect(month(tab, furnished)).to_be_visible()
        cell = tab.page.locator(f"[data-key='{key_of(furnished.starts[-1])}']")
        expect(cell).to_contain_text("\u00d7")
        assert cell.evaluate("(cell) => getComputedStyle(cell).borderTopStyle") == "solid"
        tab.check()
