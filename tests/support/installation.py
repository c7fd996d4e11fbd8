"""An installation of the app: a storage account, settings, and the real app as a process.

The account is our own and the customers', too. ``customer_files`` reads what was exported.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psutil
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueClient

from exporter.domain import data_types
from exporter.domain.breaker import CLOSED
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import Stream, StreamKey
from exporter.storage.clients import Account
from exporter.storage.own.destinations import DestinationsTable
from exporter.storage.own.ledger import LedgerTable
from exporter.storage.own.specs import breakers_table, schedule_table
from infra.local import azurite, stack
from infra.local.api import Answer, Api
from infra.local.azurite import Endpoints
from infra.local.sample import DataType, LandingFile, Sample, to_container

WAIT_SECONDS_MAX = 60.0
PAUSE_SECONDS_MAX = 0.25
LANDING = "landing-zone"
# The schedule of a test that runs the tick itself: 29 February.
BY_HAND = "0 0 0 29 2 *"
DONE = frozenset({"exported", "empty"})
BOTH = (DataType.EVENTS, DataType.MERGED_IDS)

type Json = dict[str, Any]


def now() -> datetime:
    """Return the real time, which the app under test uses, too."""
    return datetime.now(UTC)  # noqa: TID251  what the app finds owed depends on the real time


def eventually[T](look: Callable[[], T], what: str, seconds: float = WAIT_SECONDS_MAX) -> T:
    """Call ``look`` until its result is true, and return the result."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still not after {seconds:.0f} s: {what}")
        time.sleep(pause)
        pause = min(1.2 * pause, PAUSE_SECONDS_MAX)
    return seen


@dataclass(frozen=True, slots=True)
class App:
    """The running app with its API, its log and its process."""

    running: stack.RunningApp

    @property
    def api(self) -> Api:
        """The client of the API."""
        return self.running.api

    @property
    def log(self) -> str:
        """The log of the host and its workers so far."""
        return self.running.log.read_text(errors="replace")

    @property
    def worker(self) -> psutil.Process:
        """The worker process: the host's only child. Waits until it is started."""

        def one() -> psutil.Process | None:
            children = psutil.Process(self.running.process.pid).children()
            return children[0] if len(children) == 1 else None

        found = self.until(one, "one worker process")
        assert found is not None
        return found

    def until[T](self, look: Callable[[], T], what: str, seconds: float = WAIT_SECONDS_MAX) -> T:
        """Call ``look`` until its result is true; if it never is, fail with the end of the app's log."""

        def alive() -> T:
            assert self.running.process.poll() is None, "the host has ended"
            return look()

        try:
            return eventually(alive, what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}. The app's log ends with:\n{self.log[-4000:]}") from error

    def tick(self) -> None:
        """Run the timer function."""
        answer = self.api.fire("tick")
        assert answer.status == 202, answer

    def activate(self, destination: Json) -> Json:
        """Create and activate a destination; return the API's answer."""
        path = f"/destinations/{destination['id']}"
        made = self.api.put(path, destination)
        assert made.status in {200, 201}, made
        activated = self.api.post(f"{path}/activate")
        assert activated.status == 200, activated
        return dict(activated.body)

    def destination(self, destination_id: str) -> Json:
        """Return a destination."""
        return dict(ok(self.api.get(f"/destinations/{destination_id}")))

    def hours(self, destination_id: str, starts: Iterable[datetime]) -> list[Json]:
        """Return the ledger's rows of these hours, of both data types, oldest first."""
        keys = [key_of(start) for start in starts]
        path = f"/destinations/{destination_id}/hours?from={min(keys)}&to={max(keys)}"
        return [hour for hour in ok(self.api.get(path))["hours"] if hour["hour"] in keys]

    def exported(
        self, destination_id: str, starts: Iterable[datetime], seconds: float = WAIT_SECONDS_MAX
    ) -> list[Json]:
        """Wait until the ledger has these hours as done, and return its rows."""
        wanted = list(starts)

        def done() -> list[Json]:
            hours = self.hours(destination_id, wanted)
            return hours if all(hour["status"] in DONE for hour in hours) else []

        return self.until(done, f"all hours of {destination_id} exported", seconds)


def ok(answer: Answer) -> Any:  # noqa: ANN401  JSON
    """Return the body of an answer; fail unless the answer is a success."""
    assert answer.status == 200, answer
    return answer.body


def key_of(start: datetime) -> str:
    """Return the form in which API, ledger and markers write an hour."""
    return f"{start:%Y-%m-%dT%H}"


