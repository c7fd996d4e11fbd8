"""A source on the twins: answers of the Export API are made, and the puller runs until nothing is left."""

import gzip
import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from exporter.domain.hour import Hour
from exporter.domain.pulls import PulledHour, PullTask
from exporter.domain.source import Source
from exporter.schedule.failures import Failures
from exporter.sources.plan import queue_due
from exporter.sources.pull_hour import PullContext, PullOutcome, pull_hour
from exporter.sources.runs import RunRequest, create_run
from exporter.sources.tick import PullReport, run_pull_tick
from tests.support.fakes.blobs import Row
from tests.support.fakes.world import World

PROJECT = 187520
HOUR = Hour.parse("2026-11-01T05")
DELIVERIES_MAX = 10_000


def a_source(**changes: Any) -> Source:  # noqa: ANN401  any field of a source
    """Return a source that begins with ``HOUR``."""
    values: dict[str, Any] = {
        "id": "acme",
        "project_id": PROJECT,
        "api_key": "key",
        "sealed": "sealed",
        "start": HOUR,
        "created_at": datetime(2026, 11, 1, tzinfo=UTC),
    }
    return Source(**values | changes)


def event(number: int, hour: Hour = HOUR, **changes: object) -> Row:
    """Return a row of an hour, the same one for the same number."""
    time = f"{hour.start:%Y-%m-%d %H}:{number % 60:02}:07.123456"
    return {
        "app": PROJECT,
        "uuid": str(uuid.UUID(int=number)),
        "event_type": "view",
        "event_time": time,
        "server_upload_time": time,
        "event_properties": {"a b": [number, 6396.0]},
        **changes,
    }


def lines(rows: Iterable[Row | bytes]) -> bytes:
    """Return rows as newline-delimited JSON; bytes are lines as they are."""
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def member(number: int, hour: Hour = HOUR) -> str:
    """Return the name of a file in an answer."""
    return f"{PROJECT}/{PROJECT}_{hour.date}_{hour.start.hour}#{number}.json.gz"


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a zip of files as they are."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def answer(*parts: Iterable[Row | bytes], hour: Hour = HOUR) -> bytes:
    """Return an answer with a file for each of the parts, whose numbers are not consecutive."""
    names = (member(627 - 557 * number, hour) for number in range(len(parts)))
    return zipped(
        {name: gzip.compress(lines(part), mtime=0) for name, part in zip(names, parts, strict=True)}
    )


def landed(world: World, hour: Hour = HOUR) -> list[Row]:
    """Return the rows in the landing folder of an hour, blob by blob in name order."""
    return [json.loads(line) for line in landed_lines(world, hour)]


def landed_lines(world: World, hour: Hour = HOUR) -> list[bytes]:
    """Return the lines in the landing folder of an hour, blob by blob in name order."""
    blobs = landed_blobs(world, hour)
    return [line for body in blobs.values() for line in gzip.decompress(body).splitlines()]


def landed_blobs(world: World, hour: Hour = HOUR) -> dict[str, bytes]:
    """Return the blobs in the landing folder of an hour, without the names of the folder."""
    folder = a_source().stream.landing_folder(hour)
    names = world.landed.names(folder)
    return {name.removeprefix(folder): world.landed.committed[name].body for name in names}


def numbers(rows: Iterable[Row]) -> list[int]:
    """Return the numbers of rows that ``event`` made, in order."""
    return sorted(uuid.UUID(row["uuid"]).int for row in rows)


@dataclass
class Pulling:
    """One source in a world, and the workers that pull it."""

    world: World = field(default_factory=World)
    source: Source = field(default_factory=a_source)
    now: datetime = HOUR.end + timedelta(hours=2)
    slots_max: int = 2
    outcomes: list[PullOutcome] = field(default_factory=list)
    _ids: int = 0

    def __post_init__(self) -> None:
        self.save(self.source)

    def save(self, source: Source) -> None:
        """Store the source as changed."""
        self.source = source
        found = self.world.puller.sources.get(source.id)
        self.world.puller.sources.put(source, found.etag if found else None)

    @property
    def record(self) -> PulledHour:
        """The record of ``HOUR``."""
        return self.of(HOUR)

    def of(self, hour: Hour) -> PulledHour:
        """Return the record of an hour."""
        found = self.world.puller.hours.get(self.source.id, hour)
        assert found is not None
        return found.value

    def answers(self, *answers: Any, hour: Hour = HOUR) -> None:  # noqa: ANN401  see ``FakeExportApi``
        """Set what the API answers for an hour, one after the other, the last one for ever."""
        self.world.puller.api.answers[hour] = list(answers)

    def worker(self, *, redelivered: bool = False) -> PullContext:
        """Return a new worker."""
        self._ids += 1
        return PullContext(
            clock=lambda: self.now,
            claim_id=f"worker{self._ids}",
            heartbeat=no_heartbeat,
            slots_max=self.slots_max,
            redelivered=redelivered,
        )

    def pull(self, hour: Hour = HOUR, run_id: str = "", *, redelivered: bool = False) -> PullOutcome:
        """Deliver a message for an hour."""
        task = PullTask(self.source.id, hour, run_id)
        outcome = pull_hour(task, self.world.gateways, self.worker(redelivered=redelivered))
        self.outcomes.append(outcome)
        return outcome

    def tick(self) -> PullReport:
        """Let the timer fire."""
        failures = Failures()
        report = run_pull_tick(self.world.gateways, now=self.now, slots_max=self.slots_max, failures=failures)
        failures.end()
        return report

    def run(self) -> None:
        """Let the timer fire, and deliver messages until none is left; those with a delay are lost."""
        self.tick()
        for _ in range(DELIVERIES_MAX):
            if not self.world.puller.queue.messages:
                return
            task = self.world.puller.queue.messages.pop(0)
            if self.pull(task.hour, task.run_id).answered:
                queue_due(self.world.gateways.pulls, self.source, self.now, self.slots_max)
        raise AssertionError("the puller does not come to rest")

    def pull_on_request(self, hour: Hour) -> str:
        """Let a person ask for an hour again, and let it be pulled; return the id of the run."""
        self.wait(minutes=1)
        request = RunRequest(hour.key, hour.key, hour, hour)
        run_id = f"run{len(self.world.puller.runs.rows)}"
        create_run(self.world.gateways.pulls, self.source.id, request, now=self.now, new_id=run_id)
        self.run()
        self.run()
        return run_id

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)


@contextmanager
def no_heartbeat(_call: Callable[[], None]) -> Iterator[None]:
    """Renew no lease: the clock stands still during an attempt."""
    yield
