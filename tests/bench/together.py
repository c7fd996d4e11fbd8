"""Many hours at once: small ones with a distant customer's storage, and large ones with much CPU."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from exporter.domain.hour import Hour
from exporter.domain.hour_task import SCHEDULE, HourTask
from exporter.messages import EXPORT_HOURS
from exporter.storage.clients import Account
from exporter.storage.own.queues import Queue
from infra.local.sample import DataType, Sample
from tests.bench.distance import AWAY_SECONDS, away
from tests.bench.lab import LabError
from tests.bench.memory import PeakWatch
from tests.bench.tables import megabytes, show
from tests.support.installation import Installation, installed, stream_key

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
        destination = installation.destination("many", sample, starts[0], (DataType.EVENTS,))
        if load.away:
            far = running.enter_context(away(installation.endpoints, load.away, blobs_alone=True))
            destination["credentials"]["connection_string"] = far.endpoints.connection_string
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
            begins = [record.work.started_at for record in found if record.work.started_at]
            ends = [record.finished_at for record in found if record.finished_at]
            return (max(ends) - min(begins)).total_seconds()
        time.sleep(0.5)
    raise LabError(f"not all of {len(hours)} hours were exported within {SECONDS_MAX} s")
