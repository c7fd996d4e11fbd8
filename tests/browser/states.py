"""Every page of the console in every state, for the tests that look at all of them."""

from collections.abc import Callable

from playwright.sync_api import Locator

from tests.browser.conftest import Furnished
from tests.browser.landscape import BROKEN, DRAFT, FEW, MESSY, OTHER, SAMPLE, WELL
from tests.browser.tab import Tab
from tests.support.installation import key_of, ok, stream_key

SECONDS_MAX = 180.0

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


def deleted(tab: Tab, furnished: Furnished) -> Locator:
    """Show a deleted destination, among the deleted ones and alone."""
    body = furnished.installation.destination("gone", SAMPLE, furnished.starts[0])
    furnished.app.api.put("/destinations/gone", body)
    furnished.app.api.call("DELETE", "/api/destinations/gone")
    tab.open("#/?show=deleted")
    tab.page.get_by_role("link", name="Test: gone").click()
    tab.page.get_by_role("link", name="Backfills").click()
    return tab.page.get_by_text("It is deleted")


def verifications(tab: Tab, _: Furnished) -> Locator:
    """Show the result of a verification."""
    tab.open(f"#/destinations/{WELL}/verifications")
    tab.page.get_by_role("button", name="Verify", exact=True).click()
    return tab.page.locator(".verdict")


def at(address: str, text: str) -> Show:
    """Return what shows an address, until a text is there."""

    def show(tab: Tab, _: Furnished) -> Locator:
        tab.open(address)
        return tab.page.get_by_text(text).first

    show.__name__ = address
    return show


# What is shown for each address of routes.ts, and for each tab of a destination.
PAGES: dict[str, list[Show]] = {
    "/": [overview, nothing_found],
    "/destinations/:id": [month, year, upload_test, confirmation, not_there, deleted],
    "/destinations/:id/hours/:hour": [hour, failed_hour],
    "/destinations/:id/backfills/:backfill": [backfill],
    "/destinations/:id/:tab": [
        *(backfills, no_backfill, dialog, verifications),
        at(f"#/destinations/{WELL}/configuration", "Delete the destination"),
        at(f"#/destinations/{WELL}/filter", "keeps"),
        at(f"#/destinations/{WELL}/notifications", "Gets a signed call"),
    ],
    "/new": [at("#/new", "Export events")],
    "/new/:step": [
        at("#/new/filter", "Preview"),
        at("#/new/schema", "The files of"),
        at("#/new/credentials", "How the exporter signs in"),
        at("#/new/container", "Container"),
        at("#/new/test", "Test upload"),
        at("#/new/activate", "Activate"),
    ],
    "/settings": [at("#/settings", "Settings in effect")],
    "/sources": [
        at("#/sources", "There is no source yet"),
        at("#/sources?deleted=true", "No source was deleted"),
    ],
    "/new-source": [at("#/new-source", "Create the source")],
}
# Sources with an Export API: test_sources.py checks their pages.
ELSEWHERE = {"/sources/:id", "/sources/:id/hours/:hour", "/sources/:id/pulls/:pull", "/sources/:id/:tab"}
STATES = [show for shows in PAGES.values() for show in shows]


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
