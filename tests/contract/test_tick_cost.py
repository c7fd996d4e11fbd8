"""What a tick costs: it reads what it needs, not what exists."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import batched
from typing import Any

import pytest
from azure.core.pipeline.transport import RequestsTransport

from exporter.domain.hour import Hour, hours_between
from exporter.domain.hour_record import HourRecord
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import StreamKey
from exporter.ports import Gateways
from exporter.schedule.planner import TickReport, queue_due_hours
from exporter.storage.clients import Account
from exporter.storage.own.ledger import LedgerTable, _row
from infra.local import azurite
from tests.support.fakes.tables import FakeLedger
from tests.support.fakes.world import World
from tests.support.ticking import gateways_for_ticks
from tests.support.worlds import ACME, HOUR, NOW

SETTLE = timedelta(minutes=10)
DESTINATIONS = 200
A_YEAR_AGO = HOUR.plus(-365 * 24)
A_QUARTER_AGO = HOUR.plus(-90 * 24)


class CountingTransport(RequestsTransport):  # type: ignore[misc]  # the SDK hides its type
    """Counts the calls that go out."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401  as the SDK has it
        """Note the call and let it go."""
        self.calls.append(f"{request.method} {request.url.partition('?')[0].rpartition('/')[2]}")
        return super().send(request, **options)


