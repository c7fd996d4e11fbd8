"""Landing blobs that are sent as they came, as the customer and the ledger see them."""

import base64
import gzip
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from exporter.domain.destination import Compression, Output
from exporter.domain.hour_content import RowCounts
from exporter.domain.timestamps import TimestampFormat
from exporter.export.attempt import Outcome
from exporter.export.export_hour import export_hour
from exporter.pipeline.events import EventCodec
from exporter.pipeline.lines import Lines
from tests.support.fakes.world import World
from tests.support.worlds import (
    EVENTS,
    HOUR,
    NOW,
    TASK,
    a_bulky_event,
    a_worker,
    a_world,
    acme,
    an_event,
    the_record,
)

AMPLITUDE = Output(timestamp_format=TimestampFormat.AMPLITUDE)


def landed(*rows: dict[str, Any]) -> bytes:
    """Return rows as a blob in the very form in which they are exported, compressed by another program."""
    codec = EventCodec(EVENTS.stream.source_id, HOUR, AMPLITUDE)
    lines = [json.dumps(row).encode() for row in rows]
    return gzip.compress(codec.encode_all(codec.decode_all(Lines(1, lines)).rows, lines), mtime=1_700_000_000)


def a_world_with(*blobs: bytes, **changes: object) -> World:
    """Make a world with these blobs in landing order, for a destination that wants times as they come."""
    world = a_world(acme(**({"timestamp_format": TimestampFormat.AMPLITUDE} | changes)))
    for number, blob in enumerate(blobs):
        world.land(EVENTS.stream, HOUR, blob, f"{number}.json.gz")
    return world


def export(world: World, whole_bytes_min: int | None = 1) -> Outcome:
    """Export the hour; blobs of that size and more may be sent as they came."""
    worker = replace(a_worker(lambda: NOW, "first"), whole_bytes_min=whole_bytes_min)
    return export_hour(TASK, world.gateways, worker)


def test_a_blob_that_passes_whole_is_a_part_of_its_own() -> None:
    """Between parts made of others, in landing order, with numbers without gaps."""
    whole = landed(*map(an_event, range(10, 20)))
    one, other = (json.dumps(an_event(number)).encode() + b"\n" for number in (30, 31))
    world = a_world_with(one, whole, other, landed(*map(an_event, range(40, 45))))

    assert export(world) is Outcome.EXPORTED

    record, reader = the_record(world), world.reader()
    assert [part.name[-10:] for part in record.content.parts] == [
        f"#{number}.json.gz" for number in (1, 2, 3, 4)
    ]
    assert [part.rows for part in record.content.parts] == [1, 10, 1, 5]
    body = reader.committed[record.content.parts[1].name].body
    assert body == whole[:4] + bytes(4) + b"\0\3" + whole[10:]
    assert record.content.parts[1].bytes == len(body)
    assert base64.b64decode(record.content.parts[1].md5) == hashlib.md5(body, usedforsecurity=False).digest()
    assert record.content.rows == RowCounts(exported=17)
    (marker,) = world.markers_a_reader_sees().values()
    assert marker["rows"] == 17
    assert [each["name"] for each in marker["parts"]] == [part.name for part in record.content.parts]


@pytest.mark.parametrize(
    ("whole_bytes_min", "changes"),
    [
        (None, {}),
        (1_000_000, {}),
        (1, {"compression": Compression.SMALL}),
        (1, {"timestamp_format": TimestampFormat.ISO8601}),
    ],
    ids=["off", "too small", "smallest files wanted", "times to be changed"],
)
def test_elsewhere_all_rows_go_into_as_few_parts_as_ever(
    whole_bytes_min: int | None, changes: dict[str, object]
) -> None:
    """As if nothing had come in the right form."""
    world = a_world_with(landed(*map(an_event, range(10))), landed(*map(an_event, range(10, 20))), **changes)

    export(world, whole_bytes_min)

    assert [part.rows for part in the_record(world).content.parts] == [20]


def test_a_row_that_is_there_already_keeps_its_blob_from_passing() -> None:
    """Nothing is exported twice for the sake of speed."""
    world = a_world_with(landed(*map(an_event, range(10))), landed(*map(an_event, range(9, 20))))

    export(world)

    assert [part.rows for part in the_record(world).content.parts] == [10, 10]
    assert the_record(world).content.rows == RowCounts(exported=20, duplicate=1)
    assert len({row["uuid"] for row in world.events_a_reader_sees()}) == 20


def test_a_blob_that_is_larger_than_a_part_may_be_does_not_pass() -> None:
    """What the destination says about its parts holds."""
    rows = [a_bulky_event(number) for number in range(60)]
    world = a_world_with(landed(*rows), max_part_mib=1)
    export(world)

    parts = the_record(world).content.parts
    assert max(part.bytes for part in parts) <= 1024 * 1024
    assert sum(part.rows for part in parts) == 60


def test_two_attempts_come_to_the_same_files() -> None:
    """However often an hour is exported again."""
    blobs = landed(*map(an_event, range(10))), landed(*map(an_event, range(10, 12)))
    one, other = a_world_with(*blobs), a_world_with(*blobs)
    export(one)
    export(other)

    assert the_record(one).content.parts == the_record(other).content.parts
