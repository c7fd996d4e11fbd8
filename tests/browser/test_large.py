"""A large installation: 5,000 destinations, and three years of hours of one of them."""

import json
from calendar import isleap
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import batched
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from exporter.domain.hour import Hour, hours_between
from exporter.domain.hour_content import HourContent, Provenance, RowCounts
from exporter.domain.hour_record import HourRecord
from exporter.domain.marker import Part
from exporter.domain.stream_progress import StreamProgress
from exporter.storage.clients import Account
from exporter.storage.own.destinations import DestinationsTable
from exporter.storage.own.ledger import LedgerTable, _row
from exporter.storage.own.specs import DESTINATIONS, SCHEDULE, schedule_table
from tests.browser.tab import opened
from tests.support.installation import App, Installation, installed, now, ok
from tests.support.worlds import ACME, EVENTS

# The emulator takes minutes for 36,000 rows: it looks through all rows of a partition for each new one.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]

DESTINATIONS_COUNT = 5_000
YEARS = 3
PAGE_SECONDS_MAX, PAGE_BYTES_MAX = 1.0, 300_000
YEAR_SECONDS_MAX = 2.0
TIMES = 5
MILLISECONDS_MAX = 60_000
# The titles of the columns, 50 destinations, and the button that shows more.
ROWS_OF_A_PAGE = 52
HEAP_BYTES_MAX = 150 * 1024 * 1024
# The largest transaction of the table service.
ROWS_A_TRANSACTION = 100


@pytest.fixture(scope="module", autouse=True)
def tidied() -> None:
    """Leave the shared app alone: this file has its own."""


@pytest.fixture(scope="module")
def large(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Run an app whose tables were filled directly."""
    assert browser.is_connected()
    with installed(tmp_path_factory.mktemp("large")) as installation:
        _fill(installation)
        with installation.app() as app:
            yield app


def _fill(installation: Installation) -> None:
    newest = Hour(installation.newest_hours(1)[0])
    first = newest.plus(-YEARS * 365 * 24)
    made = [
        replace(ACME, id=f"d{number:04}", org_id=None, created_at=first.start, activated_at=first.start)
        for number in range(1, DESTINATIONS_COUNT)
    ]
    acme = replace(ACME, org_id=None, created_at=first.start, activated_at=first.start)
    with closing(Account(installation.connection_string)) as account:
        ledger = LedgerTable(account).identity(now())
        known = StreamProgress(
            EVENTS,
            first,
            newest.plus(1),
            ledger=ledger,
            reviewed_at=now(),
            place=ACME.storage.place,
        )
        # The first row of each table creates it.
        DestinationsTable(account).put(acme, None)
        schedule_table(account).put(EVENTS, known)
        LedgerTable(account).put(_done(newest), None)
        _put(account, "destinations", (DESTINATIONS.encode((each.id,), each) for each in made))
        keys = [key for each in made for key in each.streams]
        _put(account, "schedule", (SCHEDULE.encode((key,), replace(known, key=key)) for key in keys))
        _put(account, "ledger", (_row(_done(hour)) for hour in hours_between(first, newest.plus(-1))))


def _done(hour: Hour) -> HourRecord:
    rows = 1_000 + 40 * hour.start.hour
    content = HourContent(
        rows=RowCounts(rows, 0, 3, 0),
        parts=(Part(f"187520_{hour.date}_{hour.start.hour}#1.json.gz", rows, 228 * rows, "m" * 24),),
        origin=Provenance(ACME.storage.place + "|", f"187520_{hour.date}_{hour.start.hour}_complete"),
    )
    claimed = HourRecord(EVENTS, hour).claimed_by("0" * 32, "schedule", hour.plus(1).start)
    return claimed.prepared(content, (), ()).finished(hour.plus(1).start)


def _put(account: Account, table: str, rows: Iterable[dict[str, Any]]) -> None:
    client = account.tables.get_table_client(table)
    for some in batched(rows, ROWS_A_TRANSACTION, strict=False):
        client.submit_transaction([("create", row) for row in some])


def _least_seconds(app: App, path: str) -> tuple[float, int]:
    """Return the seconds that the app itself works for an answer, the least of a few times, and its bytes.

    Not those of the emulator, which looks through a whole table for each thousand rows.
    """
    seconds, size = [], 0
    for _ in range(TIMES):
        before = app.worker.cpu_times()
        size = len(json.dumps(ok(app.api.get(path))))
        after = app.worker.cpu_times()
        seconds.append(after.user + after.system - before.user - before.system)
    return min(seconds), size


def test_a_large_installation_is_answered_at_once(large: App) -> None:
    """The first page of destinations, and a year of hours by day."""
    year = now().year - 1

    page, page_bytes = _least_seconds(large, "/destinations")
    path = f"/destinations/acme/hours/summary?from={year}-01-01T00&to={year}-12-31T23&by=day"
    hours, _ = _least_seconds(large, path)

    assert page < PAGE_SECONDS_MAX
    assert page_bytes < PAGE_BYTES_MAX
    assert hours < YEAR_SECONDS_MAX


def test_a_large_installation_is_shown_in_little_memory(browser: Browser, large: App) -> None:
    """Page by page, and year by year."""
    with opened(browser, large.api.url) as tab:
        tab.page.set_default_timeout(MILLISECONDS_MAX)
        tab.open()
        rows = tab.page.get_by_role("row")
        expect(rows).to_have_count(ROWS_OF_A_PAGE, timeout=MILLISECONDS_MAX)
        tab.page.get_by_role("button", name="Show more").click()
        expect(rows).to_have_count(2 * ROWS_OF_A_PAGE - 2, timeout=MILLISECONDS_MAX)
        year = now().year - 1
        tab.open(f"#/destinations/acme?show={year}")
        days = tab.page.locator("[data-key]")
        expect(days).to_have_count(366 if isleap(year) else 365, timeout=MILLISECONDS_MAX)
        for _ in range(YEARS):
            tab.page.get_by_role("button", name="Earlier").click()
            expect(days.first).to_be_visible(timeout=MILLISECONDS_MAX)
        heap = tab.page.evaluate("performance.memory.usedJSHeapSize")

        assert heap < HEAP_BYTES_MAX
        tab.check()
