"""Many hours at once: small ones with a distant customer's storage, and large ones with much CPU."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from exporter.domain.hour import Hour
from exporter.domain.hour_record import SCHEDULE, HourTask
from exporter.messages import EXPORT_HOURS
from exporter.storage.clients import Account
from exporter.storage.own.queues import Queue
from infra.local import azurite
from infra.local.azurite import Endpoints
from infra.local.sample import DataType, Sample
from tests.bench.lab import LabError
from tests.bench.memory import PeakWatch
from tests.bench.tables import megabytes, show
from tests.support.installation import Installation, installed, stream_key

# The round-trip time to a customer's storage in another region.
AWAY_SECONDS = 0.020
SECONDS_MAX = 900
# (batchSize, newBatchThreshold) of host.json.
BATCHES = ((1, 0), (8, 4))


@dataclass(frozen=True, slots=True)
class Load:
    """A number of hours, their events, and the round-trip time to the storage in seconds."""

    name: str
    hours: int
    events: int
    away: float


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of a load: wall seconds, and the worker's peak in bytes."""

    seconds: float
    peak: int


def loads(*, quick: bool) -> tuple[Load, ...]:
    """Return the loads to measure."""
    small, large = (24, 2) if quick else (120, 8)
    return (
        Load("small, here", small, 10, 0.0),
        Load("small, 20 ms away", small, 10, AWAY_SECONDS),
        Load("large, here", large, 10_000 if quick else 60_000, 0.0),
    )


def run(folder: Path, *, quick: bool) -> None:
    """Measure each load with each batch size, and print them side by side."""
    rows = []
    for load in loads(quick=quick):
        found = [
            _measured(folder / f"{load.hours}-{load.events}-{size}", load, size, rest)
            for size, rest in BATCHES
        ]
        one, many = found
        rows.append(
            (
                load.name,
                load.hours,
                load.events,
                *(f"{load.hours / each.seconds:.1f}" for each in found),
                f"{one.seconds / many.seconds:.2f}",
                *(megabytes(each.peak) for each in found),
            )
        )
    sizes = [f"batch {size}/{rest}" for size, rest in BATCHES]
    show(
        "Many hours at once",
        (
            "hours",
            "count",
            "events",
            *(f"hours/s, {each}" for each in sizes),
            "ratio",
            *(f"peak MB, {each}" for each in sizes),
        ),
        rows,
    )


def _measured(folder: Path, load: Load, size: int, rest: int) -> Ran:
    folder.mkdir(parents=True, exist_ok=True)
    sample = Sample(events_per_hour=load.events, merges_per_hour=0, blobs_per_hour=1)
    with ExitStack() as running:
        installation = running.enter_context(installed(folder))
        starts = installation.newest_hours(load.hours)
        for start in starts:
            installation.land(sample.hour(start).files(DataType.EVENTS))
        away = running.enter_context(_away(installation.endpoints, load.away))
        destination = installation.destination("many", sample, starts[0], (DataType.EVENTS,))
        destination["credentials"]["connection_string"] = away.connection_string
        queues = "AzureFunctionsJobHost__extensions__queues__"
        settings = {f"{queues}batchSize": str(size), f"{queues}newBatchThreshold": str(rest)}
        # Any port: also the port of the distant storage.
        settings["DESTINATION_HOSTS"] = "127.0.0.1"
        app = running.enter_context(installation.app(**settings))
        app.activate(destination)
        with PeakWatch(app.worker.pid) as watch:
            seconds = _exported(installation, sample, starts)
            return Ran(seconds, watch.peak())


def _exported(installation: Installation, sample: Sample, starts: list[datetime]) -> float:
    """Queue all hours at once; return the seconds between the first start and the last end."""
    key, hours = stream_key("many", sample), [Hour(start) for start in starts]
    account = Account(installation.connection_string)
    Queue(account, EXPORT_HOURS).send(HourTask(key, hour, SCHEDULE) for hour in hours)
    account.close()
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        records = list(installation.ledger.states(key, hours[0], hours[-1]))
        if len(records) == len(hours) and all(record.done for record in records):
            found = [each.value for hour in hours if (each := installation.ledger.get(key, hour))]
            begins = [record.started_at for record in found if record.started_at]
            ends = [record.finished_at for record in found if record.finished_at]
            return (max(ends) - min(begins)).total_seconds()
        time.sleep(0.5)
    raise LabError(f"not all of {len(hours)} hours were exported within {SECONDS_MAX} s")


@contextmanager
def _away(endpoints: Endpoints, seconds: float) -> Iterator[Endpoints]:
    """Delay everything that is sent to the blob service."""
    if not seconds:
        yield endpoints
        return
    port = azurite.free_ports(1)[0]
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", endpoints.blob_port)
        await asyncio.gather(_passed_on(reader, far_writer, seconds), _passed_on(far_reader, writer, 0.0))

    async def serve() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", port)
        ready.set()
        async with server:
            await server.serve_forever()

    def main() -> None:
        asyncio.set_event_loop(loop)
        serving = loop.create_task(serve())
        loop.run_forever()
        for task in (serving, *asyncio.all_tasks(loop)):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop), return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=main, name="away", daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield Endpoints(port, endpoints.queue_port, endpoints.table_port)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Pass on each piece so many seconds after it came."""
    loop = asyncio.get_running_loop()
    while piece := await reader.read(2**16):
        loop.call_later(seconds, writer.write, piece)
    loop.call_later(seconds, writer.close)
