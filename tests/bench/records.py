"""The log records that the app passes to the host, and their bytes; without the host's own records.

In Azure each is an item of telemetry that is kept and paid for.
"""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from exporter.domain.hour import Hour
from exporter.domain.hour_record import SCHEDULE, HourTask
from exporter.messages import EXPORT_HOURS
from exporter.storage.clients import Account
from exporter.storage.own.queues import Queue
from infra.local.host.worker_log import RECORDS_SETTING
from infra.local.sample import DataType, Sample
from tests.bench.goals import Goal
from tests.bench.tables import show
from tests.support.installation import App, Installation, installed, stream_key

HOURS = 4
# What an item of telemetry adds to its message: seen under the Functions host, on its way to Azure.
ITEM_BYTES = 680
# The host's own item for each invocation, which it sends whatever an app does: seen there, too.
REQUEST_BYTES = 1_095
# What a GB of telemetry costs is an assumption: Azure Monitor pricing has the price of each region.
PRICE_A_GB = 2.50
# A record that a function has handed over is in the file before its message is gone.
_SETTLE_SECONDS = 0.5
_DAYS, _TICKS_A_DAY, _HOURS_A_DAY, _STREAMS = 30, 24 * 12, 24, 2
GB = 1_000_000_000
DESTINATIONS = (10, 100, 1_000)


@dataclass(frozen=True, slots=True)
class Handed:
    """The records of one kind of work, done ``times`` times: number, bytes, loggers."""

    what: str
    times: int
    records: int
    text_bytes: int
    loggers: tuple[str, ...]

    @property
    def each(self) -> float:
        """The number of records each time."""
        return self.records / self.times

    @property
    def telemetry_bytes(self) -> float:
        """The bytes of telemetry each time."""
        return (self.text_bytes + ITEM_BYTES * self.records) / self.times


def handed(installation: Installation, records: Path, *, idle_seconds: float) -> dict[str, Handed]:
    """Export full and empty hours, tick without work, and wait; return the records of each."""
    sample = Sample(events_per_hour=10, merges_per_hour=0, blobs_per_hour=1)
    starts = installation.newest_hours(2 * HOURS)
    full, empty = starts[:HOURS], starts[HOURS:]
    for start in full:
        installation.land(sample.hour(start).files(DataType.EVENTS))
    key = stream_key("told", sample)
    found: dict[str, Handed] = {}
    settings = {RECORDS_SETTING: str(records)}
    with installation.app(**settings) as app, closing(Account(installation.connection_string)) as account:

        def export(hours: list[Hour]) -> None:
            Queue(account, EXPORT_HOURS).send(HourTask(key, hour, SCHEDULE) for hour in hours)
            app.until(lambda: _all_done(installation, hours), "all hours exported")
            app.until(lambda: installation.waiting() == 0, "no message left")

        def _all_done(installation: Installation, hours: list[Hour]) -> bool:
            return all((each := installation.ledger.get(key, hour)) and each.value.done for hour in hours)

        def count(what: str, times: int, act: Callable[[], None]) -> None:
            before = _lines(records)
            act()
            time.sleep(_SETTLE_SECONDS)
            new = _lines(records)[len(before) :]
            text_bytes = sum(len(line["message"].encode()) for line in new)
            loggers = tuple(sorted({line["logger"] for line in new}))
            found[what] = Handed(what, times, len(new), text_bytes, loggers)

        app.activate(installation.destination("told", sample, full[0], (DataType.EVENTS,)))
        # The first one makes the queues; it finds the hours, which are asked for here without it.
        count("an hour of ten events", HOURS, lambda: export([Hour(start) for start in full]))
        count("an empty hour", HOURS, lambda: export([Hour(start) for start in empty]))
        _tick(app, records)
        count("a tick with nothing to do", 1, lambda: _tick(app, records))
        count("an idle minute", 1, lambda: time.sleep(idle_seconds))
    return found


def run(folder: Path, *, quick: bool) -> list[Goal]:
    """Count the records, print the tables and return the goals."""
    with installed(folder) as installation:
        found = handed(installation, folder / "records.ndjson", idle_seconds=5 if quick else 60)
    show(
        "Log records that the app passes to the host",
        ("for", "records", "bytes of text", "bytes of telemetry"),
        [
            (
                each.what,
                f"{each.each:g}",
                f"{each.text_bytes / each.times:,.0f}",
                f"{each.telemetry_bytes:,.0f}",
            )
            for each in found.values()
        ],
    )
    show(
        "Telemetry of a month, events and merged ids of every hour",
        ("destinations", "records", "GB", "GB with requests", f"at {PRICE_A_GB:.2f} a GB"),
        [_month(found, count) for count in DESTINATIONS],
    )
    exported, tick = found["an hour of ten events"], found["a tick with nothing to do"]
    idle = found["an idle minute"]
    return [
        Goal(9, "records of an exported hour", exported.each, most=2),
        Goal(9, "records of a tick with nothing to do", tick.each, most=1),
        Goal(9, "records of an idle minute", idle.each, most=0),
    ]


def a_month(found: dict[str, Handed], destinations: int) -> tuple[float, float]:
    """Return the records and the bytes of telemetry of thirty days."""
    hour, tick = found["an hour of ten events"], found["a tick with nothing to do"]
    hours = destinations * _STREAMS * _HOURS_A_DAY * _DAYS
    ticks = _TICKS_A_DAY * _DAYS
    records = hours * hour.each + ticks * tick.each
    return records, hours * hour.telemetry_bytes + ticks * tick.telemetry_bytes


def _month(found: dict[str, Handed], destinations: int) -> tuple[str, ...]:
    """Return a row of the table. An hour and a tick are one invocation each."""
    records, telemetry_bytes = a_month(found, destinations)
    invocations = destinations * _STREAMS * _HOURS_A_DAY * _DAYS + _TICKS_A_DAY * _DAYS
    all_bytes = telemetry_bytes + REQUEST_BYTES * invocations
    sizes = [f"{size / GB:.2f}" for size in (telemetry_bytes, all_bytes)]
    return (f"{destinations:,}", f"{records:,.0f}", *sizes, f"{all_bytes / GB * PRICE_A_GB:.2f}")


def _tick(app: App, records: Path) -> None:
    """Run the timer function and wait for its last record."""
    before = sum(line["message"].startswith("tick ") for line in _lines(records))
    app.tick()
    app.until(lambda: sum(line["message"].startswith("tick ") for line in _lines(records)) > before, "a tick")


def _lines(records: Path) -> list[dict[str, str]]:
    text = records.read_text() if records.exists() else ""
    return [json.loads(line) for line in text.splitlines()]
