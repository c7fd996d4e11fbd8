"""What this release stores, as it lies in tables, queues and blobs: the next one must read it, and so do we.

``released/0.1.json`` was written by this release. A change of form shows here: then the old file stays, to
be read for ever, and the new form gets a file of its own: ``python -m tests.contract.test_releases FILE``.
"""

import base64
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exporter import messages
from exporter.backfill.hour_list import decode_hours, encode_hours
from exporter.domain.backfill import BackfillStep
from exporter.domain.breaker import Breaker
from exporter.domain.claims import Claim
from exporter.domain.data_types import DataType
from exporter.domain.filters import EventFilter
from exporter.domain.hour_task import HourTask, SliceRef
from exporter.domain.last_tick import LAST, LastTick
from exporter.domain.notifications import Delivery, NotificationKind, notification
from exporter.domain.pulls import (
    FolderTurn,
    LateLanding,
    PullProgress,
    PullSlots,
    PullTask,
    SourceHealth,
)
from exporter.domain.slices import Slice
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import LandingBlob
from exporter.domain.verification import Code, Finding, HourCheck, Verdict, VerifyStep
from exporter.export.slice_plan import SlicePlan
from exporter.export.slice_plan import decode as decode_plan
from exporter.export.slice_plan import encode as encode_plan
from exporter.ports import Gateways
from exporter.verify.findings import decode_findings, encode_findings
from infra.local import azurite as emulator
from tests.contract.backends import HOUR, KEY, NOW, AzuriteBackend
from tests.contract.samples import (
    BACKFILL,
    DESTINATION,
    NO_ZIP,
    NOTIFIED,
    PULL_RUN,
    PULLED_HOUR,
    RECORD,
    SLICE,
    SOURCE,
    TRIAL,
    VERIFIED,
)

RELEASED = Path(__file__).with_name("released")
PROGRESS = StreamProgress(
    KEY,
    HOUR,
    HOUR.plus(5),
    (HOUR, HOUR.plus(1)),
    ledger="2026-01-31T13:15:00+00:00",
    reviewed_at=NOW,
    place="acme.blob.core.windows.net|raw",
)
STANDING = Breaker(3, NOW, NOW - timedelta(days=1))
TASK = HourTask(KEY, HOUR, "backfill:b1", late=True)
SHARE = HourTask(KEY, HOUR, "backfill:b1", slice_ref=SliceRef("run", 7), round=2, allow_loss=True)
TICKED = LastTick(NOW, due=5, queued=4, behind=3, failing=2, failed_parts=1)
LANDED = LandingBlob("events/187520/2020/01/25/17/a.json.gz", '"0x8DEADBEEF000000"', 99, "md5==")
PLAN = SlicePlan(
    slices=(Slice(1, 2, (LANDED,)),),
    output=DESTINATION.output,
    event_filter='{"all":[]}',
    container="acme.blob.core.windows.net|raw",
    prefix="a/b/",
    blobs=(LANDED,),
    spooled=True,
    base=RECORD.content,
)
CHECKED = HourCheck(
    HOUR,
    DataType.EVENTS,
    Verdict.WRONG,
    (Finding(Code.PART_MISSING, "187520_2020-01-25_17#1.json.gz", "It is not there."),),
    repairable=True,
    more=3,
)

PULLED_UNTIL = PullProgress(SOURCE.id, HOUR, HOUR.plus(2), (HOUR,))
SICK = SourceHealth(3, NOW, NO_ZIP, failing=True)
SLOTS = PullSlots(SOURCE.id, (Claim("a", NOW), Claim("b", NOW)))
TURN = FolderTurn(SOURCE.project_id, HOUR, "acme/2020-01-25T17/000000-20200125T200000-c.zip")
LATE = LateLanding(SOURCE.project_id, HOUR, NOW)
# There is one type of sources: its name cannot differ from the default.
ALWAYS_THE_SAME = {"Source.type"}


@dataclass(frozen=True)
class Stored:
    """One kind of row: in which table, what is written, and what is read back."""

    table: str
    write: Callable[[Gateways], object]
    read: Callable[[Gateways], object]
    expected: object


def value(found: Any) -> object:  # noqa: ANN401  any versioned value
    """Return what a gateway has found, without its ETag."""
    return None if found is None else found.value


