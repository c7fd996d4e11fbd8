"""WCAG 2.2 AA by axe, on every page and state, in light and dark; also narrow, large, with few colours."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.browser.axe import violations
from tests.browser.conftest import Furnished
from tests.browser.landscape import BROKEN, DRAFT, FEW, MESSY, OTHER, WELL
from tests.browser.tab import Scheme, Tab, opened
from tests.support.installation import key_of, ok, stream_key

pytestmark = pytest.mark.slow

SECONDS_MAX = 180.0
NARROW, WIDE = ViewportSize(width=320, height=700), ViewportSize(width=1280, height=800)

type Show = Callable[[Tab, Furnished], Locator]


def overview(tab: Tab, _: Furnished) -> Locator:
    """Show the overview with all destinations."""
    tab.open()
    return tab.page.get_by_role("region", name="Needs you").get_by_text("What to do")


def nothing_found(tab: Tab, _: Furnished) -> Locator:
    """Show the overview without a destination."""
    tab.open("#/?q=nothing-is-called-so")
    return tab.page.get_by_text("No destination is like that")


def month(tab: Tab, _: Furnished) -> Locator:
    """Show a failing destination with its month."""
    tab.open(f"#/destinations/{BROKEN}")
    return tab.page.get_by_role("grid")


def year(tab: Tab, furnished: Furnished) -> Locator:
    """Show a year by day."""
    tab.open(f"#/destinations/{WELL}?show={key_of(furnished.starts[-1])[:4]}")
    return tab.page.get_by_role("grid")


def hour(tab: Tab, furnished: Furnished) -> Locator:
    """Show an hour with its rejected rows, beside the year so that axe has less to do."""
    start = key_of(furnished.starts[-FEW])
    tab.open(f"#/destinations/{MESSY}/hours/{start}?show={start[:4]}")
    tab.page.locator("summary").click()
    return tab.page.locator("pre").first


def failed_hour(tab: Tab, furnished: Furnished) -> Locator:
    """Show an hour that failed."""
    start = key_of(furnished.starts[-1])
    tab.open(f"#/destinations/{BROKEN}/hours/{start}?show={start[:4]}")
    return tab.page.get_by_role("complementary").get_by_text("container_not_found")


def backfills(tab: Tab, furnished: Furnished) -> Locator:
    """Show a list of backfills."""
    _a_backfill(furnished)
    tab.open(f"#/destinations/{BROKEN}/backfills")
    return tab.page.get_by_role("progressbar")


def backfill(tab: Tab, furnished: Furnished) -> Locator:
    """Show a backfill that failed."""
    found = _a_backfill(furnished)
    tab.open(f"#/destinations/{BROKEN}/backfills/{found}")
    return tab.page.get_by_text("Hours that fail")


def no_backfill(tab: Tab, _: Furnished) -> Locator:
    """Show a destination that never had one."""
    tab.open(f"#/destinations/{DRAFT}/backfills")
    return tab.page.get_by_text("There is no backfill yet")


def dialog(tab: Tab, _: Furnished) -> Locator:
    """Show the dialog that starts a backfill."""
    tab.open(f"#/destinations/{WELL}/backfills")
    tab.page.get_by_role("button", name="Start a backfill").click()
    return tab.page.get_by_role("button", name="hours again")


def upload_test(tab: Tab, _: Furnished) -> Locator:
    """Show a test upload that failed."""
    tab.open(f"#/destinations/{BROKEN}/backfills")
    tab.page.get_by_role("button", name="Test upload").click()
    return tab.page.get_by_text("The test failed")


def confirmation(tab: Tab, _: Furnished) -> Locator:
    """Ask before something that cannot be taken back."""
    tab.open(f"#/destinations/{WELL}/backfills")
    tab.page.get_by_role("button", name="Pause").click()
    return tab.page.get_by_role("dialog")


def not_there(tab: Tab, _: Furnished) -> Locator:
    """Show an address that is not there."""
    tab.open("#/destinations/nobody")
    return tab.page.get_by_role("alert")


STATES: list[Show] = [
    *(overview, nothing_found, year, hour, failed_hour, backfills, backfill, no_backfill),
    *(dialog, upload_test, confirmation, not_there),
]


def _a_backfill(furnished: Furnished) -> str:
    """Return the id of a backfill that failed."""
    api, path = furnished.app.api, f"/destinations/{BROKEN}/backfills"
    found = ok(api.get(path))["backfills"]
    if not found:
        key = key_of(furnished.starts[-1])
        # Otherwise the backfill waits for the end of the destination's back-off.
        furnished.installation.let_time_pass(stream_key(BROKEN, OTHER), furnished.starts[-1])
        assert api.post(path, {"start": key, "end": key}).status == 202
    furnished.app.until(
        lambda: ok(api.get(path))["backfills"][0]["status"] == "failed", "it failed", SECONDS_MAX
    )
    return str(ok(api.get(path))["backfills"][0]["id"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("show", [*STATES, month], ids=lambda show: show.__name__)
def test_no_page_has_a_violation(browser: Browser, furnished: Furnished, show: Show, scheme: Scheme) -> None:
    """In the colours of the day and of the night."""
    with opened(browser, furnished.app.api.url, color_scheme=scheme) as tab:
        expect(show(tab, furnished)).to_be_visible()

        found = violations(tab.page)
        assert found == []
        tab.check()


@pytest.mark.parametrize("show", [*STATES, month], ids=lambda show: show.__name__)
def test_every_page_fits_a_narrow_screen_and_large_text(
    browser: Browser, furnished: Furnished, show: Show
) -> None:
    """320 pixels wide, or twice the size of text: nothing is cut off; the grid scrolls within itself."""
    with opened(browser, furnished.app.api.url, viewport=NARROW) as tab:
        expect(show(tab, furnished)).to_be_visible()
        assert _overflowing(tab.page) == []
        if show is not month:
            assert violations(tab.page) == []
        tab.page.set_viewport_size(WIDE)
        tab.page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert _overflowing(tab.page) == []


def _overflowing(page: Page) -> list[str]:
    """Return what is wider than the screen, outside of what scrolls."""
    found: list[str] = page.evaluate(
        """() => {
            const wide = document.documentElement.scrollWidth > window.innerWidth
                ? [`page ${document.documentElement.scrollWidth}`] : [];
            for (const each of document.querySelectorAll("body *")) {
                if (each.closest(".scroll, .hidden, pre") || each.closest(".skip")) continue;
                const { right, width } = each.getBoundingClientRect();
                if (width > 0 && right > window.innerWidth + 1) wide.push(each.className || each.tagName);
            }
            return wide;
        }"""
    )
    return found


def test_states_can_be_told_apart_without_colours_and_without_motion(
    browser: Browser, furnished: Furnished
) -> None:
    """In forced colours each cell has a border and a glyph; with reduced motion nothing is animated."""
    options: dict[str, Any] = {"forced_colors": "active", "reduced_motion": "reduce"}
    with opened(browser, furnished.app.api.url, **options) as tab:
        expect(month(tab, furnished)).to_be_visible()
        key = key_of(furnished.starts[-1])
        cell = tab.page.locator(f"[data-key='{key}']")
        expect(cell).to_contain_text("\u00d7")
        assert cell.evaluate("(cell) => getComputedStyle(cell).borderTopStyle") == "solid"
        moving = tab.page.evaluate(
            "[...document.querySelectorAll('*')]"
            ".filter((each) => getComputedStyle(each).animationName !== 'none').length"
        )
        assert moving == 0
        tab.check()
