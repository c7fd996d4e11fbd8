"""The filter builder: fields and JSON, with the preview of the API."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import check_accessibility
from tests.browser.landscape import SAMPLE, WELL
from tests.browser.tab import Tab
from tests.support.filters import condition
from tests.support.installation import App, ok

IS = condition("event_type", "is", "purchase")
PRICE = condition("event_properties.price", "greater", 10)
FILTERS: list[dict[str, Any] | None] = [
    IS,
    PRICE,
    {"all": [IS, PRICE]},
    {"any": [IS, PRICE]},
    {"not": IS},
    {"not": {"not": {"any": [IS, {"all": [PRICE]}]}}},
    condition("event_type", "is_not", "purchase", "no such event"),
    condition("event_type", "contains", "a", "e"),
    condition("event_type", "not_contains", "a"),
    condition("event_type", "starts_with", "p", "s"),
    condition("event_type", "matches", "^p.*e$"),
    condition("country", "is", "Germany", "France"),
    condition("session_id", "less", 9_007_199_254_740_993),
    condition("session_id", "greater_or_equal", 0),
    {"property": "paying", "operator": "is", "values": [True]},
    condition("event_time", "less_or_equal", "2999-01-01 00:00:00"),
    condition("user_properties.a\\.b", "is_not_set"),
    condition("groups.none", "is_set"),
    {"any": [condition("platform", "is", "iOS"), condition("os_name", "is_set"), {"not": PRICE}]},
    None,
]

# The clipboard itself is closed to a page without a window.
PASTE = """(field, text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text", text);
  field.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}));
}"""


@pytest.fixture
def page(tab: Tab) -> Page:
    """Return the tab with the filter of a destination that has none."""
    tab.open(f"#/destinations/{WELL}/filter")
    expect(tab.page.get_by_text("Every event is exported.")).to_be_visible()
    return tab.page


def write_json(page: Page, document: object) -> None:
    """Replace the filter, as JSON."""
    page.get_by_role("button", name="JSON", exact=True).click()
    page.get_by_label("The filter as JSON").fill("" if document is None else json.dumps(document))


def kept(page: Page) -> tuple[int, int]:
    """Return how many of how many events the preview says are kept, once it is about the present filter."""
    region = page.get_by_role("region", name="Preview")
    expect(region).to_have_attribute("aria-busy", "false")
    words = region.locator(".kept").inner_text().replace(",", "").split()
    return int(words[1]), int(words[3])


@pytest.mark.slow
def test_the_preview_is_that_of_the_api_and_json_comes_back_as_it_was(page: Page, app: App) -> None:
    """Twenty filters, each written as JSON, shown as fields, and read as JSON again."""
    assert len(FILTERS) == 20
    for document in FILTERS:
        with page.expect_response("**/api/preview") as answered:
            write_json(page, document)
            page.get_by_role("button", name="Fields").click()
        assert answered.value.ok
        asked = {"project_id": SAMPLE.project_id, "filter": document}
        rows = ok(app.api.post("/preview", asked))["rows"]
        assert kept(page) == (rows["exported"], rows["exported"] + rows["filtered"]), document
        page.get_by_role("button", name="JSON", exact=True).click()
        shown = page.get_by_label("The filter as JSON").input_value()
        assert (json.loads(shown) if shown else None) == document


def test_a_filter_is_built_with_the_keyboard_and_saved(page: Page, app: App) -> None:
    """Suggestions, chips, a negated group; the stored filter is what the JSON view shows."""
    page.get_by_role("button", name="Add a condition").press("Enter")
    # At once: the focus is in the new field when the key has done its work.
    page.keyboard.type("event_type")
    page.keyboard.press("Tab")
    page.get_by_label("Operator").select_option(label="is not")
    value = page.get_by_label("Add a value")
    value.focus()
    page.keyboard.type("purchase")
    page.keyboard.press("Enter")
    page.keyboard.type("refund")
    page.keyboard.press("Enter")
    expect(page.get_by_role("list", name="Values").get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Group", exact=True).press("Enter")
    page.keyboard.type("event_properties.price")
    page.get_by_label("Operator").nth(1).select_option(label="is at least")
    entry = page.get_by_label("Add a value").nth(1)
    entry.fill("1,5")
    entry.press("Enter")
    expect(page.get_by_text("This is not a number.")).to_be_visible()
    entry.fill("1.5")
    entry.press("Enter")
    page.get_by_role("button", name="not this group").nth(1).press("Enter")
    expect(page.get_by_text("2 of 100 conditions, 4 of 10 levels")).to_be_visible()
    check_accessibility(page)
    page.get_by_role("button", name="Save the filter").press("Enter")

    expect(page.get_by_text("The filter is as it is stored.")).to_be_visible()
    price = condition("event_properties.price", "greater_or_equal", 1.5)
    expected = {"all": [condition("event_type", "is_not", "purchase", "refund"), {"not": {"any": [price]}}]}
    assert app.destination(WELL)["events"]["filter"] == expected

    page.get_by_role("button", name="Remove the filter").click()
    page.get_by_role("button", name="Save the filter").click()
    expect(page.get_by_text("The filter is as it is stored.")).to_be_visible()
    assert app.destination(WELL)["events"]["filter"] is None


def test_what_the_api_refuses_is_shown_at_its_place(page: Page) -> None:
    """At the property, the operator and the value; a JSON text that is no filter has a reason, too."""
    wrong = {
        "all": [
            condition("evnt_type", "is", "a"),
            {"not": condition("session_id", "contains", "x")},
            condition("session_id", "is", "x", 5),
        ]
    }
    write_json(page, wrong)
    page.get_by_role("button", name="Fields").click()
    for text in (
        "The property is not a field of an event",
        "The operator does not apply to session_id",
        "The value “x” must be a number",
    ):
        expect(page.get_by_text(text)).to_be_visible()
    expect(page.get_by_role("region", name="Preview")).to_contain_text("3 problems")
    check_accessibility(page)
    page.get_by_role("button", name="JSON", exact=True).click()
    field = page.get_by_label("The filter as JSON")
    field.fill('{"all": [')
    expect(page.get_by_text("This is not JSON yet")).to_be_visible()
    field.fill('{"all": [], "any": []}')
    expect(page.get_by_text("cannot stand beside")).to_be_visible()


def test_lines_are_pasted_as_values(page: Page) -> None:
    """A column of a table becomes a list of values, each once."""
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_label("Property").fill("country")
    page.get_by_label("Add a value").evaluate(PASTE, "Germany\nFrance\r\n\nSpain")

    values = page.get_by_role("list", name="Values").get_by_role("listitem")
    expect(values).to_have_text(["“Germany”", "“France”", "“Spain”"])
