"""The answers of the API that grow with the installation: the list of destinations, and a year of hours."""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import batched

import orjson

from exporter.destinations.overview import DestinationQuery, list_destinations
from exporter.domain.destination import Destination, Output, Status
from exporter.domain.hour import Hour, hours_between
from exporter.domain.hour_content import HourContent, Provenance, RowCounts
from exporter.domain.hour_record import HourRecord
from exporter.domain.marker import Part
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import StreamKey
from exporter.http.destination_view import destinations_view
from exporter.http.hours import hour_view
from exporter.http.hours_summary import days_view, hours_view
from exporter.ports import Gateways
from exporter.schedule.hours_summary import summarize_hours
from exporter.schedule.ledger_view import AsOf, list_hours
from exporter.storage.clients import Account
from exporter.storage.own.ledger import LedgerTable, _row
from exporter.storage.own.specs import DESTINATIONS, SCHEDULE
from infra.local import azurite
from tests.bench.goals import Goal
from tests.bench.tables import show
from tests.support.ticking import gateways_for_ticks
from tests.support.worlds import ACME, EVENTS, HOUR, NOW

_AS_OF = AsOf(NOW, timedelta(minutes=10))
_YEAR_HOURS = 365 * 24
# The largest transaction of the table service.
_ROWS_A_TRANSACTION = 100
_TIMES = 5


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: its time and the CPU time of the app in seconds, the least of a few; its size in bytes."""

    what: str
    seconds: float
    cpu_seconds: float
    size: int


def run(*, quick: bool) -> list[Goal]:
    """Measure the answers, print the table, and return the goals."""
    print("Answers ...", flush=True)
    count, hours = (200, 30 * 24) if quick else (5_000, _YEAR_HOURS)
    found = measure(count, hours)
    show(
        "Answers of the API",
        ("answer", "ms", "ms of CPU", "kB"),
        [
            (
                each.what,
                f"{each.seconds * 1000:,.0f}",
                f"{each.cpu_seconds * 1000:,.0f}",
                f"{each.size / 1000:,.1f}",
            )
            for each in found
        ],
        "CPU is that of the app, time that of app and emulator together.",
    )
    page, _, summary, *_ = found
    return [
        Goal(9, "seconds for a page of destinations", page.seconds, most=1),
        Goal(9, "seconds for a year of hours in columns", summary.seconds, most=1),
        Goal(9, "kB of a year of hours in columns", summary.size / 1000, most=150, digits=0),
    ]


def measure(count: int, hours: int) -> list[Answered]:
    """Fill an account with destinations and with the hours of one of them, and measure."""
    with azurite.running() as endpoints, closing(Account(endpoints.connection_string)) as account:
        gateways = gateways_for_ticks(account)
        destinations = [_destination(number) for number in range(count)]
        _fill(account, gateways, destinations, hours)
        first = EVENTS, (HOUR.plus(1 - hours), HOUR)
        page, paused = DestinationQuery(), DestinationQuery(status=Status.PAUSED)

        def listed(query: DestinationQuery) -> object:
            return destinations_view(list_destinations(gateways, _AS_OF, query))

        def summary() -> object:
            return hours_view(first[0], summarize_hours(gateways, ACME, *first, as_of=_AS_OF))

        def days() -> object:
            return days_view(first[0], summarize_hours(gateways, ACME, *first, as_of=_AS_OF))

        def all_hours() -> object:
            return {"hours": [hour_view(each) for each in list_hours(gateways, ACME, *first, as_of=_AS_OF)]}

        found = [
            _answered(f"{page.limit} of {count:,} destinations, nothing owed", lambda: listed(page)),
            _answered(f"the paused one of {count:,} destinations", lambda: listed(paused)),
            _answered(f"{hours:,} hours in columns", summary),
            _answered(f"{hours:,} hours in columns, by day", days),
            _answered(f"{hours:,} hours as a list", all_hours),
        ]
        _put(account, "schedule", (SCHEDULE.encode((key,), _known(key, HOUR)) for key in _keys(destinations)))
        return [
            *found,
            _answered(f"{page.limit} of {count:,} destinations, each owes an hour", lambda: listed(page)),
        ]


def _destination(number: int) -> Destination:
    status = Status.PAUSED if number == 0 else Status.ACTIVE
    return replace(ACME, id=f"d{number:04}", org_id=None, status=status)


def _known(key: StreamKey, watermark: Hour) -> StreamProgress:
    return StreamProgress(key, HOUR.plus(-_YEAR_HOURS), watermark, reviewed_at=NOW, place=ACME.storage.place)


def _keys(destinations: Iterable[Destination]) -> Iterable[StreamKey]:
    return (key for each in destinations for key in each.streams)


def _fill(account: Account, gateways: Gateways, destinations: list[Destination], hours: int) -> None:
    """Write the rows in transactions; the first row of each table, which creates it, alone."""
    gateways.destinations.put(destinations[0], None)
    gateways.schedule.put(EVENTS, _known(EVENTS, HOUR.plus(1)))
    LedgerTable(account).put(_done(HOUR), None)
    _put(account, "destinations", (DESTINATIONS.encode((each.id,), each) for each in destinations))
    done = (SCHEDULE.encode((key,), _known(key, HOUR.plus(1))) for key in _keys(destinations))
    _put(account, "schedule", done)
    _put(account, "ledger", (_row(_done(hour)) for hour in hours_between(HOUR.plus(1 - hours), HOUR)))


def _done(hour: Hour) -> HourRecord:
    """Return an hour of the size that most hours have."""
    rows = 1_000 + 40 * hour.start.hour
    content = HourContent(
        rows=RowCounts(rows, 0, 3, hour.start.hour % 2),
        parts=(Part(f"187520_{hour.date}_{hour.start.hour}#1.json.gz", rows, 228 * rows, "m" * 24),),
        output=Output(),
        origin=Provenance(ACME.storage.place + "|", f"187520_{hour.date}_{hour.start.hour}_complete"),
    )
    claimed = HourRecord(EVENTS, hour).claimed_by("0" * 32, "schedule", NOW)
    return claimed.prepared(content, (), ()).finished(NOW)


def _put(account: Account, table: str, rows: Iterable[dict[str, object]]) -> None:
    client = account.tables.get_table_client(table)
    for some in batched(rows, _ROWS_A_TRANSACTION, strict=False):
        client.submit_transaction([("upsert", row, {"mode": "replace"}) for row in some])


def _answered(what: str, make: Callable[[], object]) -> Answered:
    """Return the fastest of a few answers."""
    seconds, cpu_seconds, body = list[float](), list[float](), b""
    for _ in range(_TIMES):
        begun, cpu_begun = time.perf_counter(), time.process_time()
        body = orjson.dumps(make())
        seconds.append(time.perf_counter() - begun)
        cpu_seconds.append(time.process_time() - cpu_begun)
    return Answered(what, min(seconds), min(cpu_seconds), len(body))
