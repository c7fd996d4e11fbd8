"""Typed decoders are made when a module is imported, never later.

msgspec learns a type when a decoder for it is first made. While one thread does so, another that decodes the
same type crashes the process: its lists of fields are half filled. An import happens in one thread only.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
MODULES = sorted((PROJECT / "exporter").rglob("*.py"))
# The first use of everything that is decoded by type, from several threads at once, with a thread switch at
# nearly every instruction. The process dies of it (signal 11) if a type is learned only then.
CROWD = """
import sys, threading
sys.path.insert(0, sys.argv[1])
sys.setswitchinterval(1e-6)
from datetime import UTC, datetime
from exporter.domain.backfill import Backfill, FailedHour
from exporter.domain.destination import Output
from exporter.domain.errors import Fault
from exporter.domain.hour import Hour
from exporter.domain.hour_content import HourContent
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.marker import Part
from exporter.domain.data_types import DataType
from exporter.domain.streams import Stream, StreamKey
from exporter.pipeline.events import EventCodec
from exporter.messages import EXPORT_HOURS
from exporter.storage.own import ledger, specs
from exporter.storage.own.entities import Entity

now, hour = datetime.now(UTC), Hour.parse("2026-01-31T12")
key = StreamKey("acme", Stream(DataType.EVENTS, 1))
content = HourContent(parts=(Part("a", 1, 1, "x"),))
record = HourRecord(key, hour, content=content).claimed_by("c", "schedule", now)
row = ledger._row(record.failed(Fault("a", "b", "c"), now).claimed_by("d", "schedule", now))
message = EXPORT_HOURS.encode(HourTask(key, hour))
asked = Backfill(
    id="b1", destination_id="acme", start="", end="", first=hour, last=hour, streams=(key.stream,), total=1,
    created_at=now, since=now, retry_since=now, moved_at=now, queued_before=hour, done_before=hour,
    failed=(FailedHour(key.stream, hour, Fault("a", "b", "c")),),
)
backfill = specs.BACKFILLS.encode(("acme", "b1"), asked)
started = threading.Barrier(8)

def work():
    codec = EventCodec(1, hour, Output())
    started.wait()
    ledger._record(key, Entity("ledger", row))
    specs.BACKFILLS.decode(Entity("backfills", backfill))
    EXPORT_HOURS.parse(message)
    codec.decode(b'{"uuid": "", "event_type": "", "event_time": "", "server_upload_time": ""}')

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PROJECT)))
def test_no_function_decodes_a_type_that_no_decoder_was_made_for(module: Path) -> None:
    """``decode(..., type=...)`` and ``convert`` learn their type when they are called: too late."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {
            "msgspec.json.decode",
            "msgspec.convert",
        }:
            assert "type" not in {keyword.arg for keyword in node.keywords}, ast.unparse(node)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PROJECT)))
def test_no_function_makes_a_document(module: Path) -> None:
    """A document makes its decoder when it is made, so it is made at import as well."""
    for function in ast.walk(ast.parse(module.read_text())):
        if isinstance(function, ast.FunctionDef):
            called = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
            assert "Document" not in called, function.name


def test_a_crowd_that_decodes_at_once_for_the_first_time_does_no_harm() -> None:
    """A worker that has just started gets a request, a message and a tick in the same moment."""
    for _ in range(3):
        run = subprocess.run(  # noqa: S603  our own code
            [sys.executable, "-X", "faulthandler", "-c", CROWD, str(PROJECT)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr[-2000:]
