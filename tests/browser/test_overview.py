"""The overview, the frame of every page, and signing in."""

import time
from pathlib import Path

from playwright.sync_api import Browser, expect

from infra.local import azurite, stack
from tests.browser.landscape import BROKEN, DRAFT, MESSY, PAUSED, WELL
from tests.browser.tab import Tab, opened
from tests.support.installation import App, Installation

KEYS = {"FUNCTIONS_LOCAL_MASTER_KEY": "the-master-key", "FUNCTIONS_LOCAL_FUNCTION_KEY": "the-function-key"}
KEY = KEYS["FUNCTIONS_LOCAL_FUNCTION_KEY"]
SECONDS_MAX = 2.0


def test_the_overview_shows_every_destination_and_what_needs_someone(tab: Tab) -> None:
    """Within two seconds of a warm app, with the error of the failing one and its fix."""
    tab.open()
    tab.title("Destinations")
    expect(tab.page.get_by_role("row")).to_have_count(6)

    started = time.monotonic()
    tab.open()
    expect(tab.page.get_by_role("row")).to_have_count(6)
    assert time.monotonic() - started < SECONDS_MAX

    for name, state in (
        (WELL, "active"),
        (MESSY, "active"),
        (PAUSED, "paused"),
        (DRAFT, "draft"),
        (BROKEN, "failing"),
    ):
        row = tab.page.get_by_role("row").filter(has_text=f"Test: {name}")
        expect(row).to_contain_text(state)
    needing = tab.page.get_by_role("region", name="Needs you")
    expect(needing).to_contain_text("container_not_found")
    expect(needing).to_contain_text("az storage container create")
    assert tab.messages == []


def test_destinations_are_found_by_text_and_by_state(tab: Tab) -> None:
    """The address has both, so that it can be passed on."""
    tab.open("#/?status=active")
    expect(tab.page.get_by_role("row")).to_have_count(3)

    tab.page.keyboard.press("/")
    tab.page.keyboard.type("MESS")
    expect(tab.page.get_by_role("row")).to_have_count(2)
    assert tab.page.url.endswith("#/?status=active&q=MESS")

    tab.page.get_by_role("searchbox").fill("nothing is called so")
    expect(tab.page.get_by_text("No destination is like that")).to_be_visible()


def test_a_page_that_is_not_there_leads_back(tab: Tab) -> None:
    """An address may be mistyped."""
    tab.open("#/no/such/page")

    tab.page.get_by_role("link", name="Show the destinations").click()

    tab.title("Destinations")


def test_the_key_is_asked_for_and_kept_nowhere_unless_wanted(browser: Browser, shared: Installation) -> None:
    """A wrong key gets a message; a reload asks again, unless the box was ticked; no address has the key."""
    with shared.app("--auth", **KEYS) as app, opened(browser, app.api.url) as tab:
        tab.open()
        tab.title("Sign in")
        field, box = tab.page.get_by_label("Function key"), tab.page.get_by_label("Keep it")
        field.fill("a-wrong-key")
        field.press("Enter")
        expect(tab.page.get_by_role("alert")).to_have_text("The app does not accept this key.")
        expect(field).to_be_focused()
        assert stored(tab) == ["{}", "{}"]

        field.fill(KEY)
        field.press("Enter")
        tab.title("Destinations")
        assert stored(tab) == ["{}", "{}"]

        tab.page.reload()
        tab.title("Sign in")
        tab.page.get_by_label("Function key").fill(KEY)
        box.check()
        tab.page.get_by_role("button", name="Sign in").click()
        tab.title("Destinations")
        tab.page.reload()
        tab.title("Destinations")
        assert KEY not in stored(tab)[0]

        tab.page.get_by_role("button", name="Sign out").click()
        tab.title("Sign in")
        assert stored(tab) == ["{}", "{}"]
        assert all(KEY not in each.url for each in tab.requests)
        # At the start, the host prints the keys.
        assert KEY not in app.log.partition("Host ready")[2]
        tab.check()


def stored(tab: Tab) -> list[str]:
    """Return what is in localStorage and sessionStorage, as JSON."""
    found: list[str] = tab.page.evaluate("[JSON.stringify(localStorage), JSON.stringify(sessionStorage)]")
    return found


def test_an_app_that_dies_is_noticed_and_comes_back_by_itself(
    browser: Browser, shared: Installation, app: App, tmp_path: Path
) -> None:
    """A banner says so, what was shown stays, and the page goes on when the app is there again."""
    assert app.running.process.poll() is None
    port, log = azurite.free_ports(1)[0], tmp_path / "app.log"
    with opened(browser, f"http://127.0.0.1:{port}") as tab:
        rows = tab.page.get_by_role("row")
        banner = tab.page.get_by_text("The app does not answer")
        with stack.running_app(shared.settings, port=port, log=log):
            tab.open()
            expect(rows).to_have_count(6)
        tab.page.evaluate("window.dispatchEvent(new Event('online'))")
        expect(banner).to_be_visible()
        expect(rows).to_have_count(6)

        with stack.running_app(shared.settings, port=port, log=log):
            expect(banner).to_be_hidden()
            expect(rows).to_have_count(6)
        tab.check()


def test_wrong_settings_are_named_on_the_page(browser: Browser, tmp_path: Path) -> None:
    """Each with its message: the page is of use before anything is configured."""
    port = azurite.free_ports(1)[0]
    with (
        stack.running_app({"SETTLE_MINUTES": "soon"}, port=port, log=tmp_path / "app.log"),
        opened(browser, f"http://127.0.0.1:{port}") as tab,
    ):
        tab.open()

        alert = tab.page.get_by_role("alert")
        expect(alert).to_contain_text("The exporter is not configured")
        for name in ("AzureWebJobsStorage", "SECRETS_KEY", "SETTLE_MINUTES"):
            expect(alert).to_contain_text(name)
        tab.check()
