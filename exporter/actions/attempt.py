"""One worker's attempt at one hour: what it works with, and where it keeps what later attempts need."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from exporter.actions.hold import Beat, Held
from exporter.actions.notices import hour_exported
from exporter.actions.ports import Clock, Container, Gateways
from exporter.actions.stage import RejectedWriter, Staged, Stager
from exporter.actions.telling import Event, bytes_of, of_hour, of_rows, tell
from exporter.actions.turns import Turns
from exporter.domain.destination import Destination, Status
from exporter.domain.hours import Hour
from exporter.domain.ledger import HourTask
from exporter.domain.slices import Slice
from exporter.domain.streams import DataType, StreamKey
from exporter.pipeline.digest import digest


class Outcome(StrEnum):
    """What came of a request to export an hour."""

    EXPORTED = "exported"
    ADOPTED = "adopted"
    SPREAD = "spread"
    STAGED = "staged"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    NOT_DUE = "not due"
    NOT_WANTED = "not wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Who works: its clock, what renews its lease, how long after its end an hour is closed.

    ``claim_id`` is unique to this attempt. ``redelivered`` says that the request came to some worker before,
    which did not see it through. For ``late_until`` after an hour is closed it is looked for late blobs.
    Landing blobs of ``whole_bytes_min`` and more may be sent as they came; None: none. ``calls`` counts the
    calls to storage that its process has made; ``seconds`` are what its steps took. ``turns`` are those of
    its process: hours that are staged at the same time share them.
    """

    clock: Clock
    claim_id: str
    beat: Beat
    settle: timedelta
    late_until: timedelta = timedelta()
    redelivered: bool = False
    whole_bytes_min: int | None = None
    calls: Callable[[], int] = lambda: 0
    seconds: dict[str, float] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Count the time that passes as that of a step."""
        begun = self.clock()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + (self.clock() - begun).total_seconds()

    def late_ends(self, hour: Hour) -> datetime:
        """Return when an hour is looked at for the last time."""
        return hour.end + self.settle + self.late_until


@dataclass(frozen=True)
class Attempt:
    """An hour that is being exported: for whom, and by whom."""

    task: HourTask
    destination: Destination
    gateways: Gateways
    worker: Worker

    @cached_property
    def container(self) -> Container:
        """The customer's container; ``DestinationFault`` if it cannot be opened."""
        return self.gateways.containers.open(self.destination)

    def stage(
        self, chosen: Slice, drops: Iterable[bytes], uploads: ExitStack, attempt: str
    ) -> tuple[Staged, RejectedWriter]:
        """Send a slice, and its rejected rows, which are the caller's to commit."""
        naming = self.destination.naming(self.task.key.stream)
        key, hour = self.task.key, self.task.hour
        rejected = RejectedWriter(self.gateways.rejected, key, hour, chosen.first, attempt, uploads)
        landing, whole = self.gateways.landing, self.worker.whole_bytes_min
        stager = Stager(landing, self.container, self.destination, naming, hour, attempt, whole)
        with self.worker.turns.staging(chosen.landed_bytes) as turn, self.worker.timed("stage"):
            return stager.stage(chosen, drops, rejected, turn), rejected

    def keep_digest(self, chosen: Slice, staged: Staged, attempt: str) -> str | None:
        """Keep which rows are exported, for as long as late blobs are looked for; return under which name."""
        asked = self.destination.filter_of(self.task.key.stream)
        if self.task.key.stream.data_type is not DataType.EVENTS or not chosen.blobs:
            return None
        name = f"{folder(self.task.key, self.task.hour)}{attempt}-{chosen.first}.keys"
        blobs = (blob.name for blob in chosen.blobs)
        self.gateways.state.put(name, digest(blobs, asked.text if asked else None, staged.keys))
        return name

    def late_blobs_count(self) -> bool:
        """Whether the hour will be looked at again."""
        return self.worker.clock() < self.worker.late_ends(self.task.hour)

    def gone(self) -> bool:
        """Whether it was deleted meanwhile, and perhaps made anew: nothing more goes to that container."""
        found = self.gateways.destinations.get(self.destination.id)
        return (
            found is None
            or found.value.status is Status.DELETED
            or found.value.created_at != self.destination.created_at
        )

    def tell(self, held: Held, outcome: Outcome, **more: object) -> None:
        """Tell what was exported, and operators what it took."""
        record = held.record
        if outcome is Outcome.EXPORTED:
            hour_exported(self.gateways, self.destination, record, self.worker.claim_id)
        tell(
            Event.HOUR_EXPORTED,
            **of_hour(record.key, record.hour),
            run=self.worker.claim_id,
            outcome=outcome,
            requested_by=record.requested_by,
            attempts=record.attempts,
            rows=of_rows(record.rows),
            parts=len(record.parts),
            bytes=bytes_of(record.parts),
            seconds={step: round(seconds, 3) for step, seconds in self.worker.seconds.items()},
            calls=self.worker.calls(),
            **more,
        )

    def tidy(self, held: Held) -> None:
        """Delete what earlier attempts kept of the hour and nobody needs any more."""
        self.gateways.state.discard(
            folder(self.task.key, self.task.hour), keep=frozenset(held.record.origin.digests)
        )


def folder(key: StreamKey, hour: Hour) -> str:
    """Return where our own blobs about an hour are: ``acme/events/187520/2020-01-25T17/``."""
    return f"{key.destination_id}/{key.stream.data_type}/{key.stream.source_id}/{hour.key}/"


def target(destination: Destination) -> str:
    """Return the account, container and prefix that a destination's files go to."""
    storage = destination.storage
    return f"{storage.account_url or ''}|{storage.container}|{storage.prefix}"
