"""Measure one hour through the real app: time, memory of the worker process, storage calls, correctness."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from exporter.domain.hour_content import RowCounts
from exporter.domain.hour_record import HourRecord
from infra.local.sample import DataType, Fault, LandingHour, Sample
from infra.local.sample.writers import Container, write
from tests.bench import lab, readback
from tests.bench.emulator import Calls
from tests.bench.lab import CUSTOMER, HOUR, LANDING, PROJECT_ID, Lab, LabError

# Faults that real hours have, too: some duplicates, some invalid lines.
USUAL_FAULTS = frozenset({Fault.DUPLICATES_ACROSS_BLOBS, Fault.NOT_JSON, Fault.MISSING_OPTIONAL})
_GENERATOR_PROCESSES = 2
_START_SECONDS_MAX = 60.0
# A thousand events take 30 ms on a quiet machine. The emulator and the neighbours may take their share.
_SECONDS_PER_EVENT_MAX = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The shape of an hour. By default the sources write blobs of about 10 MB."""

    events: int
    blobs: int | None = None
    huge_line: bool = False
    faults: frozenset[Fault] = USUAL_FAULTS
    real_shaped: bool = False

    @property
    def seconds_max(self) -> float:
        """The time limit of the export."""
        return _START_SECONDS_MAX + self.events * _SECONDS_PER_EVENT_MAX

    def landing(self) -> LandingHour:
        """Return the hour to land, always the same."""
        faults = self.faults | ({Fault.HUGE_LINE} if self.huge_line else frozenset())
        return Sample(
            project_id=PROJECT_ID,
            events_per_hour=self.events,
            merges_per_hour=0,
            blobs_per_hour=self.blobs,
            faults=faults,
            real_shaped=self.real_shaped,
        ).hour(HOUR.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The measured export of an hour; sizes in bytes, times in seconds."""

    shape: Shape
    blobs: int
    landed_bytes: int
    raw_bytes: int
    wall: float
    cpu: float
    memory_before: int
    memory_peak: int
    rows: RowCounts
    parts: int
    part_bytes: int
    calls: Calls
    whole: bool


def measure(shape: Shape, folder: Path, *, processes: int = _GENERATOR_PROCESSES) -> Measured:
    """Land the hour, let a new app export it, and read the result."""
    with TemporaryDirectory(dir=folder) as scratch, lab.running(Path(scratch)) as app:
        return _measure(shape, app, processes)


def _measure(shape: Shape, app: Lab, processes: int) -> Measured:
    hour = shape.landing()
    written = write(Container(LANDING, app.storage.connection_string), [hour], processes=processes)
    events = [file for file in written if file.data_type is DataType.EVENTS]
    before, cpu_before, since = app.watch.now(), _cpu(app), app.storage.position()
    app.export(shape.seconds_max)
    cpu, peak, calls = _cpu(app) - cpu_before, app.watch.peak(), app.storage.calls(since)
    record = app.record()
    return Measured(
        shape=shape,
        blobs=len(events),
        landed_bytes=sum(file.size for file in events),
        raw_bytes=readback.plain_bytes(app.account.get_container_client(LANDING)),
        wall=_seconds(record),
        cpu=cpu,
        memory_before=before,
        memory_peak=peak,
        rows=record.content.rows,
        parts=len(record.content.parts),
        part_bytes=sum(part.bytes for part in record.content.parts),
        calls=calls,
        whole=_whole(hour, record, app),
    )


def _whole(hour: LandingHour, record: HourRecord, app: Lab) -> bool:
    """Whether the customer has each event once, and the ledger's counts are the generator's."""
    truth = hour.truth()
    made, counted = truth.counts(), record.content.rows
    same_counts = (made.read, made.exported, made.duplicate, made.rejected) == (
        *(counted.read, counted.exported, counted.duplicate, counted.rejected),
    )
    found = readback.parts_digest(app.account.get_container_client(CUSTOMER))
    return same_counts and found == truth.digest()


def _cpu(app: Lab) -> float:
    used = app.worker.cpu_times()
    return float(used.user + used.system)


def _seconds(record: HourRecord) -> float:
    """Return how long the app worked on the hour, from the ledger: without the time in the queue."""
    if record.work.started_at is None or record.finished_at is None:
        raise LabError(f"the hour has no times: {record}")
    return (record.finished_at - record.work.started_at).total_seconds()
