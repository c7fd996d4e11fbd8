"""``make run`` and its page, as someone uses them who has never seen the project: slow.

The failing destination is mended, a new one is made, and two days are exported to it. What a person needs for
that stands on the page or in what ``make run`` prints.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from infra.local import azurite
from infra.local.api import Api
from tests.browser.tab import Tab, opened
from tests.support.installation import now, ok

# An installation, several weeks of hours and a walk of many pages: minutes on a busy machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROJECT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 170.0
MILLISECONDS_MAX = 120_000


@pytest.fixture(scope="module", autouse=True)
def tidied() -> None:
    """Leave the shared app alone: this file has its own."""


@dataclass(frozen=True, slots=True)
class Run:
    """A running ``make run``: its API, and what it has printed."""

    api: Api
    printed: str

    def after(self, text: str) -> str:
        """Return the line after the one with a text."""
        found = re.search(rf"^.*{re.escape(text)}.*\n\s*(\S.*)$", self.printed, re.MULTILINE)
        assert found, self.printed
        return found[1]


@contextmanager
def make_run(folder: Path, *options: str) -> Iterator[Run]:
    """Run what ``make run`` runs, until it serves."""
    port, output = azurite.free_ports(1)[0], folder / "output"
    command = [sys.executable, "-m", "infra.local.demo", "--port", str(port), "--events-per-hour", "40"]
    with output.open("w") as into:
        running = subprocess.Popen([*command, *options], cwd=PROJECT, stdout=into, stderr=into)  # noqa: S603  ours
    try:
        ends = time.monotonic() + SECONDS_MAX
        while "until Ctrl-C" not in output.read_text():
            assert running.poll() is None, output.read_text()
            assert time.monotonic() < ends, output.read_text()
            time.sleep(0.5)
        printed = output.read_text()
        assert f"http://127.0.0.1:{port}/console/" in printed
        yield Run(Api(f"http://127.0.0.1:{port}"), printed)
    finally:
        running.terminate()
        running.wait(60)


@pytest.fixture
def run(tmp_path: Path, browser: Browser) -> Iterator[Run]:
    """Yield a ``make run`` with sources."""
    assert browser.is_connected()
    with make_run(tmp_path, "--source") as found:
        yield found


def test_a_stranger_mends_a_destination_makes_one_and_fills_its_grid(browser: Browser, run: Run) -> None:
    """From the overview on, by what the page says; nothing is wrong in the browser meanwhile."""
    with opened(browser, run.api.url) as tab:
        mend_the_destination(tab, run)
        mend_the_source(tab, run)
        make_a_destination(tab, run)
        backfill_two_days(tab, run)
        tab.check()


def mend_the_destination(tab: Tab, run: Run) -> None:
    """Find out why it fails, and name the container that its customer has by now."""
    page = tab.page
    tab.open()
    needing = page.get_by_role("region", name="Needs you")
    expect(needing).to_contain_text("container_not_found")
    needing.get_by_role("link", name="Demo: container is").click()
    tab.title("Demo: container is demo-moved now")
    page.get_by_role("link", name="Configuration").click()
    page.get_by_role("textbox", name="Container", exact=True).fill("demo-moved")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(re.compile("^Saved"))).to_be_visible(timeout=MILLISECONDS_MAX)
    page.get_by_role("link", name="Hours", exact=True).click()
    # As the timer does within five minutes.
    run.api.fire("tick")
    expect(page.get_by_role("gridcell", name=re.compile("exported")).first).to_be_visible(
        timeout=MILLISECONDS_MAX
    )
    expect(page.get_by_role("gridcell", name=re.compile("failed"))).to_have_count(0, timeout=MILLISECONDS_MAX)


def mend_the_source(tab: Tab, run: Run) -> None:
    """Its error is on the overview; the right key was printed."""
    page = tab.page
    tab.open()
    needing = page.get_by_role("region", name="Sources that need you")
    expect(needing).to_contain_text("credentials")
    needing.get_by_role("link", name="demo-wrong-key").click()
    page.get_by_role("link", name="Enter the keys").click()
    page.get_by_label("Secret key").fill(run.after("demo-wrong-key. The right one"))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(re.compile("^Saved"))).to_be_visible(timeout=MILLISECONDS_MAX)
    page.get_by_role("link", name="Hours", exact=True).click()
    run.api.fire("pull_tick")
    expect(page.get_by_role("gridcell", name=re.compile("pulled")).first).to_be_visible(
        timeout=MILLISECONDS_MAX
    )


def make_a_destination(tab: Tab, run: Run) -> None:
    """By the wizard, to the container that was printed."""
    page = tab.page
    tab.open()
    page.get_by_role("link", name="New destination").click()
    page.get_by_label("Name").fill("My own")
    # The projects that have landed are offered.
    page.get_by_label("Project").fill("187520")
    for step in ("Filter", "Schema", "Credentials"):
        page.get_by_role("button", name=f"Next: {step}").click()
        tab.title(f"New destination: {step}")
    page.get_by_label("How the exporter signs in").select_option("connection_string")
    connection_string = run.after("by the connection string")
    page.get_by_label("Connection string", exact=True).last.fill(connection_string)
    page.get_by_role("button", name="Next: Container").click()
    page.get_by_role("textbox", name="Container", exact=True).fill("demo-own")
    page.get_by_role("button", name="Next: Test upload").click()
    expect(page.get_by_text("The container is ready.")).to_be_visible(timeout=MILLISECONDS_MAX)
    page.get_by_role("button", name="Next: Activate").click()
    page.get_by_role("button", name="Activate", exact=True).click()
    tab.title("My own")
    assert ok(run.api.get("/destinations/my-own"))["status"] == "active"


def backfill_two_days(tab: Tab, run: Run) -> None:
    """Watch two days of last week on the page of the backfill, then look at them in the grid."""
    page, day = tab.page, now().astimezone(UTC) - timedelta(days=4)
    days = [day, day + timedelta(days=1)]
    page.get_by_role("link", name="Backfills").click()
    page.get_by_role("button", name="Start a backfill").click()
    dialog = page.get_by_role("dialog")
    fill_range(page, days)
    dialog.get_by_role("button", name="Export 48 hours again").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_text("succeeded", exact=True)).to_be_visible(timeout=MILLISECONDS_MAX)
    expect(page.get_by_text("48 of 48 hours")).to_be_visible()
    for each in days:
        tab.open(f"#/destinations/my-own?show={each:%Y-%m}")
        row = page.get_by_role("row").filter(has=page.locator(f"[data-key^='{each:%Y-%m-%d}']"))
        expect(row.get_by_role("gridcell", name=re.compile("exported"))).to_have_count(24)
    found = ok(run.api.get("/destinations/my-own/backfills"))["backfills"]
    assert [each["status"] for each in found] == ["succeeded"]


def fill_range(page: Page, days: list[datetime]) -> None:
    """Fill in the first and the last hour of some days."""
    for label, day, hour in (("From", days[0], "00"), ("To, included", days[-1], "23")):
        page.get_by_label(label, exact=True).fill(f"{day:%Y-%m-%d}")
        page.get_by_label(f"{label}: hour, UTC").select_option(hour)
