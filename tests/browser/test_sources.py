"""Sources on their pages, with the real app and an Export API on loopback. Minutes of real pulls: slow."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from infra.local.export_api import answers
from tests.browser.accessibility import check_accessibility
from tests.browser.tab import Tab, opened
from tests.support.clocks import COMPILER
from tests.support.installation import Json, key_of, ok
from tests.support.live_source import (
    API_KEY,
    DESTINATION,
    SAMPLE,
    SECRET_KEY,
    SOURCE,
    LiveApp,
    LiveSource,
    live_source,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMPILER is None, reason="no C compiler makes what sets clocks: install gcc"),
]
HOURS = 4
FAILED = 1
MILLISECONDS_MAX = 120_000


@pytest.fixture(scope="module", autouse=True)
def tidied() -> None:
    """Leave the shared app alone: this file has its own."""


@pytest.fixture(scope="module")
def place(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSource]:
    """Yield an installation whose newest due hour is the fourth of a day, and an Export API with its rows."""
    assert browser.is_connected()
    with live_source(tmp_path_factory.mktemp("source")) as found:
        found.publish(*range(HOURS))
        found.at(HOURS - 1)
        yield found


@pytest.fixture(scope="module")
def live(place: LiveSource) -> Iterator[LiveApp]:
    """Yield the app."""
    with place.app(PULL_HOSTS=place.api.url.removeprefix("http://")) as found:
        yield found


@pytest.fixture
def tab(browser: Browser, live: LiveApp) -> Iterator[Tab]:
    """Yield a tab of the console. At its end, nothing may be wrong in it."""
    with opened(browser, live.api.url) as found:
        yield found
        found.check()


def cells(tab: Tab) -> dict[str, str]:
    """Return what each cell of the grid says, by its hour, but for those that are not due."""
    expect(tab.page.get_by_role("grid", name=re.compile("Pulled hours"))).to_be_visible()
    found: dict[str, str] = tab.page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('[role=grid] [data-key]')]
            .map((cell) => [cell.dataset.key, cell.getAttribute('aria-label').split(': ')[1]]))"""
    )
    return {key: text for key, text in found.items() if text != "not due"}


def told(hour: Json) -> str:
    """Return what the grid is to say about an hour of the API."""
    return str(hour["status"]) + (f", {hour['rows']} rows" if hour["rows"] else "")


def test_a_source_is_made_tested_and_watched(tab: Tab, live: LiveApp, place: LiveSource) -> None:
    """By its form; then the test with three steps; then the hours, as the ledger has them."""
    place.api.always(place.hour(FAILED), answers.too_large())
    tab.open("#/sources")
    expect(tab.page.get_by_text("There is no source yet")).to_be_visible()
    check_accessibility(tab.page)
    tab.page.get_by_role("link", name="New source").click()
    tab.title("New source")
    page = tab.page
    page.get_by_label("Id", exact=True).fill(SOURCE)
    page.get_by_label("Project", exact=True).fill(str(SAMPLE.project_id))
    page.get_by_label("API key").fill(API_KEY)
    page.get_by_label("Secret key").fill(SECRET_KEY)
    page.get_by_label("Another address of the API").fill(place.api.url)
    page.get_by_label("Start", exact=True).fill(f"{place.hour(0):%Y-%m-%d}")
    page.get_by_label("Minutes until an hour is due").fill("30")
    create = page.get_by_role("button", name="Create the source")
    create.click()
    expect(page.get_by_text("greater than or equal to 60")).to_be_visible()
    check_accessibility(page)
    page.get_by_label("Minutes until an hour is due").fill("120")
    create.click()
    tab.title(SOURCE)

    page.get_by_role("button", name="Test", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("The source can be pulled")).to_be_visible()
    steps = ("Sign in", "Find rows of the project", "Get an export of an hour")
    assert dialog.get_by_role("listitem").all_inner_texts() == [f"{step}\npassed" for step in steps]
    check_accessibility(page)
    page.keyboard.press("Escape")
    expect(page.get_by_text(f"{HOURS} hours owed")).to_be_visible()
    owed = cells(tab)

    live.pulled(0, HOURS - 1)
    tab.ask_again()
    expect(page.get_by_role("heading", name="Hours that fail")).to_be_visible()
    expect(page.get_by_text("too_large").first).to_be_visible()
    keys = [key_of(place.hour(number)) for number in range(HOURS)]
    assert owed == dict.fromkeys(keys, "owed")
    for key in keys:
        expect(page.locator(f"[data-key='{key}']")).not_to_have_attribute("aria-label", re.compile(": owed"))
    assert cells(tab) == {hour["hour"]: told(hour) for hour in live.hours(0, HOURS - 1)}
    check_accessibility(page)

    page.locator(f"[data-key='{keys[0]}']").click()
    panel = page.get_by_role("complementary")
    expect(panel).to_contain_text("30")
    expect(panel).to_contain_text("Answered 1 time")
    check_accessibility(page)
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert page.evaluate("document.activeElement.dataset.key") == keys[0]


