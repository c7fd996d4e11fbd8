"""What the page shows when the app is away, busy or not configured."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from infra.local import azurite, stack
from tests.browser.conftest import Furnished
from tests.browser.tab import opened

ROWS = 6


@pytest.mark.slow
def test_an_app_that_dies_is_noticed_and_comes_back_by_itself(
    browser: Browser, furnished: Furnished, tmp_path: Path
) -> None:
    """A banner says so, what was shown stays, and the page goes on when the app is there again."""
    port, log = azurite.free_ports(1)[0], tmp_path / "app.log"
    settings = furnished.installation.settings
    with opened(browser, f"http://127.0.0.1:{port}") as tab:
        rows = tab.page.get_by_role("row")
        banner = tab.page.get_by_text("The app does not answer")
        with stack.running_app(settings, port=port, log=log):
            tab.open()
            expect(rows).to_have_count(ROWS)
        tab.ask_again()
        expect(banner).to_be_visible()
        expect(rows).to_have_count(ROWS)

        with stack.running_app(settings, port=port, log=log):
            expect(banner).to_be_hidden()
            expect(rows).to_have_count(ROWS)
        tab.check()


@pytest.mark.slow
def test_a_busy_app_is_asked_again_after_the_time_that_it_names(
    browser: Browser, furnished: Furnished, tmp_path: Path
) -> None:
    """503 with Retry-After: the page says so and waits so long."""
    port = azurite.free_ports(1)[0]
    nobody = azurite.free_ports(3)
    storage = furnished.installation.connection_string
    for name, free in zip(("Blob", "Queue", "Table"), nobody, strict=True):
        head, _, tail = storage.partition(f"{name}Endpoint=")
        _, _, rest = tail.partition(";")
        storage = f"{head}{name}Endpoint=http://127.0.0.1:{free}/devstoreaccount1;{rest}"
    settings = furnished.installation.settings | {"AzureWebJobsStorage": storage}
    with (
        stack.running_app(settings, port=port, log=tmp_path / "app.log"),
        opened(browser, f"http://127.0.0.1:{port}") as tab,
    ):
        answered: list[tuple[float, str]] = []
        tab.page.on(
            "response",
            lambda answer: (
                answered.append((time.monotonic(), answer.headers.get("retry-after", "")))
                if answer.url.endswith("/api/summary")
                else None
            ),
        )
        asked: list[float] = []
        tab.page.on(
            "request", lambda each: asked.append(time.monotonic()) if "/api/summary" in each.url else None
        )
        tab.open()
        expect(tab.page.get_by_role("alert").first).to_contain_text(
            "storage is busy or unreachable", timeout=60_000
        )
        tab.page.wait_for_timeout(1000)
        assert len(asked) == 1
        with tab.page.expect_request("**/api/summary", timeout=30_000):
            pass
        at, seconds = answered[0]
        assert asked[1] - at >= int(seconds) - 0.1
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
