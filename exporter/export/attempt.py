"""An attempt: one worker at one hour, what it works with, and what it stores for later attempts."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from exporter.domain.allowed_hosts import same_container
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Transient
from exporter.domain.file_names import HourNames, Naming
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.own_blobs import folder, outdated, rejected_folder
from exporter.domain.slices import Slice
from exporter.domain.streams import LandingBlob
from exporter.domain.versioned import BlobInfo, Versioned
from exporter.export.lease import Heartbeat, HourLease
from exporter.export.recent import DAY_RECENT, Recent
from exporter.export.stage import Drops, RejectedWriter, Spool, StagedSlice, Stager
from exporter.export.work_slots import Request, WorkSlot, WorkSlots
from exporter.notify.log_events import Event, bytes_of, hour_fields, log_event, row_fields
from exporter.notify.notifications import hour_exported
from exporter.pipeline.exported import Exported
from exporter.pipeline.key_index import encode_key_index
from exporter.pipeline.key_set import KeySet
from exporter.pipeline.native.scanner import library
from exporter.ports import Clock, Container, Gateways

# Blobs of a day that are listed together; hours of a day that has more are listed each by itself.
DAY_BLOBS_MAX = 1000


class Outcome(StrEnum):
    """What came of a request to export an hour."""

    EXPORTED = "exported"
    ADOPTED = "adopted"
    SLICED = "sliced"
    STAGED = "staged"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    REFUSED = "refused"
    NOT_DUE = "not due"
    NOT_WANTED = "not wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptContext:
    """What a worker brings to an attempt: its clock, its heartbeat, and the settings of its process.

    ``claim_id`` is unique to this attempt. ``settle`` is how long after its end an hour is closed; for
    ``late_until`` after that, landing is checked for late data. ``redelivered`` says that the request was
    delivered before, to a worker that did not finish it. Landing blobs of ``whole_bytes_min`` bytes and more
    may pass through unchanged; None: none may. ``calls`` counts the calls to storage of the process;
    ``seconds`` adds up what each step takes. ``slots`` limit what the process stages at the same time, and
    ``recent`` has what it has read within the last seconds.
    """

    clock: Clock
    claim_id: str
    heartbeat: Heartbeat
    settle: timedelta
    late_until: timedelta = timedelta()
    redelivered: bool = False
    whole_bytes_min: int | None = None
    calls: Callable[[], int] = lambda: 0
    seconds: dict[str, float] = field(default_factory=dict)
    slots: WorkSlots = field(default_factory=WorkSlots)
    recent: Recent = field(default_factory=Recent)

    def destination(
        self, gateways: Gateways, destination_id: str, *, anew: bool = False
    ) -> Versioned[Destination] | None:
        """Return a destination as it was read recently, or ``anew``."""
        return self.recent.read(
            ("destination", destination_id),
            self.clock(),
            lambda: gateways.destinations.get(destination_id),
            anew=anew,
        )

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the time that passes to that of a step."""
        begun = self.clock()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + (self.clock() - begun).total_seconds()

    def late_ends(self, hour: Hour) -> datetime:
        """Return when an hour is checked for late data for the last time."""
        return hour.end + self.settle + self.late_until


