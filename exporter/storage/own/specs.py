"""Our tables and their specifications, except the ledger, the slices and the destinations' names."""

from exporter.domain.backfill import ENDED, Backfill, BackfillStatus
from exporter.domain.breaker import CLOSED, Breaker
from exporter.domain.connection_test import ConnectionTest
from exporter.domain.destination import Destination, Status
from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask
from exporter.domain.last_tick import LastTick
from exporter.domain.pulls import (
    HEALTHY,
    RUN_ENDED,
    FolderTurn,
    LateLanding,
    PulledHour,
    PullProgress,
    PullRun,
    PullSlots,
    PullStatus,
    RunStatus,
    SourceHealth,
)
from exporter.domain.source import Source, SourceStatus
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import StreamKey
from exporter.domain.verification import Verification, VerificationStatus
from exporter.storage.clients import Account
from exporter.storage.own.columns import (
    HOUR,
    HOURS,
    MOMENT,
    NUMBER,
    STREAM_KEY,
    TEXT,
    enum_column,
    parse_stream_key,
)
from exporter.storage.own.documents import Document
from exporter.storage.own.jobs import JobsTable, job_spec
from exporter.storage.own.tables import LastWriteTable, TableSpec, in_partition

SCHEDULE = in_partition(
    "stream",
    STREAM_KEY,
    name="schedule",
    kind=StreamProgress,
    key_field="key",
    columns={
        "first": HOUR,
        "watermark": HOUR,
        "late": HOURS,
        "ledger": TEXT,
        "reviewed_at": MOMENT,
        "place": TEXT,
    },
)
BREAKERS = in_partition(
    "destination",
    TEXT,
    name="breakers",
    kind=Breaker,
    columns={"faults": NUMBER, "retry_at": MOMENT, "healed_at": MOMENT},
)
# Beside the schedule: one row.
TICKS = in_partition("tick", TEXT, name="schedule", kind=LastTick, document=Document(LastTick))
DESTINATIONS = in_partition(
    "destination",
    TEXT,
    name="destinations",
    kind=Destination,
    key_field="id",
    columns={"status": enum_column(Status)},
    document=Document(Destination, without=("id", "status")),
)
# Beside the destinations: a connection test changes neither its destination's row nor the ETag of it.
CONNECTION_TESTS = in_partition(
    "test", TEXT, name="destinations", kind=ConnectionTest, document=Document(ConnectionTest)
)


def _note_key(_: str, text: str) -> tuple[StreamKey, Hour]:
    key, _, hour = text.rpartition(":")
    return parse_stream_key(key), Hour.parse(hour)


# Notes are kept beside the schedule. All but the columns of a task is about one attempt, and is not noted.
REOPENED = TableSpec[StreamKey, Hour, HourTask](
    name="schedule",
    kind=HourTask,
    partition="reopened",
    keys=lambda key, hour: ("reopened", f"{key}:{hour.key}"),
    parse_keys=_note_key,
    key_fields=("key", "hour"),
    columns={"requested_by": TEXT},
)
BACKFILLS = job_spec(
    "backfills",
    Backfill,
    "destination_id",
    BackfillStatus,
    Document(Backfill, without=("destination_id", "id", "status")),
)
VERIFICATIONS = job_spec(
    "verifications",
    Verification,
    "destination_id",
    VerificationStatus,
    Document(Verification, without=("destination_id", "id", "status")),
)
SOURCES = in_partition(
    "source",
    TEXT,
    name="pullsources",
    kind=Source,
    key_field="id",
    columns={"status": enum_column(SourceStatus)},
    document=Document(Source, without=("id", "status")),
)
# Beside the sources: what changes while they are pulled changes neither their rows nor the ETags of these.
PULL_PROGRESS = in_partition(
    "progress",
    TEXT,
    name="pullsources",
    kind=PullProgress,
    key_field="source_id",
    columns={"first": HOUR, "pulled_until": HOUR},
    document=Document(PullProgress, without=("source_id", "first", "pulled_until")),
)
SOURCE_HEALTH = in_partition(
    "health", TEXT, name="pullsources", kind=SourceHealth, document=Document(SourceHealth)
)
PULL_SLOTS = in_partition(
    "slots",
    TEXT,
    name="pullsources",
    kind=PullSlots,
    key_field="source_id",
    document=Document(PullSlots, without=("source_id",)),
)


