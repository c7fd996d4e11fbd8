"""An installation of the app: a storage account, settings, and the real app as a process, started at will.

The account plays our own and the customers' at once. Nothing here reads what was exported: see ``reading``.
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

from exporter.domain import streams
from exporter.domain.breaker import CLOSED
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord, StreamProgress
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
# The schedule of a test that fires the tick by hand: on a day that comes every four years.
BY_HAND = "0 0 0 29 2 *"
DONE = frozenset({"exported", "empty"})
BOTH = (DataType.EVENTS, DataType.MERGED_IDS)

type Json = dict[str, Any]


def now() -> datetime:
    """Return the time: the app under test has a real clock, too."""
    return datetime.now(UTC)  # noqa: TID251  what the app finds owed depends on the real time


def eventually[T](look: Callable[[], T], what: str, seconds: float = WAIT_SECONDS_MAX) -> T:
    """Look again and again until there is something, and return it."""
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
    """The running app, as its callers and its operator see it."""

    running: stack.RunningApp

    @property
    def api(self) -> Api:
        """The way in."""
        return self.running.api

    @property
    def log(self) -> str:
        """All that the host and its workers said so far."""
        return self.running.log.read_text(errors="replace")

    @property
    def worker(self) -> psutil.Process:
        """The process that runs the functions: the host's only child, once it is there."""

        def one() -> psutil.Process | None:
            children = psutil.Process(self.running.process.pid).children()
            return children[0] if len(children) == 1 else None

        found = self.until(one, "one worker process")
        assert found is not None
        return found

    def until[T](self, look: Callable[[], T], what: str, seconds: float = WAIT_SECONDS_MAX) -> T:
        """Look until there is something; if there never is, fail with what the app said last."""

        def alive() -> T:
            assert self.running.process.poll() is None, "the host has ended"
            return look()

        try:
            return eventually(alive, what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}. The app said last:\n{self.log[-4000:]}") from error

    def tick(self) -> None:
        """Fire the timer by hand."""
        answer = self.api.fire("tick")
        assert answer.status == 202, answer

    def activate(self, destination: Json) -> Json:
        """Make a destination and activate it; return what the API says of it."""
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
        """Return what the ledger says of these hours, of both data types, oldest first."""
        keys = [key_of(start) for start in starts]
        path = f"/destinations/{destination_id}/hours?from={min(keys)}&to={max(keys)}"
        return [hour for hour in ok(self.api.get(path))["hours"] if hour["hour"] in keys]

    def exported(
        self, destination_id: str, starts: Iterable[datetime], seconds: float = WAIT_SECONDS_MAX
    ) -> list[Json]:
        """Wait until the ledger says that these hours are done, and return what it says."""
        wanted = list(starts)

        def done() -> list[Json]:
            hours = self.hours(destination_id, wanted)
            return hours if all(hour["status"] in DONE for hour in hours) else []

        return self.until(done, f"all hours of {destination_id} exported", seconds)


def ok(answer: Answer) -> Any:  # noqa: ANN401  JSON
    """Return the body of an answer that is as it should be."""
    assert answer.status == 200, answer
    return answer.body


def key_of(start: datetime) -> str:
    """Return how API, ledger and markers write an hour."""
    return f"{start:%Y-%m-%dT%H}"