@dataclass(frozen=True)
class Attempt:
    """An hour that is being exported: for which destination, and by which worker.

    ``by_day``: the ledger has no row of it, and what is there is listed together with the rest of its day.
    """

    task: HourTask
    destination: Destination
    gateways: Gateways
    worker: AttemptContext
    by_day: bool = False

    @cached_property
    def container(self) -> Container:
        """The customer's container; ``DestinationFault`` if it cannot be opened."""
        return self.gateways.containers.open(self.destination)

    @property
    def container_id(self) -> str:
        """The account and container that the destination's files go to."""
        return self.destination.container_id

    def landed(self) -> tuple[LandingBlob, ...]:
        """Return the hour's blobs in landing."""
        landing, stream, hour = self.gateways.landing, self.task.key.stream, self.task.hour
        if self.by_day:
            day = self.worker.recent.read(
                ("landing", *self.task.day),
                self.worker.clock(),
                lambda: landing.blobs_of_day(stream, hour, most=DAY_BLOBS_MAX),
            )
            if len(day) < DAY_BLOBS_MAX:
                folder = stream.landing_folder(hour)
                return tuple(blob for blob in day if blob.name.startswith(folder))
        return tuple(landing.blobs(stream, hour))

    def find(self, prefix: str, day_prefix: str) -> list[BlobInfo]:
        """Return the blobs of the container whose names begin with a prefix of the hour.

        Those of its day begin with ``day_prefix``.
        """
        if self.by_day:
            day = self.worker.recent.read(
                ("container", *self.task.day, self.container_id, day_prefix),
                self.worker.clock(),
                lambda: self.container.find(day_prefix, most=DAY_BLOBS_MAX),
                lasts=DAY_RECENT,
            )
            if len(day) < DAY_BLOBS_MAX:
                return [blob for blob in day if blob.name.startswith(prefix)]
        return self.container.find(prefix)

    def holds(self, record: HourRecord) -> bool:
        """Whether the files of a record are in the present container of the destination, if that is known."""
        return same_container(record.content.origin.target, self.container_id)

    def names(self, record: HourRecord | None = None) -> HourNames:
        """Return every name that the hour's files may have: present, earlier, and recorded ones."""
        names = self.destination.hour_names(self.task.key.stream, self.task.hour)
        recorded = self.recorded_naming(record) if record is not None else None
        return names if recorded is None else names.wanting(recorded).wanting(names.wanted)

    def recorded_naming(self, record: HourRecord) -> Naming | None:
        """Return the naming of the files that an hour's record has in this container; None if unknown."""
        if not record.content.origin.target or not self.holds(record):
            return None
        naming = replace(
            self.destination.naming(self.task.key.stream),
            prefix=record.content.origin.target.rpartition("|")[2],
        )
        if record.content.output is not None:
            return replace(
                naming, style=record.content.output.name_style, layout=record.content.output.path_layout
            )
        known = self.destination.hour_names(self.task.key.stream, self.task.hour).namings
        hour = record.hour
        matching = (
            each
            for each in known
            if any(each.part_number(hour, part.name) is not None for part in record.content.parts)
            or each.marker(hour) == record.content.origin.marker
        )
        return next(matching, None)

    def stage(  # noqa: PLR0913  what a slice is made of, each by its name
        self,
        chosen: Slice,
        drops: Drops,
        uploads: ExitStack,
        tag: str,
        *,
        spooled: bool = False,
        before: Iterable[Exported] = (),
        known: Counter[bytes] | None = None,
        slot: WorkSlot | None = None,
    ) -> tuple[StagedSlice, RejectedWriter]:
        """Stage a slice, without the rows that it ``drops``; the caller commits its rejected rows.

        ``tag`` names the attempt. ``spooled`` files go to a container of our own, to be copied from there;
        rows ``before`` those of landing are exported as they are; merged ids that are ``known`` are left out.
        Without a ``slot`` it waits for one.
        """
        naming = self.destination.naming(self.task.key.stream)
        key, hour = self.task.key, self.task.hour
        name = f"{tag}-{chosen.first}.ndjson.gz"
        rejected = RejectedWriter(self.gateways.rejected, f"{rejected_folder(key, hour)}{name}", uploads)
        spool = Spool(self.gateways.state, f"{folder(key, hour)}{tag}-spool-") if spooled else None
        stager = Stager(
            landing=self.gateways.landing,
            container=self.container,
            destination=self.destination,
            naming=naming,
            hour=hour,
            attempt=tag,
            whole_bytes_min=self.worker.whole_bytes_min,
            spool=spool,
            known=known,
        )
        held = nullcontext(slot) if slot else self.slot(chosen)
        with held as mine, self.worker.timed("stage"):
            return stager.stage(chosen, drops, rejected, mine, before), rejected

    def slot(self, chosen: Slice) -> AbstractContextManager[WorkSlot]:
        """Wait for the slot in which a slice is staged; ``Busy`` if that takes too long."""
        request = Request((self.task.key, self.task.hour), chosen.first)
        return self.worker.slots.staging(chosen.landed_bytes, request)

    def keep_digest(self, chosen: Slice, staged: StagedSlice, tag: str) -> str | None:
        """Store the keys of exported rows, for the join and for late data; return the name of the digest."""
        if not self.task.key.stream.spec.row_keys or not chosen.blobs:
            return None
        blobs = (blob.name for blob in chosen.blobs)
        return self._keep_keys(f"{tag}-{chosen.first}", blobs, staged.keys)

    def keep_found_digest(self, number: int, keys: KeySet, tag: str) -> str:
        """Store the keys of the rows of a part that was found; return the name of the digest.

        The filter that the part was made with is not known: late rows pass the destination's present filter.
        """
        return self._keep_keys(f"{tag}-found-{number}", (), keys)

    def _keep_keys(self, stem: str, blobs: Iterable[str], keys: KeySet) -> str:
        asked = self.destination.filter_of(self.task.key.stream)
        name = f"{folder(self.task.key, self.task.hour)}{stem}.keys"
        self.gateways.state.put(name, encode_key_index(blobs, asked.text if asked else None, keys))
        return name

    def late_blobs_count(self) -> bool:
        """Whether the hour will be checked for late data again."""
        return self.worker.clock() < self.worker.late_ends(self.task.hour)

    def gone(self) -> bool:
        """Whether the destination was deleted meanwhile, and perhaps created again: nothing is committed."""
        # Read by each attempt: after the answer to a deletion, no file appears.
        found = self.worker.destination(self.gateways, self.destination.id, anew=True)
        return (
            found is None
            or found.value.status is Status.DELETED
            or found.value.created_at != self.destination.created_at
        )

    def is_outdated(self) -> bool:
        """Whether the destination has changed since it was read, if that can be read now."""
        try:
            found = self.worker.destination(self.gateways, self.destination.id, anew=True)
        except Transient:
            return False
        return found is None or found.value != self.destination

    def log_outcome(self, lease: HourLease, outcome: Outcome, **more: object) -> None:
        """Notify that the hour is exported, and log what it took."""
        record = lease.record
        if outcome is Outcome.EXPORTED:
            hour_exported(self.gateways, self.destination, record, self.worker.claim_id)
        log_event(
            Event.HOUR_EXPORTED,
            **hour_fields(record.key, record.hour),
            attempt_id=self.worker.claim_id,
            outcome=outcome,
            requested_by=record.work.requested_by,
            attempts=record.work.attempts,
            rows=row_fields(record.content.rows),
            parts=len(record.content.parts),
            bytes=bytes_of(record.content.parts),
            seconds={step: round(seconds, 3) for step, seconds in self.worker.seconds.items()},
            calls=self.worker.calls(),
            native_code=library() is not None,
            **more,
        )

    def tidy(self, lease: HourLease) -> None:
        """Delete our own blobs of this attempt and of earlier ones that the hour's record does not name.

        The record is closed by now. The blobs of a later attempt have a higher attempt number.
        """
        record, key, hour = lease.record, self.task.key, self.task.hour
        state, rejected = self.gateways.state, self.gateways.rejected
        digests, kept = frozenset(record.content.origin.digests), frozenset(record.content.rejected)
        for name in outdated(state.names(folder(key, hour)), attempt=record.work.attempts, kept=digests):
            state.delete(name)
        for name in outdated(
            rejected.names(rejected_folder(key, hour)), attempt=record.work.attempts, kept=kept
        ):
            rejected.delete(name)
