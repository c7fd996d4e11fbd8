"""A large installation: 5,000 destinations, and three years of hours of one of them."""

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
from tests.support.installation import App, Installation, installed, now
from tests.support.worlds import ACME, EVENTS

pytestmark = pytest.mark.slow

DESTINATIONS_COUNT = 5_000
YEARS = 3
PAGE_SECONDS_MAX, PAGE_BYTES_MAX = 1.0, 300_000
YEAR_SECONDS_MAX = 2.0
HEAP_BYTES_MAX = 150 * 1024 * 1024
# The largest transaction of the table service.
ROWS_A_TRANSACTION = 100


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
        client.submit_transaction([("upsert", row, {"mode": "replace"}) for row in some])


def test_a_large_installation_is_shown_at_once(browser: Browser, large: App) -> None:
    """The first page of destinations, and a year of hours by day, in little memory."""
    with opened(browser, large.api.url) as tab:
        tab.open()
        expect(tab.page.get_by_role("row")).to_have_count(51, timeout=60_000)
        large.api.get("/destinations")
        tab.open()
        expect(tab.page.get_by_role("row")).to_have_count(51, timeout=60_000)
        seconds, size = tab.page.evaluate(
            """() => {
                const [found] = performance.getEntriesByType("resource")
                    .filter((each) => each.name.endsWith("/api/destinations"));
                return [(found.responseEnd - found.requestStart) / 1000, found.decodedBodySize];
            }"""
        )
        assert seconds < PAGE_SECONDS_MAX
        assert size < PAGE_BYTES_MAX

        tab.page.get_by_role("button", name="Show more").click()
        expect(tab.page.get_by_role("row")).to_have_count(101)

        tab.open(f"#/destinations/acme?show={now().year - 1}")
        grid = tab.page.get_by_role("grid")
        expect(grid).to_be_visible(timeout=60_000)
        milliseconds = tab.page.evaluate("performance.now()")
        expect(tab.page.locator("[data-key]")).to_have_count(366 if isleap(now().year - 1) else 365)
        assert milliseconds < YEAR_SECONDS_MAX * 1000
        for _ in range(6):
            tab.page.get_by_role("button", name="Earlier").click()
            expect(tab.page.locator("[data-key]").first).to_be_visible()
        heap = tab.page.evaluate("performance.memory.usedJSHeapSize")
        assert heap < HEAP_BYTES_MAX
        tab.check()
