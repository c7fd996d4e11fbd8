"""A source in a running app: an Export API on loopback, a clock that a test moves, a customer's files."""

import gzip
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from azure.data.tables import TableServiceClient

from infra.local.api import Api
from infra.local.export_api import Asked, ExportApi, Project, export_api_running, members_of
from infra.local.sample import DataType, Sample
from tests.support.clocks import MovableClock
from tests.support.customer_files import contents
from tests.support.installation import DONE, LANDING, App, Installation, Json, installed, key_of, now, ok

SAMPLE = Sample(events_per_hour=30, merges_per_hour=0, blobs_per_hour=2, real_shaped=True)
API_KEY, SECRET_KEY = "0123456789abcdef", "hunter2hunter2hunter2"
SOURCE = "acme"
DESTINATION = "customer"
LAG = timedelta(hours=2)
HOUR = timedelta(hours=1)
TICK_LINE = " tick {"
# A pull takes well under a second, and much longer on a busy machine.
SECONDS_MAX = 200.0
TICK_SECONDS = 3.0
PULL_TABLES = {"pullsources", "pullhours", "pullruns"}
SETTLED = frozenset({"pulled", "empty", "failed"})


@dataclass(frozen=True, slots=True)
class LiveSource:
    """An installation whose clock is at noon of the day ``day``, in the future, and an Export API."""

    installation: Installation
    api: ExportApi
    clock: MovableClock
    day: datetime

    def hour(self, number: int) -> datetime:
        """Return an hour, counted from 00:00 of the day; negative ones are of the days before."""
        return self.day + number * HOUR

    def sample_of(self, project_id: int = SAMPLE.project_id) -> Sample:
        """Return the sample of a project."""
        return replace(SAMPLE, project_id=project_id)

    def publish(self, *numbers: int, project_id: int = SAMPLE.project_id, api_key: str = API_KEY) -> None:
        """Let the API have the rows of these hours."""
        for number in numbers:
            members = members_of(self.sample_of(project_id).hour(self.hour(number)))
            self.api.publish(self.hour(number), members, api_key)

    def at(self, number: int, minutes: float = 1) -> None:
        """Set the clock to some minutes after an hour is due."""
        self.clock.set(self.hour(number) + HOUR + LAG + timedelta(minutes=minutes))

    def pass_time(self, **by: float) -> None:
        """Move the clock on."""
        self.clock.move(timedelta(**by))

    @contextmanager
    def app(self, **settings: str | None) -> Iterator["LiveApp"]:
        """Run the app with this clock. Its timers run only when a test says so."""
        with self.installation.app(**{**self.clock.settings, **settings}) as running:
            yield LiveApp(self, running)

    def requests(self, number: int, api_key: str = API_KEY) -> list[Asked]:
        """Return the requests for an hour."""
        return [each for each in self.api.requests(api_key) if each.hour == self.hour(number)]

    def landed(self, number: int, project_id: int = SAMPLE.project_id) -> dict[str, bytes]:
        """Return what landing has of an hour, by the name within its folder."""
        folder = f"events/{project_id}/{self.hour(number):%Y/%m/%d/%H}/"
        with self.installation.blobs.get_container_client(LANDING) as landing:
            found = contents(landing, folder)
        return {name.removeprefix(folder): content for name, content in found.items()}

    def all_landed(self) -> set[str]:
        """Return the names of all landed blobs of events."""
        with self.installation.blobs.get_container_client(LANDING) as landing:
            return set(landing.list_blob_names(name_starts_with="events/"))

    def stored_answers(self) -> list[str]:
        """Return the names of the answers that are kept to be unpacked."""
        with self.installation.blobs.get_container_client("pulled") as pulled:
            return list(pulled.list_blob_names()) if pulled.exists() else []

    def forget_pulls(self) -> None:
        """Delete everything that the tables know of the sources, but the sources themselves."""
        with TableServiceClient.from_connection_string(self.installation.connection_string) as tables:
            for name in {each.name for each in tables.list_tables()} & PULL_TABLES:
                table = tables.get_table_client(table_name=name)
                for row in list(table.list_entities(select=["PartitionKey", "RowKey"])):
                    if row["PartitionKey"] != "source":
                        table.delete_entity(row["PartitionKey"], row["RowKey"])

    def exported(self, number: int, project_id: int = SAMPLE.project_id) -> "Exported":
        """Return what the customer's container has of an hour."""
        start = self.hour(number)
        name = f"{project_id}_{start:%Y-%m-%d}_{start.hour}"
        with self.installation.container(DESTINATION) as container:
            found = contents(container, name)
        files = {each: body for each, body in found.items() if each.startswith(f"{name}#")}
        marker = found.get(f"{name}_complete")
        return Exported(files, None if marker is None else json.loads(marker))

    def truth(self, number: int, project_id: int = SAMPLE.project_id) -> list[str]:
        """Return the uuids of the rows of an hour, sorted."""
        return sorted(self.sample_of(project_id).hour(self.hour(number)).truth().event_ids())


@dataclass(frozen=True, slots=True)
class Exported:
    """The files of an hour in the customer's container, and its marker."""

    files: dict[str, bytes]
    marker: Json | None

    @property
    def rows(self) -> list[Json]:
        """The rows, in the order of the files."""
        return [
            json.loads(line)
            for _, body in sorted(self.files.items())
            for line in gzip.decompress(body).splitlines()
        ]

    @property
    def uuids(self) -> list[str]:
        """The uuids of the rows, sorted."""
        return sorted(row["uuid"] for row in self.rows)


