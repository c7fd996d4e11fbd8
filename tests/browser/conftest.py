"""Fixtures: the real app with destinations in every state, and a real browser. No request is mocked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.browsers import NO_BROWSER, launched
from tests.browser.landscape import ALL, furnish
from tests.browser.tab import Tab, opened
from tests.support.installation import App, Installation, installed, ok

PROJECT = Path(__file__).resolve().parents[2]
NOT_BUILT = "the tests of the console were left out: build it with make console"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Yield a browser for all tests; skip them if there is none, or if the console is not built."""
    if not (PROJECT / "exporter/console/static/index.html").exists():
        pytest.skip(NOT_BUILT)
    with sync_playwright() as playwright:
        found = launched(playwright)
        if found is None:
            pytest.skip(NO_BROWSER)
        yield found
        found.close()


@dataclass(frozen=True, slots=True)
class Furnished:
    """An installation with a running app, and the hours that its destinations have."""

    installation: Installation
    app: App
    starts: list[datetime]


@pytest.fixture(scope="package")
def furnished(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    """Run the app with destinations in every state, for all tests; there is none without a browser."""
    assert browser.is_connected()
    with (
        installed(tmp_path_factory.mktemp("installation")) as installation,
        installation.app() as app,
    ):
        yield Furnished(installation, app, furnish(installation, app))


@pytest.fixture(scope="module", autouse=True)
def tidied(furnished: Furnished) -> Iterator[None]:
    """Delete what the tests of a file have made: other files count the destinations."""
    yield
    api = furnished.app.api
    for each in ok(api.get("/destinations?limit=500"))["destinations"]:
        if each["id"] not in ALL:
            api.call("DELETE", f"/api/destinations/{each['id']}")


@pytest.fixture
def app(furnished: Furnished) -> App:
    """Return the running app."""
    return furnished.app


@pytest.fixture
def shared(furnished: Furnished) -> Installation:
    """Return the installation of the running app."""
    return furnished.installation


@pytest.fixture
def tab(browser: Browser, furnished: Furnished) -> Iterator[Tab]:
    """Yield a tab of the console. At its end, nothing may be wrong in it."""
    with opened(browser, furnished.app.api.url) as found:
        yield found
        found.check()
