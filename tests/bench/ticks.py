"""The cost of a tick: its calls to storage, by the number of destinations and of owed hours."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import islice

from azure.storage.blob import BlobServiceClient

from exporter.domain.hour import Hour
from exporter.domain.hour_record import StreamProgress
from exporter.domain.streams import StreamKey
from exporter.schedule.planner import queue_due_hours
from exporter.storage.clients import Account
from exporter.storage.transport import calls_made
from infra.local import azurite
from tests.bench.goals import Goal
from tests.bench.tables import show
from tests.support.ticking import gateways_for_ticks
from tests.support.worlds import ACME, HOUR, NOW

_SETTLE = timedelta(minutes=10)
_SINCE = HOUR.plus(-24)
_OWED = (0, 1, 10)


def run(*, quick: bool) -> list[Goal]:
    """Count the calls of ticks, print the table, and return the goals."""
    print("Ticks ...", flush=True)
    counts = (1, 10) if quick else (1, 10, 100, 1_000)
    found = {count: calls_of_ticks(count) for count in counts}
    show(
        "Calls to storage of one tick",
        ("destinations", *(f"{owed} hours owed" for owed in _OWED)),
        [(f"{count:,}", *(calls.get(owed, "") for owed in _OWED)) for count, calls in found.items()],
        "A destination owes an hour once an hour; a tick comes every five minutes.",
    )
    most = max(calls[0] for calls in found.values()) - found[1][0]
    return [Goal(8, f"more calls of an idle tick for {counts[-1]:,} destinations", most, most=10, digits=0)]


def calls_of_ticks(destinations: int) -> dict[int, int]:
    """Return the calls of a tick, by the number of destinations that owe an hour."""
    with azurite.running() as endpoints, closing(Account(endpoints.connection_string)) as account:
        with BlobServiceClient.from_connection_string(endpoints.connection_string) as blobs:
            blobs.create_container("landing")
        gateways = gateways_for_ticks(account)
        keys: list[StreamKey] = []
        for number in range(destinations):
            destination = replace(ACME, id=f"d{number:04}", org_id=None)
            gateways.destinations.put(destination, None)
            keys += destination.streams
        ledger = gateways.ledger.identity(NOW)

        def up_to(key: StreamKey, hour: Hour) -> StreamProgress:
            return StreamProgress(key, _SINCE, hour, ledger=ledger, reviewed_at=NOW, place=ACME.storage.place)

        for key in keys:
            gateways.schedule.put(up_to(key, HOUR.plus(1)).key, up_to(key, HOUR.plus(1)))
        found = {}
        for owed in _OWED:
            if owed <= destinations:
                for key in islice(keys, owed):
                    gateways.schedule.put(up_to(key, HOUR).key, up_to(key, HOUR))
                before = calls_made()
                queue_due_hours(gateways, now=NOW, settle=_SETTLE)
                found[owed] = calls_made() - before
    return found