@dataclass(frozen=True, slots=True)
class LiveApp:
    """The running app."""

    place: LiveSource
    running: App

    @property
    def api(self) -> Api:
        """The client of the app's API."""
        return self.running.api

    def create(self, start: int = 0, source_id: str = SOURCE, **changes: object) -> Json:
        """Create a source that begins with an hour of the day."""
        body: Json = {
            "type": "amplitude_export",
            "project_id": SAMPLE.project_id,
            "region": "us",
            "base_url": self.place.api.url,
            "api_key": API_KEY,
            "secret_key": SECRET_KEY,
            "start": key_of(self.place.hour(start)),
            "repull_hours": [],
            **changes,
        }
        answer = self.api.put(f"/sources/{source_id}", body)
        assert answer.status in {200, 201}, answer
        return dict(answer.body)

    def export_from(self, number: int, project_id: int = SAMPLE.project_id) -> None:
        """Activate a destination that owes the events from an hour on."""
        sample, first = self.place.sample_of(project_id), self.place.hour(number)
        body = self.place.installation.destination(DESTINATION, sample, first, (DataType.EVENTS,))
        self.running.activate(body)

    def source(self, source_id: str = SOURCE) -> Json:
        """Return a source."""
        return dict(ok(self.api.get(f"/sources/{source_id}")))

    def hours(self, first: int, last: int, source_id: str = SOURCE) -> list[Json]:
        """Return the hours of a source in a range."""
        span = f"from={key_of(self.place.hour(first))}&to={key_of(self.place.hour(last))}"
        return list(ok(self.api.get(f"/sources/{source_id}/hours?{span}"))["hours"])

    def statuses(self, first: int, last: int, source_id: str = SOURCE) -> list[str]:
        """Return the statuses of the hours in a range."""
        return [hour["status"] for hour in self.hours(first, last, source_id)]

    def pull_tick(self) -> None:
        """Run the timer of the sources."""
        answer = self.api.fire("pull_tick")
        assert answer.status == 202, answer

    def until[T](self, look: Callable[[], T], what: str) -> T:
        """Run the timer of the sources, and call ``look``, until its result is true.

        The timer runs every few seconds only: a worker that has pulled an hour queues the next one.
        """
        ticked_at = -math.inf

        def ticked() -> T:
            nonlocal ticked_at
            if time.monotonic() - ticked_at >= TICK_SECONDS:
                self.pull_tick()
                ticked_at = time.monotonic()
            return look()

        return self.running.until(ticked, what, SECONDS_MAX)

    def pulled(self, first: int, last: int, source_id: str = SOURCE) -> list[Json]:
        """Run the timer of the sources until the hours of a range are settled; return them."""

        def settled() -> list[Json]:
            hours = self.hours(first, last, source_id)
            return hours if all(hour["status"] in SETTLED for hour in hours) else []

        return self.until(settled, f"hours {first} to {last} of {source_id} are settled")

    def asked(self, count: int, number: int = 0) -> Json:
        """Run the timer of the sources until the API was asked so often for an hour; return the hour.

        The answer is recorded then: the hour is settled, or to be asked for later.
        """

        def recorded() -> Json:
            if len(self.place.requests(number)) < count:
                return {}
            (hour,) = self.hours(number, number)
            later = hour["next_pull_at"] is None or hour["next_pull_at"] > text_of(self.place.clock.now())
            return hour if later and hour["status"] != "pulling" else {}

        return recorded() or self.until(recorded, f"{count} requests for the hour {number}")

    def export(self, first: int, last: int) -> list[Json]:
        """Run the export timer until the customer has the hours of a range; return their ledger."""
        starts = [self.place.hour(number) for number in range(first, last + 1)]
        wanted = {key_of(start) for start in starts}

        def done() -> list[Json]:
            self.running.tick()
            hours = self.running.hours(DESTINATION, starts)
            finished = {hour["hour"] for hour in hours if hour["status"] in DONE}
            return hours if finished == wanted else []

        return self.running.until(done, f"hours {first} to {last} are exported", SECONDS_MAX)

    def export_tick(self) -> None:
        """Run the export timer, and wait until what it has queued is done."""
        before = self.running.log.count(TICK_LINE)
        self.running.tick()
        self.running.until(
            lambda: self.running.log.count(TICK_LINE) > before, "the end of the tick", SECONDS_MAX
        )

        def idle() -> bool:
            hours = ok(self.api.get(f"/destinations/{DESTINATION}/hours"))["hours"]
            running = any(hour["status"] == "running" for hour in hours)
            return not running and self.place.installation.waiting() == 0

        self.running.until(idle, "no hour is being exported", SECONDS_MAX)


def text_of(moment: datetime) -> str:
    """Return a time as the API writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


@contextmanager
def live_source(folder: Path, *projects: Project, data: Path | None = None) -> Iterator[LiveSource]:
    """Start a storage emulator and an Export API; the clock is set to noon of a day in the future."""
    clock = MovableClock.new(folder)
    day = (now() + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
    clock.set(day + timedelta(hours=12))
    known = projects or (Project(SAMPLE.project_id, API_KEY, SECRET_KEY),)
    with (
        installed(folder, clock.now(), data) as installation,
        export_api_running(*known, clock=clock.now) as api,
    ):
        yield LiveSource(installation, api, clock, day)