def _late_key(_: str, text: str) -> tuple[int, Hour]:
    project_id, _, hour = text.partition(":")
    return int(project_id), Hour.parse(hour)


LATE_LANDINGS = TableSpec[int, Hour, LateLanding](
    name="pullsources",
    kind=LateLanding,
    partition="late",
    keys=lambda project_id, hour: ("late", f"{project_id}:{hour}"),
    parse_keys=_late_key,
    key_fields=("project_id", "hour"),
    document=Document(LateLanding, without=("project_id", "hour")),
)
PULLED_HOURS = TableSpec[str, Hour, PulledHour](
    name="pullhours",
    kind=PulledHour,
    keys=lambda source_id, hour: (source_id, hour.key),
    parse_keys=lambda source_id, hour: (source_id, Hour.parse(hour)),
    key_fields=("source_id", "hour"),
    columns={"status": enum_column(PullStatus), "next_pull_at": MOMENT},
    document=Document(PulledHour, without=("source_id", "hour", "status", "next_pull_at")),
)
# No id of a source begins with this sign.
_TURNS = "~turns:"


def turns_of(project_id: int) -> str:
    """Return the partition of the turns in the folders of a project."""
    return f"{_TURNS}{project_id}"


FOLDER_TURNS = TableSpec[int, Hour, FolderTurn](
    name="pullhours",
    kind=FolderTurn,
    keys=lambda project_id, hour: (turns_of(project_id), hour.key),
    parse_keys=lambda project, hour: (int(project.removeprefix(_TURNS)), Hour.parse(hour)),
    key_fields=("project_id", "hour"),
    columns={"answer": TEXT},
)
PULL_RUNS = job_spec(
    "pullruns", PullRun, "source_id", RunStatus, Document(PullRun, without=("source_id", "id", "status"))
)


def schedule_table(account: Account, name: str | None = None) -> LastWriteTable[StreamKey, StreamProgress]:
    """Return the progress of each stream."""
    return LastWriteTable(account, SCHEDULE, None, name)


def breakers_table(account: Account, name: str | None = None) -> LastWriteTable[str, Breaker, Breaker]:
    """Return the breaker of each destination; closed, if none is stored."""
    return LastWriteTable(account, BREAKERS, CLOSED, name)


def ticks_table(account: Account, name: str | None = None) -> LastWriteTable[str, LastTick]:
    """Return the note of the last tick."""
    return LastWriteTable(account, TICKS, None, name)


def backfills_table(account: Account, name: str | None = None) -> JobsTable[Backfill]:
    """Return the backfills."""
    unfinished = [status for status in BackfillStatus if status not in ENDED]
    return JobsTable(account, BACKFILLS, unfinished, name)


def verifications_table(account: Account, name: str | None = None) -> JobsTable[Verification]:
    """Return the verifications that run in the background."""
    return JobsTable(account, VERIFICATIONS, [VerificationStatus.RUNNING], name)


def pull_progress_table(account: Account, name: str | None = None) -> LastWriteTable[str, PullProgress]:
    """Return the progress of each source."""
    return LastWriteTable(account, PULL_PROGRESS, None, name)


def source_health_table(
    account: Account, name: str | None = None
) -> LastWriteTable[str, SourceHealth, SourceHealth]:
    """Return the health of each source; healthy, if none is stored."""
    return LastWriteTable(account, SOURCE_HEALTH, HEALTHY, name)


def pull_runs_table(account: Account, name: str | None = None) -> JobsTable[PullRun]:
    """Return the runs of all sources."""
    return JobsTable(account, PULL_RUNS, [status for status in RunStatus if status not in RUN_ENDED], name)
