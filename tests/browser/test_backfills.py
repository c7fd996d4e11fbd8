"""Backfills on their page: progress, numbers, cancelling, and trying again. Minutes of real exports: slow."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import expect

from infra.local.sample import DataType, Sample
from tests.browser.conftest import Furnished
from tests.browser.tab import Tab
from tests.support.api_calls import asked_for
from tests.support.installation import LANDING, key_of, ok

pytestmark = pytest.mark.slow

EVENTS = (DataType.EVENTS,)
PAST = Sample(project_id=11, events_per_hour=10, merges_per_hour=0, blobs_per_hour=1)
LEASED = replace(PAST, project_id=12)
LONG = replace(PAST, project_id=13)
HOURS = 48
MILLISECONDS_MAX = 150_000


def numbers(found: dict[str, Any]) -> str:
    """Return what the page says about a backfill that has ended."""
    hours = found["hours"]
    return f"{hours['done'] + hours['empty']} of {hours['total']} hours"


def test_two_days_are_exported_again_while_someone_watches(tab: Tab, furnished: Furnished) -> None:
    """The bar only grows, and the numbers at the end are those of the API."""
    installation, app = furnished.installation, furnished.app
    starts = installation.newest_hours(HOURS)
    for start in starts:
        installation.land(PAST.hour(start))
    app.activate(installation.destination("past", PAST, starts[-1], EVENTS))
    tab.open("#/destinations/past/backfills")
    tab.page.get_by_role("button", name="Start a backfill").click()
    dialog = tab.page.get_by_role("dialog")
    first = key_of(starts[0])
    dialog.get_by_label("From", exact=True).fill(first[:10])
    dialog.get_by_label("From: hour, UTC").select_option(first[11:])
    dialog.get_by_label("To, included", exact=True).fill(key_of(starts[-1])[:10])
    dialog.get_by_label("To, included: hour, UTC").select_option(key_of(starts[-1])[11:])
    dialog.get_by_role("button", name=f"Export {HOURS} hours again").click()
    bar = tab.page.get_by_role("progressbar")
    expect(bar).to_be_visible()

    seen = [int(bar.get_attribute("aria-valuenow") or "0")]
    while not tab.page.get_by_text("succeeded", exact=True).is_visible():
        tab.page.wait_for_timeout(200)
        seen.append(int(bar.get_attribute("aria-valuenow") or "0"))
        assert len(seen) * 200 < MILLISECONDS_MAX, seen

    assert all(before <= after for before, after in pairwise(seen))
    assert len(set(seen)) > 2, "the bar moved while someone watched"
    (found,) = ok(app.api.get("/destinations/past/backfills"))["backfills"]
    assert found["hours"] == {"total": HOURS, "done": HOURS, "empty": 0, "failed": 0, "left": 0}
    expect(tab.page.get_by_text(numbers(found))).to_contain_text(f"{found['rows_exported']} rows")


def test_a_backfill_is_cancelled_on_its_page(tab: Tab, furnished: Furnished) -> None:
    """After one question; what was done stays, and what is left is counted."""
    installation, app = furnished.installation, furnished.app
    (start,) = installation.newest_hours(1)
    with installation.blobs.get_container_client(LANDING) as landing:
        landing.upload_blob(f"events/{LONG.project_id}/2012/01/01/00/none.json", b"")
    installation.land(LONG.hour(start))
    app.activate(installation.destination("long", LONG, start, EVENTS))
    where = asked_for(app, "long", {"start": "2012-01-01", "end": "2021-12-31"})
    tab.open(f"#{where}")
    bar = tab.page.get_by_role("progressbar")
    expect(bar).not_to_have_attribute("aria-valuenow", "0", timeout=MILLISECONDS_MAX)

    tab.page.get_by_role("button", name="Cancel…").click()
    tab.page.get_by_role("button", name="Cancel the backfill").click()

    expect(tab.page.get_by_text("cancelled", exact=True)).to_be_visible()
    app.until(lambda: installation.waiting("backfill-hours") == 0, "the queue drained")
    found = ok(app.api.get(where))
    assert found["status"] == "cancelled"
    assert 0 < found["hours"]["empty"] < found["hours"]["total"] == 24 * 3653
    tab.open(f"#{where}")
    total = f"{found['hours']['empty']:,} of {found['hours']['total']:,} hours"
    expect(tab.page.get_by_text(total)).to_be_visible()


def test_hours_that_failed_are_tried_again_on_the_page(tab: Tab, furnished: Furnished) -> None:
    """A leased file fails with the way to end its lease; then the same backfill succeeds."""
    installation, app = furnished.installation, furnished.app
    starts = installation.newest_hours(3)
    for start in starts:
        installation.land(LEASED.hour(start))
    app.activate(installation.destination("leased", LEASED, starts[0], EVENTS))
    app.tick()
    app.exported("leased", starts)
    container = installation.container("leased")
    name = next(
        each.name for each in container.list_blobs() if each.name.endswith(f"_{starts[1].hour}#1.json.gz")
    )
    lease = container.get_blob_client(name).acquire_lease()
    where = asked_for(app, "leased", {"start": key_of(starts[0]), "end": key_of(starts[-1])})
    tab.open(f"#{where}")
    expect(tab.page.get_by_text("failed", exact=True)).to_be_visible(timeout=MILLISECONDS_MAX)
    expect(tab.page.get_by_text("blob_leased")).to_be_visible()
    expect(tab.page.get_by_text("az storage blob lease break")).to_be_visible()
    expect(tab.page.get_by_text("2 of 3 hours")).to_be_visible()

    lease.release()
    tab.page.get_by_role("button", name="Retry what failed").click()
    tab.page.get_by_role("button", name="Try again", exact=True).click()

    expect(tab.page.get_by_text("succeeded", exact=True)).to_be_visible(timeout=MILLISECONDS_MAX)
    expect(tab.page.get_by_text("3 of 3 hours")).to_be_visible()