ROWS = {
    "ledger": Stored(
        "ledger", lambda to: to.ledger.put(RECORD, None), lambda at: value(at.ledger.get(KEY, HOUR)), RECORD
    ),
    "slice": Stored(
        "slices",
        lambda to: to.slices.put(SLICE, None),
        lambda at: value(at.slices.get(KEY, HOUR, "run", 7)),
        SLICE,
    ),
    "schedule": Stored(
        "schedule",
        lambda to: to.schedule.put(PROGRESS.key, PROGRESS),
        lambda at: at.schedule.get(KEY),
        PROGRESS,
    ),
    "reopened": Stored(
        "schedule",
        lambda to: to.reopened.remember(TASK),
        lambda at: [each.value for each in at.reopened.all()],
        [replace(TASK, late=False)],
    ),
    "standing": Stored(
        "breakers",
        lambda to: to.breakers.put("acme", STANDING),
        lambda at: at.breakers.get("acme"),
        STANDING,
    ),
    "tick": Stored(
        "schedule",
        lambda to: to.ticks.put(LAST, TICKED),
        lambda at: at.ticks.get(LAST),
        TICKED,
    ),
    "destination": Stored(
        "destinations",
        lambda to: to.destinations.put(DESTINATION, None),
        lambda at: value(at.destinations.get("acme")),
        DESTINATION,
    ),
    "notified destination": Stored(
        "destinations",
        lambda to: to.destinations.put(NOTIFIED, None),
        lambda at: value(at.destinations.get("acme")),
        NOTIFIED,
    ),
    "names": Stored(
        "destinations",
        lambda to: to.destinations.put_with_names(DESTINATION, None, {"|raw": None}),
        lambda at: (at.destinations.names_version("|raw") is not None, len(at.destinations.all())),
        (True, 1),
    ),
    "test": Stored(
        "destinations",
        lambda to: to.destinations.record_test("acme", TRIAL),
        lambda at: at.destinations.last_test("acme"),
        TRIAL,
    ),
    "backfill": Stored(
        "backfills",
        lambda to: to.backfills.put(BACKFILL, None),
        lambda at: value(at.backfills.get("acme", BACKFILL.id)),
        BACKFILL,
    ),
    "verification": Stored(
        "verifications",
        lambda to: to.verifications.put(VERIFIED, None),
        lambda at: value(at.verifications.get(VERIFIED.destination_id, VERIFIED.id)),
        VERIFIED,
    ),
    "source": Stored(
        "pullsources",
        lambda to: to.pulls.sources.put(SOURCE, None),
        lambda at: value(at.pulls.sources.get(SOURCE.id)),
        SOURCE,
    ),
    "progress of a source": Stored(
        "pullsources",
        lambda to: to.pulls.progress.put(SOURCE.id, PULLED_UNTIL),
        lambda at: at.pulls.progress.get(SOURCE.id),
        PULLED_UNTIL,
    ),
    "health of a source": Stored(
        "pullsources",
        lambda to: to.pulls.health.put(SOURCE.id, SICK),
        lambda at: at.pulls.health.get(SOURCE.id),
        SICK,
    ),
    "slots of a source": Stored(
        "pullsources",
        lambda to: to.pulls.slots.put(SLOTS, None),
        lambda at: value(at.pulls.slots.get(SOURCE.id)),
        SLOTS,
    ),
    "late landing": Stored(
        "pullsources",
        lambda to: to.pulls.late.remember(LATE),
        lambda at: [each.value for each in at.pulls.late.all()],
        [LATE],
    ),
    "pulled hour": Stored(
        "pullhours",
        lambda to: to.pulls.hours.put(PULLED_HOUR, None),
        lambda at: value(at.pulls.hours.get(SOURCE.id, HOUR)),
        PULLED_HOUR,
    ),
    "turn in a folder": Stored(
        "pullhours",
        lambda to: to.pulls.turns.put(TURN, None),
        lambda at: value(at.pulls.turns.get(TURN.project_id, HOUR)),
        TURN,
    ),
    "requested pull": Stored(
        "pullruns",
        lambda to: to.pulls.runs.put(PULL_RUN, None),
        lambda at: value(at.pulls.runs.get(SOURCE.id, PULL_RUN.id)),
        PULL_RUN,
    ),
}
STEP = BackfillStep("acme", "b1", 17)
VERIFY_STEP = VerifyStep("acme", "v1", HOUR)
NOTICE = notification(NotificationKind.BACKFILL_ENDED, "acme", NOW, "b1", status="succeeded", failed_hours=0)
MESSAGES: dict[str, tuple[messages.QueueSpec[Any], object]] = {
    "hour": (messages.EXPORT_HOURS, HourTask(KEY, HOUR)),
    "late": (messages.EXPORT_HOURS, TASK),
    "slice": (messages.BACKFILL_HOURS, SHARE),
    "backfill step": (messages.BACKFILL_STEPS, STEP),
    "verify step": (messages.VERIFY_STEPS, VERIFY_STEP),
    "pull": (messages.PULL_HOURS, PullTask("acme", HOUR, "r1")),
    "notice": (messages.WEBHOOK_CALLS, Delivery(NOTICE, 2)),
}
# What is kept in blobs of our own while it is worked with.
BLOBS: dict[str, tuple[Callable[[], bytes], Callable[[bytes], object], object]] = {
    "plan": (lambda: encode_plan(PLAN), lambda body: decode_plan([body]), PLAN),
    "findings": (
        lambda: b"".join(encode_findings([CHECKED])),
        lambda body: list(decode_findings([body])),
        [CHECKED],
    ),
    "hours": (
        lambda: b"".join(encode_hours([(KEY.stream, HOUR)])),
        lambda body: list(decode_hours([body])),
        [(KEY.stream, HOUR)],
    ),
}


