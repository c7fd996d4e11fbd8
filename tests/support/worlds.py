"""Worlds to export in: a destination, an hour of landing data, and a worker's attempt at it."""

import hashlib
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from exporter.domain.backfill import Backfill
from exporter.domain.data_types import DataType
from exporter.domain.destination import (
    Credentials,
    CredentialsType,
    Destination,
    Output,
    Status,
    StorageTarget,
)
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.streams import Stream, StreamKey
from exporter.export.attempt import AttemptContext, Outcome
from exporter.export.export_hour import export_hour
from exporter.ports import Clock
from tests.support.fakes.world import World

HOUR = Hour.parse("2026-01-31T12")
SETTLE = timedelta(minutes=10)
LATE_UNTIL = timedelta(hours=72)
LONG_AGO = Hour.parse("2025-01-01T00")
NOW = datetime(2026, 1, 31, 13, 15, tzinfo=UTC)
EVENTS = StreamKey("acme", Stream(DataType.EVENTS, 187520))
MERGED_IDS = StreamKey("acme", Stream(DataType.MERGED_IDS, 189524))
TASK = HourTask(EVENTS, HOUR)
ACME = Destination(
    id="acme",
    name="Acme",
    storage=StorageTarget("raw"),
    credentials=Credentials(CredentialsType.CONNECTION_STRING, "sealed"),
    created_at=NOW,
    activated_at=NOW,
    project_id=187520,
    org_id=189524,
    output=Output(max_part_mib=1),
    status=Status.ACTIVE,
)


def an_event(number: int, hour: Hour = HOUR, **fields: object) -> dict[str, object]:
    """Make the smallest event of an hour; equal numbers make equal uuids."""
    return {
        "uuid": f"00000000-0000-4000-8000-{number:012d}",
        "event_type": "purchase",
        "event_time": "2026-01-31 11:59:59.000000",
        "server_upload_time": f"{hour.date} {hour.start.hour:02d}:00:{number % 60:02d}.000000",
        **fields,
    }


def a_bulky_event(number: int) -> dict[str, object]:
    """Make an event of 64 KiB that compresses to half of it, so that a few dozen fill a part."""
    noise = hashlib.shake_256(str(number).encode()).hexdigest(32 * 1024)
    return an_event(number, event_properties={"noise": noise})


def a_merge(number: int, hour: Hour = HOUR) -> dict[str, object]:
    """Make a merged id of an hour."""
    at = int(hour.start.timestamp() * 1000) + number
    return {
        "scope": 1,
        "merge_time": at,
        "merge_server_time": at,
        "amplitude_id": 900 + number,
        "merged_amplitude_id": 800,
    }


def a_world(destination: Destination = ACME, world: World | None = None) -> World:
    """Make a world with one destination, whose events have landed for long.

    Nothing of its making counts as a write.
    """
    world = landing_for_long(world or World())
    crash_at, world.writes.crash_at = world.writes.crash_at, None
    world.destinations.put(destination, None)
    world.writes.log.clear()
    world.writes.crash_at = crash_at
    return world


def landing_for_long(world: World, *streams: Stream) -> World:
    """Let streams (the events, if none is named) have begun long ago, with a blob without rows."""
    for stream in streams or (EVENTS.stream,):
        world.land(stream, LONG_AGO, b"")
    return world


def acme(**changes: object) -> Destination:
    """Return the destination with other settings; fields of its output are among them."""
    output = {name: changes.pop(name) for name in list(changes) if name in Output.__dataclass_fields__}
    return replace(ACME, output=replace(ACME.output, **output), **changes)  # type: ignore[arg-type]  # names of fields


def attempt(world: World, now: datetime = NOW, claim_id: str = "first", task: HourTask = TASK) -> Outcome:
    """Export an hour as a worker would at that time, with no time passing while it does."""
    return export_hour(task, world.gateways, a_worker(lambda: now, claim_id))


def a_worker(clock: Clock, claim_id: str) -> AttemptContext:
    """Return a worker that does not renew its lease."""
    return AttemptContext(
        clock=clock,
        claim_id=claim_id,
        heartbeat=lambda _renew: nullcontext(),
        settle=SETTLE,
        late_until=LATE_UNTIL,
    )


def backfill(
    world: World, key: StreamKey = EVENTS, hour: Hour = HOUR, since: datetime = NOW, name: str = "b1"
) -> HourTask:
    """Ask for a backfill, and return its request for one hour."""
    asked = Backfill(
        id=name,
        destination_id=key.destination_id,
        start=hour.key,
        end=hour.key,
        first=hour,
        last=hour,
        streams=(key.stream,),
        total=1,
        created_at=since,
        since=since,
        retry_since=since,
        moved_at=since,
        done_before=hour,
        queued_before=hour,
    )
    found = world.backfills.get(key.destination_id, name)
    world.backfills.put(asked, found.etag if found else None)
    return HourTask(key, hour, requested_by=asked.requested_by)


def the_record(world: World, key: StreamKey = EVENTS, hour: Hour = HOUR) -> HourRecord:
    """Return what the ledger says of an hour, which must be in it."""
    found = world.ledger.get(key, hour)
    assert found is not None, f"the ledger has no {hour} of {key}"
    return found.value


def with_content(record: HourRecord, **changes: object) -> HourRecord:
    """Return a record with other fields of its content."""
    return replace(record, content=replace(record.content, **changes))  # type: ignore[arg-type]  # names of fields


def with_work(record: HourRecord, **changes: object) -> HourRecord:
    """Return a record with other fields of its work item."""
    return replace(record, work=replace(record.work, **changes))  # type: ignore[arg-type]  # names of fields


def the_container(world: World) -> dict[str, bytes]:
    """Return everything that a reader of the customer's container sees."""
    return {name: blob.body for name, blob in world.reader().committed.items()}
