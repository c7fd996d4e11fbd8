"""The page about the exporter itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from infra.local.settings_file import new_secrets_key
from tests.browser.accessibility import check_accessibility
from tests.browser.conftest import Furnished
from tests.browser.landscape import SAMPLE, WELL
from tests.browser.tab import Tab, opened
from tests.support.installation import App, Installation, installed, key_of, ok

COMPONENT = (
    "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-exporter"
    "/providers/Microsoft.Insights/components/appi-exporter"
)
READERS = {"native": "compiled code", "python": "Python code"}


def test_health_queues_and_settings_are_those_of_the_api(tab: Tab, app: App) -> None:
    """With the last tick, every queue, and every setting in effect."""
    tab.open()
    tab.page.get_by_role("link", name="Settings", exact=True).click()
    tab.title("Settings and health")
    status = ok(app.api.get("/status"))

    health = tab.page.get_by_role("region", name="Health")
    for text in ("ticking", "reached", status["version"], READERS[status["row_reader"]], "no key is needed"):
        expect(health).to_contain_text(text)
    queues = tab.page.get_by_role("table", name="Messages that wait")
    for queue in status["queues"]:
        expect(queues).to_contain_text(queue["name"])
    settings = tab.page.get_by_role("table", name="The settings in effect")
    for setting in status["settings"]:
        row = settings.get_by_role("row").filter(has=tab.page.get_by_text(setting["name"], exact=True))
        expect(row).to_contain_text(setting["value"].replace(",", ", ") or "none")
    expect(tab.page.get_by_role("region", name="Outbound addresses")).to_contain_text("OUTBOUND_ADDRESSES")
    check_accessibility(tab.page)


def test_a_missing_landing_container_and_the_addresses_are_shown(
    browser: Browser, shared: Installation, app: App
) -> None:
    """Another app on the same storage, with another setting."""
    assert app.running.process.poll() is None
    settings = {"LANDING_CONTAINER": "not-there", "OUTBOUND_ADDRESSES": "20.50.1.2,20.50.1.4/31"}
    with shared.app(**settings) as other, opened(browser, other.api.url) as tab:
        tab.open("#/settings")
        expect(tab.page.get_by_role("alert")).to_contain_text("LANDING_CONTAINER")
        addresses = tab.page.get_by_role("region", name="Outbound addresses")
        expect(addresses).to_contain_text("20.50.1.2, 20.50.1.4/31")
        check_accessibility(tab.page)
        tab.check()


@pytest.mark.slow
def test_a_change_of_keys_shows_what_is_left_and_what_to_do(browser: Browser, tmp_path: Path) -> None:
    """A storage of its own, as keys change: the next tick encrypts, and a lost key needs its secret again."""
    with installed(tmp_path) as installation:
        old, new, other = installation.settings["SECRETS_KEY"], new_secrets_key(), new_secrets_key()
        (start,) = installation.newest_hours(1)
        with installation.app() as app:
            assert (
                app.api.put("/destinations/acme", installation.destination("acme", SAMPLE, start)).status
                == 201
            )
        with installation.app(SECRETS_KEY=f"{other},{new}") as lost, settings_of(browser, lost) as tab:
            rotation = tab.page.get_by_role("region", name="Change of SECRETS_KEY")
            expect(rotation).to_contain_text("Enter them again")
            check_accessibility(tab.page)
            rotation.get_by_role("link", name="acme").click()
            expect(tab.page.get_by_role("button", name="Save")).to_be_visible()
            tab.check()
        with installation.app(SECRETS_KEY=f"{new},{old}") as changed, settings_of(browser, changed) as tab:
            rotation = tab.page.get_by_role("region", name="Change of SECRETS_KEY")
            expect(rotation).to_contain_text("1 secret of destinations and 0 of sources need an earlier key")
            changed.tick()
            changed.until(
                lambda: not ok(changed.api.get("/status"))["key_rotation"]["destinations"]["left"], "done"
            )
            tab.ask_again()
            expect(rotation).to_contain_text("Remove the earlier keys")
            check_accessibility(tab.page)
            tab.check()
        with installation.app(SECRETS_KEY=new) as after, settings_of(browser, after) as tab:
            expect(tab.page.get_by_role("region", name="Health")).to_be_visible()
            expect(tab.page.get_by_role("region", name="Change of SECRETS_KEY")).to_have_count(0)


@contextmanager
def settings_of(browser: Browser, app: App) -> Iterator[Tab]:
    """Show the settings of an app."""
    with opened(browser, app.api.url) as tab:
        tab.open("#/settings")
        yield tab


@pytest.mark.slow
def test_an_hour_has_a_link_to_its_log(browser: Browser, furnished: Furnished) -> None:
    """If the operator has said where the log is. The link leaves the page alone, and no request is made."""
    start = key_of(furnished.starts[-1])
    with (
        furnished.installation.app(
            LOG_ANALYTICS_RESOURCE_ID=COMPONENT, AZURE_PORTAL="https://portal.azure.us"
        ) as app,
        opened(browser, app.api.url) as tab,
    ):
        tab.open(f"#/destinations/{WELL}/hours/{start}?show={start[:4]}")
        link = tab.page.get_by_role("link", name="Open its log in Log Analytics")
        found = ok(app.api.get(f"/destinations/{WELL}/hours/{start}"))
        expect(link).to_have_attribute("href", found["log"])
        expect(link).to_have_attribute("rel", "noreferrer")
        assert found["log"].startswith("https://portal.azure.us/#blade/")
        check_accessibility(tab.page)
        tab.open("#/settings")
        workbooks = tab.page.get_by_role("link", name="Workbooks in Azure")
        expect(workbooks).to_have_attribute("href", f"https://portal.azure.us/#resource{COMPONENT}/workbooks")
        check_accessibility(tab.page)
        tab.check()
    assert ok(furnished.app.api.get(f"/destinations/{WELL}/hours/{start}"))["log"] is None