class AYearDone(FakeLedger):
    """A ledger in which every hour of every stream is done, up to some hour; counts what is read of it."""

    def __init__(self, world: World, last_done: Hour) -> None:
        super().__init__(world.writes)
        self.read = 0
        self._last_done = last_done

    def states(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Yield finished records."""
        for hour in hours_between(first, min(last, self._last_done)):
            self.read += 1
            yield HourRecord(key, hour).claimed_by("c", "schedule", NOW).finished(NOW)


def known(key: StreamKey, first: Hour, following: Hour, ledger: str) -> StreamProgress:
    """Return the progress of a stream that was reviewed today."""
    reviewed_at = NOW - timedelta(hours=1)
    return StreamProgress(
        key, first, following, ledger=ledger, reviewed_at=reviewed_at, place=ACME.container_id
    )


def tick(gateways: Gateways, now: object = NOW) -> TickReport:
    """Let the timer fire."""
    assert now is NOW
    return queue_due_hours(gateways, now=NOW, settle=SETTLE)


def test_a_tick_over_200_destinations_with_a_year_behind_them_reads_none_of_it() -> None:
    """Streams that are up to date cost nothing, those that owe an hour what was not known to be done."""
    world = World()
    for number in range(DESTINATIONS):
        destination = replace(ACME, id=f"d{number}", project_id=1 + number, org_id=1 + number)
        world.destinations.put(destination, None)
        for key in destination.streams:
            world.schedule.put(key, known(key, A_YEAR_AGO, HOUR, world.ledger.identity(NOW)))
    ledger = AYearDone(world, HOUR.plus(-1))
    gateways = replace(world.gateways, ledger=ledger)

    found = tick(gateways)

    assert (found.streams, found.due, found.queued) == (2 * DESTINATIONS, 2 * DESTINATIONS, 2 * DESTINATIONS)
    assert ledger.read == 0
    ledger.__init__(world, HOUR)  # type: ignore[misc]  # everything done now
    tick(gateways)
    assert ledger.read == 2 * DESTINATIONS
    tick(gateways)
    assert ledger.read == 2 * DESTINATIONS


@pytest.fixture(scope="module")
def transport() -> Iterator[CountingTransport]:
    """Return a transport that counts."""
    with CountingTransport() as counting:
        yield counting


@pytest.fixture(scope="module")
def gateways(transport: CountingTransport) -> Iterator[Gateways]:
    """Return the gateways of an account in which 200 destinations have a quarter of a year behind them."""
    with azurite.running() as endpoints:
        account = Account(endpoints.connection_string, transport=transport)
        gateways = gateways_for_ticks(account)
        for number in range(DESTINATIONS):
            destination = replace(ACME, id=f"d{number:03}", org_id=None)
            gateways.destinations.put(destination, None)
            for key in destination.streams:
                ledger = gateways.ledger.identity(NOW)
                gateways.schedule.put(key, known(key, A_QUARTER_AGO, HOUR.plus(1), ledger))
        _fill(account, LedgerTable(account))
        gateways.landing.create()
        yield gateways


def _fill(account: Account, ledger: LedgerTable) -> None:
    """Fill the first destination's ledger; the others' would be read no differently."""
    (key,) = replace(ACME, id="d000", org_id=None).streams
    records = [
        HourRecord(key, hour).claimed_by("c", "schedule", NOW).finished(NOW)
        for hour in hours_between(A_QUARTER_AGO, HOUR)
    ]
    ledger.put(records[0], None)
    client = account.tables.get_table_client("ledger")
    for some in batched(records[1:], 100, strict=False):
        client.submit_transaction([("upsert", _row(record)) for record in some])


def test_the_calls_of_a_tick_grow_with_what_is_owed(gateways: Gateways, transport: CountingTransport) -> None:
    """Six calls if nothing is owed; for each stream that owes an hour, one to look and one to queue it."""
    transport.calls.clear()
    assert tick(gateways) == TickReport(DESTINATIONS, 0, 0)
    assert transport.calls == [
        "GET schedule()",
        "GET breakers()",
        "GET destinations()",
        # Hours that were taken again.
        "GET schedule()",
        # Which hours sources hold open.
        "GET pullsources()",
        # Whether it is the ledger that the schedule was derived from.
        "GET ledger(PartitionKey='ledger',RowKey='ledger')",
    ]

    for number in range(3):
        key = replace(ACME, id=f"d{number:03}", org_id=None).streams[0]
        gateways.schedule.put(key, known(key, A_QUARTER_AGO, HOUR, gateways.ledger.identity(NOW)))
    transport.calls.clear()
    found = tick(gateways)
    assert (found.streams, found.due, found.queued) == (DESTINATIONS, 2, 2)
    assert len(found.behind) == 2

    counted = {call: transport.calls.count(call) for call in dict.fromkeys(transport.calls)}
    # The first stream is done up to here in the ledger: the tick learns that, and notes it.
    assert counted.pop("GET ledger()") == 3
    assert counted.pop("GET ledger(PartitionKey='ledger',RowKey='ledger')") == 1
    # Landing is looked for before anything is queued that could be taken for empty without it.
    assert counted.pop("GET landing") == 1
    assert counted.pop("GET schedule()") == 2
    assert {counted.pop(f"GET {table}()") for table in ("breakers", "destinations")} == {1}
    assert (
        sum(count for call, count in counted.items() if "messages" in call) == 2 + 1
    )  # the queue is made first
    # What was queued is noted, in a container that is made first.
    assert (counted.pop("PUT queued"), counted.pop("PUT export-state")) == (2, 1)
    assert sum(counted.values()) <= 2 + 1 + 1 + 1 + 2


def test_what_waits_costs_a_tick_no_message(gateways: Gateways, transport: CountingTransport) -> None:
    """It asks the queue for its length and its oldest message, and reads what was queued."""
    key = replace(ACME, id="d001", org_id=None).streams[0]
    gateways.schedule.put(key, known(key, A_QUARTER_AGO, HOUR, gateways.ledger.identity(NOW)))
    owing = tick(gateways).due
    transport.calls.clear()

    found = tick(gateways)

    assert (found.due, found.queued) == (owing, 0)
    assert owing
    assert [call for call in transport.calls if "messages" in call or "queued" in call] == [
        "GET queued",
        "GET messages",
    ]


def test_a_lost_schedule_costs_one_look_at_the_whole_ledger(
    gateways: Gateways, transport: CountingTransport
) -> None:
    """A quarter is three pages; afterwards the schedule is known again."""
    key = replace(ACME, id="d000", org_id=None).streams[0]
    owing = tick(gateways).due
    transport.calls.clear()
    tick(gateways)
    before = transport.calls.count("GET ledger()")
    gateways.schedule.put(key, known(key, A_QUARTER_AGO, A_QUARTER_AGO, gateways.ledger.identity(NOW)))
    transport.calls.clear()

    assert tick(gateways).due == owing

    assert transport.calls.count("GET ledger()") == before + 3
    assert gateways.schedule.get(key) == known(
        key, A_QUARTER_AGO, HOUR.plus(1), gateways.ledger.identity(NOW)
    )


def test_a_review_reads_the_ledger_of_its_stream_and_landing_s_folders(
    gateways: Gateways, transport: CountingTransport
) -> None:
    """Once a day: a quarter is three pages; the other streams cost nothing."""
    key = replace(ACME, id="d000", org_id=None).streams[0]
    progress = gateways.schedule.get(key)
    assert progress is not None
    tick(gateways)
    transport.calls.clear()
    tick(gateways)
    usual = transport.calls.count("GET ledger()")
    gateways.schedule.put(progress.key, replace(progress, reviewed_at=NOW - timedelta(days=1)))
    transport.calls.clear()

    tick(gateways)
    assert transport.calls.count("GET ledger()") == usual + 3
    transport.calls.clear()
    tick(gateways)
    assert transport.calls.count("GET ledger()") == usual
