"""Take the pictures of the console for README.md: ``python -m tests.browser.pictures ADDRESS FOLDER``.

The address is that of a running app with something to see: ``make run`` prints it.
"""

import argparse
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

from infra.local.api import Api
from tests.browser.browsers import NO_BROWSER, launched

WIDE, NARROW = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=800)
KINDS: dict[str, tuple[ViewportSize, Literal["light", "dark"]]] = {
    "light": (WIDE, "light"),
    "dark": (WIDE, "dark"),
    "phone": (NARROW, "light"),
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
    return found | ({"failing": f"#/destinations/{failing}"} if failing else {})


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
