"""A second file format, uncompressed lines, goes all the way: named, written, added to, read back."""

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.destination import Compression, Destination
from exporter.domain.file_names import Naming
from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask
from exporter.domain.streams import Stream
from exporter.domain.verification import Verdict
from exporter.export.attempt import Outcome
from exporter.export.export_hour import export_hour
from exporter.pipeline.exported import Exported
from exporter.pipeline.formats import FORMATS, NDJSON_GZIP, Format, Writer, format_of
from exporter.verify.hour import verify_hour
from tests.support.fakes.world import World
from tests.support.worlds import (
    ACME,
    EVENTS,
    HOUR,
    MERGED_IDS,
    NOW,
    TASK,
    a_bulky_event,
    a_merge,
    a_worker,
    a_world,
    an_event,
    attempt,
    the_container,
    the_record,
)

LATER = NOW + timedelta(hours=1)


class PlainWriter:
    """Lines as they are, a block for each batch of rows."""

    def __init__(self, _compression: Compression, bytes_max: int | None) -> None:
        self.rows = self.size = 0
        self._bytes_max = bytes_max
        self._md5 = hashlib.md5(usedforsecurity=False)

    @property
    def md5(self) -> str:
        """The base64 of the MD5."""
        return base64.b64encode(self._md5.digest()).decode()

    @property
    def full(self) -> bool:
        """Whether the file has reached its limit."""
        return self._bytes_max is not None and self.size >= self._bytes_max

    def add(self, rows: Exported) -> Iterator[bytes]:
        """Take rows."""
        self.rows += rows.rows
        self.size += len(rows.content)
        self._md5.update(rows.content)
        yield rows.content

    def finish(self) -> Iterator[bytes]:
        """Yield nothing more."""
        yield from ()


PLAIN = Format(".json", "application/x-ndjson", b"", PlainWriter, passthrough=False)


class PlainDestination(Destination):
    """A destination that asks for that format."""

    def naming(self, stream: Stream) -> Naming:
        """Name its files accordingly."""
        return replace(super().naming(stream), suffix=PLAIN.suffix)


PLAIN_ACME = PlainDestination(**{name: getattr(ACME, name) for name in Destination.__dataclass_fields__})


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the format be known for one test."""
    monkeypatch.setitem(FORMATS, PLAIN.suffix, PLAIN)


def rows_of(world: World) -> list[dict[str, object]]:
    """Return the rows that a reader sees, file by file."""
    files = [body for name, body in sorted(the_container(world).items()) if name.endswith(".json")]
    return [json.loads(row) for body in files for row in body.splitlines()]


def a_plain_world() -> World:
    """Make a world with one blob of events."""
    world = a_world(PLAIN_ACME)
    world.land(EVENTS.stream, HOUR, map(an_event, range(5)))
    return world


def test_a_name_tells_its_format() -> None:
    """Whatever is in front of its end."""
    assert format_of("a/187520_2026-01-31_12#1.json") is PLAIN
    assert format_of("187520_2026-01-31_12#1.json.gz") is NDJSON_GZIP
    with pytest.raises(LookupError):
        format_of("187520_2026-01-31_12_complete")


@pytest.mark.parametrize("kind", [PLAIN, NDJSON_GZIP])
def test_a_file_without_rows_is_as_the_format_says(kind: Format) -> None:
    """So such a file can be told by its size."""
    writer: Writer = kind.writer(Compression.BALANCED, None)

    assert b"".join(writer.finish()) == kind.empty
    assert writer.size == len(kind.empty)


def test_an_hour_is_written_and_verified() -> None:
    """Under its names, with its content type, and not compressed."""
    world = a_plain_world()

    assert attempt(world) is Outcome.EXPORTED

    name = "187520_2026-01-31_12#1.json"
    blob = world.reader().committed[name]
    assert (blob.content_type, blob.body.count(b"\n")) == (PLAIN.content_type, 5)
    assert [row["event_type"] for row in rows_of(world)] == ["purchase"] * 5
    assert [part.name for part in the_record(world).content.parts] == [name]
    container = world.containers.open(PLAIN_ACME)
    checked = verify_hour(world.gateways, PLAIN_ACME, container, the_record(world), lambda: NOW)
    assert checked.verdict is Verdict.WHOLE


def test_parts_are_cut_at_their_limit() -> None:
    """Of the plain bytes."""
    world = a_world(PLAIN_ACME)
    lines = (json.dumps(a_bulky_event(number)).encode() for number in range(20))
    world.land(EVENTS.stream, HOUR, gzip.compress(b"\n".join(lines)))

    attempt(world)

    assert len(the_record(world).content.parts) == 2
    assert len(rows_of(world)) == 20


def test_files_are_read_back_to_add_late_rows() -> None:
    """The keys of the hour are lost, so they come from its files."""
    world = a_plain_world()
    attempt(world)
    world.own.committed.clear()
    world.land(EVENTS.stream, HOUR, [an_event(4), an_event(5)], "late.json")

    attempt(world, LATER, "second", replace(TASK, late=True))

    assert [str(row["uuid"])[-1] for row in rows_of(world)] == ["0", "1", "2", "3", "4", "5"]


def test_a_single_file_is_written_over() -> None:
    """Merged ids: what the file holds, and then what is new, though landing was tidied up."""
    world = a_world(PLAIN_ACME)
    task = HourTask(MERGED_IDS, HOUR)
    world.land(MERGED_IDS.stream, HOUR, [a_merge(1)])
    attempt(world, task=task)
    world.landed.committed.clear()
    world.land(MERGED_IDS.stream, HOUR, [a_merge(2)], "late.json")

    attempt(world, LATER, "second", replace(task, late=True))

    assert [row["amplitude_id"] for row in rows_of(world)] == [901, 902]


def test_an_hour_that_only_its_files_tell_of_is_adopted() -> None:
    """They are opened and counted."""
    world = a_plain_world()
    attempt(world)
    world.ledger.clear()
    del world.reader().committed["187520_2026-01-31_12_complete"]
    world.landed.committed.clear()

    assert attempt(world) is Outcome.ADOPTED
    assert the_record(world).content.rows.exported == 5


def test_gzip_blobs_do_not_pass_through() -> None:
    """Their bytes are no file of this format."""
    world = a_world(PLAIN_ACME)
    world.land(EVENTS.stream, HOUR, a_passing_blob())
    worker = replace(a_worker(lambda: NOW, "first"), whole_bytes_min=1)

    assert export_hour(TASK, world.gateways, worker) is Outcome.EXPORTED
    assert len(rows_of(world)) == 3


def a_passing_blob(hour: Hour = HOUR) -> bytes:
    """Return the gzip file of an hour: what lands so is exported unchanged, if the format is gzip."""
    world = a_world()
    world.land(EVENTS.stream, hour, map(an_event, range(3)))
    attempt(world)
    return the_container(world)["187520_2026-01-31_12#1.json.gz"]
