"""The tabs of a destination that change it: configuration and notifications."""

import json

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.accessibility import check_accessibility
from tests.browser.landscape import DRAFT, SAMPLE, WELL
from tests.browser.tab import Tab, opened
from tests.support.api_calls import draft
from tests.support.installation import App, Installation
from tests.support.webhooks import receiving

STORED = "Everything is as it is stored."
SECRET = "at least sixteen characters"  # noqa: S105  of a test


def test_what_is_changed_is_saved_and_the_rest_stays(tab: Tab, app: App) -> None:
    """The secret needs not be typed again; what the API refuses is at its field."""
    before, page = app.destination(DRAFT), tab.page
    tab.open(f"#/destinations/{DRAFT}/configuration")
    expect(page.get_by_text(STORED)).to_be_visible()
    check_accessibility(page)
    page.get_by_label("Name").fill("A draft with another name")
    page.get_by_label("Prefix").fill("/wrong/")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Prefix must not begin or end with a slash")).to_be_visible()
    assert app.destination(DRAFT) == before

    page.get_by_label("Prefix").fill("right")
    page.get_by_label("Folders").select_option("hive")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(STORED)).to_be_visible()
    tab.title("A draft with another name")
    after = app.destination(DRAFT)
    assert after == before | {
        "name": "A draft with another name",
        "storage": before["storage"] | {"prefix": "right"},
        "output": before["output"] | {"path_layout": "hive"},
    }
    assert app.api.put(f"/destinations/{DRAFT}", before).status == 200


def test_another_container_of_an_active_destination_is_tested_first(tab: Tab, app: App) -> None:
    """If the test fails, its steps are shown, and nothing is saved."""
    page = tab.page
    tab.open(f"#/destinations/{WELL}/configuration")
    page.get_by_role("textbox", name="Container").fill("not-there")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("container_not_found", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Save without a test")).to_be_enabled()
    check_accessibility(page)
    assert app.destination(WELL)["storage"]["container"] == WELL


def test_a_destination_is_deleted_after_a_question(tab: Tab, app: App, shared: Installation) -> None:
    """Its files stay, which the question says."""
    assert app.api.put("/destinations/short-lived", draft(shared, "short-lived")).status == 201
    tab.open("#/destinations/short-lived/configuration")
    tab.page.get_by_role("button", name="Delete…").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("stay there")
    dialog.get_by_role("button", name="Delete", exact=True).click()

    tab.title("Destinations")
    assert app.api.get("/destinations/short-lived").body["code"] == "destination_deleted"


@pytest.fixture
def told(app: App, shared: Installation) -> str:
    """Return the id of a new destination without a webhook."""
    body = draft(shared, "told", events={"project_id": SAMPLE.project_id})
    assert app.api.put("/destinations/told", body).status == 201
    return "told"


@pytest.mark.slow
def test_a_webhook_is_saved_called_for_a_test_and_removed(
    browser: Browser, shared: Installation, told: str
) -> None:
    """The result of the call is shown; a host that the operator does not allow is refused."""
    with (
        receiving() as receiver,
        shared.app(NOTIFY_HOSTS="127.0.0.1") as app,
        opened(browser, app.api.url) as tab,
    ):
        page = tab.page
        tab.open(f"#/destinations/{told}/notifications")
        page.get_by_label("URL").fill("https://hooks.example.com/")
        page.get_by_label("Secret").fill(SECRET)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("URL names a host that is not allowed")).to_be_visible()
        page.get_by_label("URL").fill(f"http://127.0.0.1:{receiver.server_port}/exports")
        page.get_by_role("button", name="Save", exact=True).click()
        call = page.get_by_role("button", name="Send a test call")
        call.click()
        expect(page.get_by_text("The webhook answered with status 204.")).to_be_visible()
        check_accessibility(page)
        assert [json.loads(body)["type"] for body, _ in receiver.calls] == ["test"]
        receiver.answers = 500
        call.click()
        expect(page.get_by_text("The test call failed: the server answered 500.")).to_be_visible()
        page.get_by_role("button", name="Remove the webhook").click()
        expect(page.get_by_text("The webhook is removed.")).to_be_visible()
        expect(call).to_be_hidden()
        assert app.destination(told)["notify"] is None
        tab.check()
