"""Take the pictures of the console for README.md: ``python -m tests.browser.pictures ADDRESS FOLDER``.

The address is that of a running app with something to see: ``make run`` prints it.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from infra.local.api import Api
from tests.browser.browsers import NO_BROWSER, launched

WIDE, NARROW = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=800)
KINDS: dict[str, tuple[ViewportSize, Literal["light", "dark"]]] = {
    "light": (WIDE, "light"),
    "dark": (WIDE, "dark"),
    "phone": (NARROW, "light"),
}
FILTER = {
    "any": [
        {"property": "event_type", "operator": "is", "values": ["purchase", "checkout_started"]},
        {
            "all": [
                {"property": "platform", "operator": "is", "values": ["iOS", "Android"]},
                {"property": "country", "operator": "is_set"},
            ]
        },
    ]
}
PAUSE_MILLISECONDS, MILLISECONDS_MAX = 1_500, 30_000


def pages(api: Api) -> dict[str, str]:
    """Return the addresses of the pages by the names of their pictures."""
    listed = api.get("/destinations").body["destinations"]
    well = next(each for each in listed if each["status"] == "active" and each["events"])
    path = f"#/destinations/{well['id']}"
    hour = well["last_exported_hour"]["events"]
    found = {
        "overview": "#/",
        "hours": path,
        "hour": f"{path}/hours/{hour}",
        "backfills": f"{path}/backfills",
    }
    failing = next((each["id"] for each in listed if each["status"] == "failing"), None)
    sources = [each["id"] for each in api.get("/sources").body["sources"]]
    return (
        found
        | ({"failing": f"#/destinations/{failing}"} if failing else {})
        | ({"source": f"#/sources/{sources[0]}"} if sources else {})
        | {"settings": "#/settings", "filter": f"{path}/filter", "wizard": "#/new"}
    )


def _choose_events(page: Page) -> None:
    """Type a filter, and show it in fields."""
    page.get_by_role("button", name="JSON", exact=True).click()
    page.get_by_label("The filter as JSON").fill(json.dumps(FILTER))
    page.get_by_role("button", name="Fields").click()
    preview = page.get_by_role("region", name="Preview")
    expect(preview).to_contain_text("keeps", timeout=MILLISECONDS_MAX)
    expect(preview).not_to_contain_text("100%", timeout=MILLISECONDS_MAX)


def _name_a_destination(page: Page) -> None:
    """Fill the wizard up to the credentials, and show what the customer runs."""
    page.get_by_label("Name").fill("Globex")
    page.get_by_label("Project").fill("187520")
    steps = page.get_by_role("navigation", name="Steps")
    steps.get_by_role("link", name="Container").click()
    page.get_by_label("Account").first.fill("https://globex.blob.core.windows.net")
    page.get_by_label("Container").first.fill("raw-events")
    steps.get_by_role("link", name="Credentials").click()
    page.get_by_label("Directory").fill("11111111-1111-4111-8111-111111111111")
    page.get_by_label("Application").fill("22222222-2222-4222-8222-222222222222")
    page.get_by_text("What the customer runs for it").click()


# What is done on a page before its picture is taken.
BEFORE: dict[str, Callable[[Page], None]] = {"filter": _choose_events, "wizard": _name_a_destination}


def take(browser: Browser, api: Api, folder: Path) -> None:
    """Take each page in light and dark colours, and on a narrow screen."""
    for kind, (viewport, scheme) in KINDS.items():
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        page = context.new_page()
        for name, address in pages(api).items():
            page.goto("about:blank")
            page.goto(f"{api.url}/console/{address}")
            expect(page.locator("main h1")).to_be_visible(timeout=MILLISECONDS_MAX)
            expect(page.locator(".skeleton")).to_have_count(0, timeout=MILLISECONDS_MAX)
            # The header says how the timer is some seconds later.
            expect(page.locator("header .ticking")).to_be_visible(timeout=MILLISECONDS_MAX)
            if name in BEFORE:
                BEFORE[name](page)
            # What is loaded when it is seen: the bars of the last 48 hours.
            page.wait_for_timeout(PAUSE_MILLISECONDS)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=folder / f"{name}-{kind}.png")
        context.close()


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="such as http://127.0.0.1:7071")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launched(playwright)
        if browser is None:
            parser.error(NO_BROWSER)
        take(browser, Api(options.address), options.folder)
        browser.close()


if __name__ == "__main__":
    main()