def rows_in(backend: AzuriteBackend, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table, bytes as text."""
    client = backend.account.tables.get_table_client(backend.own_name(table))
    return [
        {
            name: {"base64": base64.b64encode(found).decode()} if isinstance(found, bytes) else found
            for name, found in row.items()
            if not isinstance(found, datetime)
        }
        for row in client.list_entities()
    ]


def released() -> list[Path]:
    """Return the files of all releases."""
    return sorted(RELEASED.glob("*.json"))


def entity(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a file as it is to be stored."""
    return {
        name: base64.b64decode(found["base64"]) if isinstance(found, dict) else found
        for name, found in row.items()
    }


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("release", released(), ids=lambda each: each.stem)
def test_rows_of_every_release_are_read(azurite: AzuriteBackend, release: Path, kind: str) -> None:
    """As what they were written."""
    stored = ROWS[kind]
    table = azurite.account.tables.create_table_if_not_exists(azurite.own_name(stored.table))
    for row in json.loads(release.read_text())["rows"][kind]:
        table.create_entity(entity(row))

    assert stored.read(azurite.gateways) == stored.expected


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("release", released(), ids=lambda each: each.stem)
def test_messages_of_every_release_are_read(release: Path, kind: str) -> None:
    """They may wait in a queue while the exporter is upgraded."""
    queue, expected = MESSAGES[kind]
    assert queue.parse(json.loads(release.read_text())["messages"][kind]) == expected


@pytest.mark.parametrize("kind", ROWS)
def test_this_release_writes_as_the_newest_file_says(azurite: AzuriteBackend, kind: str) -> None:
    """If not, the form has changed: a new file is needed, and the old one must still be read."""
    stored = ROWS[kind]
    stored.write(azurite.gateways)

    newest = json.loads(released()[-1].read_text())["rows"][kind]
    assert [entity(row) for row in rows_in(azurite, stored.table)] == [entity(row) for row in newest]


@pytest.mark.parametrize("kind", BLOBS)
@pytest.mark.parametrize("release", released(), ids=lambda each: each.stem)
def test_blobs_of_every_release_are_read(release: Path, kind: str) -> None:
    """An upgrade comes while a large hour is staged, or a verification runs."""
    _, read, expected = BLOBS[kind]
    assert read(base64.b64decode(json.loads(release.read_text())["blobs"][kind])) == expected


@pytest.mark.parametrize("kind", BLOBS)
def test_blobs_are_written_as_the_newest_file_says(kind: str) -> None:
    """The same for blobs; how well they are compressed is no part of their form."""
    newest = base64.b64decode(json.loads(released()[-1].read_text())["blobs"][kind])
    assert unpacked(BLOBS[kind][0]()) == unpacked(newest)


def unpacked(body: bytes) -> bytes:
    """Return what is in a blob, compressed or not."""
    with suppress(zlib.error):
        return zlib.decompress(body)
    return body


def instances(found: object) -> Iterator[Any]:
    """Yield a value's dataclasses, at whatever depth."""
    if is_dataclass(found) and not isinstance(found, type):
        yield found
        for each in fields(found):
            yield from instances(getattr(found, each.name))
    elif isinstance(found, tuple | list):
        for each in found:
            yield from instances(each)


def test_every_field_that_is_stored_is_in_the_file() -> None:
    """A field that only ever has its default would be missed if a later release could not read it."""
    samples = [each.expected for each in ROWS.values()]
    samples += [expected for *_, expected in (*MESSAGES.values(), *BLOBS.values())]
    # A filter is stored as its text.
    every = [each for each in instances(samples) if type(each).__module__ != EventFilter.__module__]
    with_a_default: set[str] = set()
    told: set[str] = set()
    for each in every:
        for one in fields(each):
            default = one.default_factory() if one.default_factory is not MISSING else one.default
            if default is not MISSING:
                with_a_default.add(f"{type(each).__name__}.{one.name}")
            if getattr(each, one.name) != default:
                told.add(f"{type(each).__name__}.{one.name}")

    assert with_a_default - told == ALWAYS_THE_SAME


def test_messages_are_written_as_the_newest_file_says() -> None:
    """The same for queues."""
    newest = json.loads(released()[-1].read_text())["messages"]
    assert {kind: queue.encode(expected) for kind, (queue, expected) in MESSAGES.items()} == newest


def write_release(target: Path) -> None:
    """Write what this release stores to a file."""
    rows = {}
    with emulator.running() as endpoints:
        for kind, stored in ROWS.items():
            backend = AzuriteBackend(endpoints.connection_string)
            stored.write(backend.gateways)
            rows[kind] = rows_in(backend, stored.table)
            backend.close()
    sent = {kind: queue.encode(expected) for kind, (queue, expected) in MESSAGES.items()}
    blobs = {kind: base64.b64encode(write()).decode() for kind, (write, _, _) in BLOBS.items()}
    release = {"rows": rows, "messages": sent, "blobs": blobs}
    target.write_text(json.dumps(release, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    write_release(Path(sys.argv[1]))
