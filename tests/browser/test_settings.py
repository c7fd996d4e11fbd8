"""The page about the exporter itself."""

from playwright.sync_api import Browser, expect

from tests.browser.accessibility import check_accessibility
from tests.browser.tab import Tab, opened
from tests.support.installation import App, Installation, ok

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
