"""Fixtures: the real app with destinations in every state, and a real browser. No request is mocked."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Playwright, sync_playwright

from tests.browser.landscape import furnish
from tests.browser.tab import Tab, opened
from tests.support.installation import App, Installation, installed

PROJECT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW = (
    "the tests of the console were left out: install Chromium (apt-get install chromium, or"
    " .venv/bin/python -m playwright install chromium) and run make setup"
)


def _launched(playwright: Playwright) -> Browser | None:
    """Start the system's Chromium, else the one that Playwright installs."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    # A container has neither the kernel's rights for the sandbox nor a graphics card.
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with suppress(Error):
        return playwright.chromium.launch(executable_path=path, args=arguments)
    return None


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Yield a browser for all tests; skip them if there is none, or if the console is not built."""
    if not (PROJECT / "exporter/console/static/index.html").exists():
        pytest.skip(HOW)
    with sync_playwright() as playwright:
        found = _launched(playwright)
        if found is None:
            pytest.skip(HOW)
        yield found
        found.close()


@dataclass(frozen=True, slots=True)
class Furnished:
    """An installation with a running app, and the hours that its destinations have."""

    installation: Installation
    app: App
    starts: list[datetime]


@pytest.fixture(scope="session")
def furnished(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    """Run the app with destinations in every state, for all tests; there is none without a browser."""
    assert browser.is_connected()
    with (
        installed(tmp_path_factory.mktemp("installation")) as installation,
        installation.app() as app,
    ):
        yield Furnished(installation, app, furnish(installation, app))


@pytest.fixture
def tab(browser: Browser, furnished: Furnished) -> Iterator[Tab]:
    """Yield a tab of the console. At its end, nothing may be wrong in it."""
    with opened(browser, furnished.app.api.url) as found:
        yield found
        found.check()