class Installation:
    """A storage account with landing data and customers' containers, and settings for the app."""

    def __init__(self, endpoints: Endpoints, folder: Path, at: datetime) -> None:
        self.endpoints = endpoints
        self.connection_string = endpoints.connection_string
        self.blobs = BlobServiceClient.from_connection_string(endpoints.connection_string)
        self._own = Account(endpoints.connection_string)
        self.ledger = LedgerTable(self._own)
        self._folder = folder
        self._starts = count(1)
        # No hour closes in the half hour after ``at``, so none closes during a test.
        self.at = at
        self.settle_minutes = (at.minute - 30) % 60
        self._newest = Hour.containing(at - timedelta(minutes=self.settle_minutes)).plus(-1)
        self.settings = stack.settings_for(endpoints) | {
            "LANDING_CONTAINER": LANDING,
            # Any port: a test may put a proxy between the app and the storage.
            "DESTINATION_HOSTS": "127.0.0.1,localhost",
            "EXPORT_SCHEDULE": BY_HAND,
            "PULL_HOSTS": "127.0.0.1,localhost",
            "PULL_SCHEDULE": BY_HAND,
            "SETTLE_MINUTES": str(self.settle_minutes),
            # The host polls often, and the message of a killed worker is visible again soon.
            "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.1",
            "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01",
            "FUNCTIONS_LOCAL_LEASE_SECONDS": "5",
            # Tests count the host's records of these functions.
            "AzureFunctionsJobHost__logging__logLevel__Function.export_hour": "Information",
            "AzureFunctionsJobHost__logging__logLevel__Function.tick": "Information",
        }
        self.blobs.create_container(LANDING)

    def close(self) -> None:
        """Close the connections."""
        self.blobs.close()
        self._own.close()

    def newest_hours(self, number: int) -> list[datetime]:
        """Return the newest closed hours, oldest first."""
        return [self._newest.plus(back).start for back in range(1 - number, 1)]

    @contextmanager
    def app(self, *arguments: str, **settings: str | None) -> Iterator[App]:
        """Run the app with these settings besides the usual ones; None removes a setting."""
        port = azurite.free_ports(1)[0]
        log = self._folder / f"app-{next(self._starts)}.log"
        changed = {**self.settings, **settings}
        wanted = {name: value for name, value in changed.items() if value is not None}
        with stack.running_app(wanted, port=port, log=log, arguments=arguments) as running:
            yield App(running)

    def land(self, files: Iterable[LandingFile]) -> None:
        """Write files into the landing container, as sources do."""
        with self.blobs.get_container_client(LANDING) as landing:
            to_container(landing, files)

    def container(self, name: str) -> ContainerClient:
        """Return a customer's container, which is created if it does not exist."""
        with suppress(ResourceExistsError):
            self.blobs.create_container(name)
        return self.blobs.get_container_client(name)

    def destination(
        self,
        destination_id: str,
        sample: Sample,
        first: datetime,
        data_types: tuple[DataType, ...] = BOTH,
        **output: Any,  # noqa: ANN401  options of all types
    ) -> Json:
        """Return the body of a new destination. Its container exists; its schedule begins with ``first``.

        A destination that is activated today owes the events of today and later, but tests need hours that
        are over, whatever the time is. Its schedule counts as reviewed: it does not owe what other tests have
        landed earlier.
        """
        prefix = output.pop("prefix", "")
        self.container(destination_id)
        sources = {DataType.EVENTS: sample.project_id, DataType.MERGED_IDS: sample.org_id}
        for data_type in data_types:
            key = stream_key(destination_id, sample, data_type)
            ledger = self.ledger.identity(now())
            progress = StreamProgress(key, Hour(first), Hour(first), ledger=ledger, reviewed_at=now())
            schedule_table(self._own).put(progress.key, progress)
        names = {DataType.EVENTS: "project_id", DataType.MERGED_IDS: "org_id"}
        return {
            "id": destination_id,
            "name": f"Test: {destination_id}",
            **{each.value: {names[each]: sources[each]} for each in data_types},
            "storage": {"container": destination_id, "prefix": prefix},
            "credentials": {"type": "connection_string", "connection_string": self.connection_string},
            "output": output,
        }

    def activated_at(self, destination_id: str, start: datetime) -> None:
        """Change when a destination was activated: it owes the events from that day on.

        A destination without a schedule owes today's otherwise. Shortly after midnight, the hours of a test
        are yesterday's.
        """
        destinations = DestinationsTable(self._own)
        found = destinations.get(destination_id)
        assert found is not None, f"there is no destination {destination_id}"
        destinations.put(replace(found.value, activated_at=start), found.etag)

    def forget_schedule(self) -> None:
        """Delete the stored schedules, so that streams begin where the app calculates."""
        schedule = schedule_table(self._own)
        for key in schedule.all():
            schedule.forget(key)

    def breakers_are_there(self) -> None:
        """Create the table of breakers, which the app creates with the first fault."""
        breakers_table(self._own).put("no-destination", CLOSED)

    def waiting(self, name: str = "export-hours") -> int:
        """Return the number of messages in a queue, including hidden ones."""
        with QueueClient.from_connection_string(self.connection_string, name) as queue:
            return queue.get_queue_properties().approximate_message_count or 0

    def let_time_pass(self, key: StreamKey, start: datetime) -> None:
        """End the claim and the back-off of an hour in the ledger, as if time had passed.

        End the destination's back-off, too.
        """
        found = self.ledger.get(key, Hour(start))
        assert found is not None, f"the ledger has no {start} of {key}"
        self.ledger.put(_aged(found.value), found.etag)
        breakers = breakers_table(self._own)
        breaker = breakers.get(key.destination_id)
        if breaker.retry_at:
            breakers.put(key.destination_id, replace(breaker, retry_at=now() - timedelta(seconds=1)))


def _aged(record: HourRecord) -> HourRecord:
    past = now() - timedelta(seconds=1)
    claim = replace(record.work.claim, until=past) if record.work.claim else None
    work = replace(record.work, claim=claim, retry_at=past if record.work.retry_at else None)
    return replace(record, work=work)


@contextmanager
def installed(folder: Path, at: datetime | None = None, data: Path | None = None) -> Iterator[Installation]:
    """Start a storage emulator and yield an installation on it. Everything is deleted at the end.

    With a ``data`` folder, the emulator keeps its blobs there instead of in memory.
    """
    with azurite.running(data) as endpoints:
        installation = Installation(endpoints, folder, at or now())
        try:
            yield installation
        finally:
            installation.close()


def stream_key(destination_id: str, sample: Sample, data_type: DataType = DataType.EVENTS) -> StreamKey:
    """Return the ledger's key of the stream that a destination gets of a sample."""
    source = sample.project_id if data_type is DataType.EVENTS else sample.org_id
    return StreamKey(destination_id, Stream(data_types.DataType(data_type), source))