class Installation:
    """A storage account with landing data and customers' containers, on which the app is started."""

    def __init__(self, endpoints: Endpoints, folder: Path, at: datetime) -> None:
        self.endpoints = endpoints
        self.connection_string = endpoints.connection_string
        self.blobs = BlobServiceClient.from_connection_string(endpoints.connection_string)
        self._own = Account(endpoints.connection_string)
        self.ledger = LedgerTable(self._own)
        self._folder = folder
        self._starts = count(1)
        # No hour closes within the half hour after ``at``, so that none does in the middle of a test.
        self.at = at
        self.settle_minutes = (at.minute - 30) % 60
        self._newest = Hour.containing(at - timedelta(minutes=self.settle_minutes)).plus(-1)
        self.settings = stack.settings_for(endpoints) | {
            "LANDING_CONTAINER": LANDING,
            # Any port: a test may put something between the app and the storage.
            "DESTINATION_HOSTS": "127.0.0.1,localhost",
            "EXPORT_SCHEDULE": BY_HAND,
            "SETTLE_MINUTES": str(self.settle_minutes),
            # The host looks for messages often, and the message of one that was killed comes back soon.
            "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.1",
            "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01",
            "FUNCTIONS_LOCAL_LEASE_SECONDS": "5",
            # Tests count what the host says of these.
            "AzureFunctionsJobHost__logging__logLevel__Function.export_hour": "Information",
            "AzureFunctionsJobHost__logging__logLevel__Function.tick": "Information",
        }
        self.blobs.create_container(LANDING)

    def close(self) -> None:
        """Close the connections."""
        self.blobs.close()
        self._own.close()

    def newest_hours(self, number: int) -> list[datetime]:
        """Return the newest hours that are closed, oldest first."""
        return [self._newest.plus(back).start for back in range(1 - number, 1)]

    @contextmanager
    def app(self, *arguments: str, **settings: str | None) -> Iterator[App]:
        """Run the app, with other settings than the usual ones if any are given; None leaves one out."""
        port = azurite.free_ports(1)[0]
        log = self._folder / f"app-{next(self._starts)}.log"
        changed = {**self.settings, **settings}
        wanted = {name: value for name, value in changed.items() if value is not None}
        with stack.running_app(wanted, port=port, log=log, arguments=arguments) as running:
            yield App(running)

    def land(self, files: Iterable[LandingFile]) -> None:
        """Put files into the landing container, as sources do."""
        with self.blobs.get_container_client(LANDING) as landing:
            to_container(landing, files)

    def container(self, name: str) -> ContainerClient:
        """Return a customer's container, made if it is not there."""
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
        """Return a destination to be put: its container is there, its schedule begins with the first hour.

        A destination that is activated today owes today's events and those to come; tests want hours that
        are over, whatever the time is. What other tests have landed before these is none of its business:
        its schedule counts as reviewed.
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
        """Make the app believe that a destination was activated then, and so owes the events of that day.

        Where its schedule is forgotten or lost, it owes today's otherwise: shortly after midnight, the hours
        of a test are yesterday's.
        """
        destinations = DestinationsTable(self._own)
        found = destinations.get(destination_id)
        assert found is not None, f"there is no destination {destination_id}"
        destinations.put(replace(found.value, activated_at=start), found.etag)

    def forget_schedule(self) -> None:
        """Let streams begin where the app says, and not where tests want them to."""
        schedule = schedule_table(self._own)
        for key in schedule.all():
            schedule.forget(key)

    def breakers_are_there(self) -> None:
        """Make the table of breakers, which is made with the first fault, if it is not there."""
        breakers_table(self._own).put("nobody", CLOSED)

    def waiting(self, name: str = "export-hours") -> int:
        """Return how many messages are in a queue, those included that are being worked on."""
        with QueueClient.from_connection_string(self.connection_string, name) as queue:
            return queue.get_queue_properties().approximate_message_count or 0

    def let_time_pass(self, key: StreamKey, start: datetime) -> None:
        """Make the ledger believe that it is later: a claim is over, and so is a back-off.

        The destination's own back-off is over, too.
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
    return replace(
        record,
        claim=replace(record.claim, until=past) if record.claim else None,
        retry_at=past if record.retry_at else None,
    )


@contextmanager
def installed(folder: Path, at: datetime | None = None) -> Iterator[Installation]:
    """Start a storage account of our own; it is gone at the end, with all that it held."""
    with azurite.running() as endpoints:
        installation = Installation(endpoints, folder, at or now())
        try:
            yield installation
        finally:
            installation.close()


def stream_key(destination_id: str, sample: Sample, data_type: DataType = DataType.EVENTS) -> StreamKey:
    """Return how the ledger calls what a destination gets of a sample."""
    source = sample.project_id if data_type is DataType.EVENTS else sample.org_id
    return StreamKey(destination_id, Stream(streams.DataType(data_type), source))