def test_a_failed_hour_is_pulled_again(tab: Tab, live: LiveApp, place: LiveSource) -> None:
    """From the list of failed hours, with the progress of the request."""
    place.api.always(place.hour(FAILED), None)
    tab.open(f"#/sources/{SOURCE}")
    tab.page.get_by_role("button", name="Pull them again…").click()
    dialog = tab.page.get_by_role("dialog")
    check_accessibility(tab.page)
    dialog.get_by_role("button", name="Pull 1 hour again").click()
    bar = tab.page.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "0")
    (pull,) = ok(live.api.get(f"/sources/{SOURCE}/pulls"))["pulls"]

    live.until(
        lambda: ok(live.api.get(f"/sources/{SOURCE}/pulls/{pull['id']}"))["finished_at"], "the pull ended"
    )

    expect(tab.page.get_by_text("succeeded", exact=True)).to_be_visible()
    expect(bar).to_have_attribute("aria-valuenow", "1")
    expect(tab.page.get_by_text("1 of 1 hour · 30 new rows")).to_be_visible()
    check_accessibility(tab.page)
    tab.open(f"#/sources/{SOURCE}")
    expect(tab.page.get_by_role("grid")).to_be_visible()
    expect(tab.page.get_by_role("heading", name="Hours that fail")).to_be_hidden()
    assert cells(tab)[key_of(place.hour(FAILED))] == "pulled, 30 rows"


def test_a_paused_source_holds_hours_open_and_the_destination_says_so(
    tab: Tab, live: LiveApp, place: LiveSource
) -> None:
    """With a link to the source; after Resume the hours are pulled, and a request can be cancelled."""
    live.export_from(0)
    tab.open(f"#/sources/{SOURCE}")
    tab.page.get_by_role("button", name="Pause").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(tab.page.get_by_text("Nothing is pulled, and no hour")).to_be_visible()
    place.publish(HOURS)
    place.at(HOURS, minutes=40)

    tab.open(f"#/destinations/{DESTINATION}")
    note = tab.page.get_by_text(f"The source {SOURCE} holds hours open: paused")
    expect(note).to_contain_text("1 hour owed")
    check_accessibility(tab.page)
    note.get_by_role("link", name=SOURCE).click()
    tab.title(SOURCE)
    expect(tab.page.get_by_text("1 hour owed")).to_be_visible()

    tab.page.get_by_role("link", name="Pulls on request").click()
    tab.page.get_by_role("button", name="Pull hours again…").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Pull 1 hour again").click()
    tab.page.get_by_role("button", name="Cancel…").click()
    tab.page.get_by_role("button", name="Cancel the pull").click()
    expect(tab.page.get_by_text("cancelled", exact=True)).to_be_visible()

    tab.open(f"#/sources/{SOURCE}/pulls")
    expect(tab.page.get_by_role("progressbar")).to_have_count(2)
    check_accessibility(tab.page)
    tab.page.get_by_role("button", name="Resume").click()
    expect(tab.page.get_by_text("active", exact=True)).to_be_visible()
    live.pulled(HOURS, HOURS)
    tab.open(f"#/destinations/{DESTINATION}")
    expect(tab.page.get_by_text(f"The source {SOURCE} has pulled all hours before")).to_be_visible()
    expect(note).to_be_hidden()


def test_wrong_keys_are_corrected_on_the_page(tab: Tab, live: LiveApp, place: LiveSource) -> None:
    """The source fails with its fix; then the keys are saved, and the source goes on at once."""
    tab.open(f"#/sources/{SOURCE}/configuration")
    secret = tab.page.get_by_label("Secret key")
    secret.fill("not-the-key")
    save = tab.page.get_by_role("button", name="Save")
    save.click()
    expect(tab.page.get_by_text("Saved.")).to_be_visible()
    place.publish(HOURS + 1)
    place.at(HOURS + 1)
    live.until(lambda: live.source()["status"] == "failing", "the source fails")
    tab.open("#/sources")
    row = tab.page.get_by_role("row").filter(has_text=SOURCE)
    expect(row).to_contain_text("failing")
    expect(row).to_contain_text("credentials")
    tab.open()
    needing = tab.page.get_by_role("region", name="Sources that need you")
    expect(needing).to_contain_text("What to do")
    check_accessibility(tab.page)
    needing.get_by_role("link", name=SOURCE).click()
    tab.page.get_by_role("link", name="Enter the keys").click()
    expect(tab.page.get_by_text("credentials", exact=True)).to_be_visible()
    check_accessibility(tab.page)

    tab.page.get_by_role("button", name="Test and go on").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog.get_by_text("The test failed")).to_be_visible()
    tab.page.keyboard.press("Escape")
    secret.fill(SECRET_KEY)
    save.click()
    expect(tab.page.get_by_text("active", exact=True)).to_be_visible()
    live.pulled(HOURS + 1, HOURS + 1)
    assert ok(live.api.get("/sources"))["sources"][0]["last_error"] is None


def test_a_deleted_source_is_found_among_the_deleted_ones(tab: Tab, live: LiveApp) -> None:
    """What it has landed stays; its hours can be asked for."""
    tab.open(f"#/sources/{SOURCE}/configuration")
    tab.page.get_by_role("button", name="Delete…").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    tab.title("Sources")
    expect(tab.page.get_by_text("There is no source yet")).to_be_visible()
    tab.page.get_by_label("Deleted ones").check()

    expect(tab.page.get_by_role("row").filter(has_text=SOURCE)).to_contain_text("deleted")
    check_accessibility(tab.page)
    assert live.hours(0, HOURS - 1)
