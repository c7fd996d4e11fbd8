"""The commit of an hour: whatever dies, and whatever becomes of landing, no row is lost or doubled."""

import gzip
import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.claims import LEASE
from exporter.domain.errors import Conflict, Transient
from exporter.domain.file_names import NameStyle, PathLayout
from exporter.domain.filter_parser import read_filter
from exporter.domain.hour_record import HourStatus
from exporter.domain.timestamps import TimestampFormat
from exporter.export.attempt import Outcome
from exporter.export.export_hour import export_hour
from exporter.pipeline.filters.patterns import pattern_cost
from tests.support.fakes.blobs import FOREIGN_BLOCK
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.worlds import (
    EVENTS,
    HOUR,
    LATE_UNTIL,
    MERGED_IDS,
    NOW,
    SETTLE,
    TASK,
    a_bulky_event,
    a_merge,
    a_worker,
    a_world,
    acme,
    an_event,
    attempt,
    backfill,
    the_record,
)

LATER = NOW + timedelta(hours=1)
ROWS = 50
# A backfill that changes three parts: note, claim, three spooled files, keys, record; marker and three parts
# are voided, with two writes each; three parts and the marker are staged and committed; record; deletions.
WRITES = 32
TASK_OF_BACKFILL = replace(TASK, requested_by="backfill:b1")


def a_replaced_world(world: World | None = None) -> World:
    """Make a world with an hour of three parts, all of which change because times are written otherwise."""
    world = a_world(acme(max_part_mib=1), world)
    crash_at, world.writes.crash_at = world.writes.crash_at, None
    world.land(EVENTS.stream, HOUR, [a_bulky_event(number) for number in range(ROWS)], "b.json")
    attempt(world)
    found = world.destinations.get("acme")
    assert found is not None
    output = replace(found.value.output, timestamp_format=TimestampFormat.AMPLITUDE)
    world.destinations.put(replace(found.value, output=output), found.etag)
    backfill(world, since=LATER)
    world.writes.log.clear()
    world.writes.crash_at = crash_at
    return world


def numbers(world: World) -> list[int]:
    """Return the numbers of the events that a reader sees, sorted."""
    return sorted(int(str(row["uuid"])[-12:]) for row in world.events_a_reader_sees())


def replaced(world: World, claim_id: str, after: timedelta = timedelta()) -> Outcome:
    """Let the backfill have the hour."""
    return attempt(world, LATER + after, claim_id, TASK_OF_BACKFILL)


def test_several_parts_that_change_are_replaced_by_one_attempt() -> None:
    """They are kept whole in the spool until the old ones are gone, and nothing of them is left there."""
    world = a_replaced_world()
    twice: list[str] = []

    def look() -> None:
        found = numbers(world)
        if len(found) != len(set(found)):
            twice.append(world.writes.log[-1])

    world.writes.after = look
    assert replaced(world, "second") is Outcome.EXPORTED

    assert numbers(world) == list(range(ROWS))
    assert twice == []
    assert len(the_record(world).content.parts) == 3
    assert not [name for name in world.own.names() if "spool" in name]
    assert len(world.writes.log) == WRITES


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
def test_a_death_and_a_tidied_landing_cost_no_row(write: int, moment: str) -> None:
    """The old files stay, or all of the new ones come: landing is not needed for what was recorded."""
    world = a_replaced_world(World(write, moment))
    with suppress(Crash):
        replaced(world, "dies")
    world.landed.committed.clear()

    with suppress(Conflict):
        replaced(world, "next", LEASE)
    attempt(world, LATER + 2 * LEASE, "last", TASK)

    assert numbers(world) == list(range(ROWS))
    # All of one kind: no file of the old export beside one of the new.
    assert len({"T" in str(row["server_upload_time"]) for row in world.events_a_reader_sees()}) == 1
    record = the_record(world)
    assert record.status is HourStatus.EXPORTED
    assert record.content.rows.exported == len(numbers(world))
    (marker,) = world.markers_a_reader_sees().values()
    files = {
        name: world.reader().committed[name].md5 for name in world.reader().names() if name[-3:] == ".gz"
    }
    assert {part["name"]: part["md5"] for part in marker["parts"]} == files


@pytest.mark.parametrize(
    "changes",
    [
        {"name_style": NameStyle.SAFE},
        {"path_layout": PathLayout.BY_PROJECT},
        {"path_layout": PathLayout.HIVE},
        {"completion_marker": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", range(1, 17))
def test_a_death_under_new_names_leaves_each_row_once(
    write: int, moment: str, changes: dict[str, object]
) -> None:
    """What stood under the old names is gone in the end, its marker, too."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1), an_event(2)])
    attempt(world)
    found = world.destinations.get("acme")
    assert found is not None
    renamed = replace(found.value, output=replace(found.value.output, **changes))  # type: ignore[arg-type]  # names of fields
    world.destinations.put(renamed.moved_from(found.value, NOW), found.etag)
    task = backfill(world, since=LATER)
    world.writes.log.clear()
    world.writes.crash_at, world.writes._moment = write, moment

    with suppress(Crash):
        attempt(world, LATER, "dies", task)
    world.writes.crash_at = None
    with suppress(Conflict):
        attempt(world, LATER + LEASE, "next", task)
    attempt(world, LATER + 2 * LEASE, "last", task)

    assert numbers(world) == [1, 2]
    assert len(world.markers_a_reader_sees()) == (changes != {"completion_marker": False})
    assert the_record(world).journal.in_doubt == ()


def test_a_worker_that_sleeps_before_an_overwritten_part_changes_nothing() -> None:
    """Its blocks are for the name of a part that stays as it is: that has another ETag since."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)], "a.json")
    attempt(world)
    container = world.containers.open(acme())
    (part,) = container.find("187520_2026-01-31_12#")
    with container.upload(part.name, attempt="zombie") as upload:
        upload.stage(b"other rows")

    container.refresh(part.name, etag=part.etag)

    (now,) = container.find("187520_2026-01-31_12#")
    assert (now.size, now.md5, now.etag != part.etag) == (part.size, part.md5, True)
    with pytest.raises(Conflict):
        container.refresh(part.name, etag=part.etag)


def test_blocks_of_another_program_under_the_name_of_a_part_are_discarded() -> None:
    """Of one that is there, too: its hour is staged into the spool, and the file is voided for it."""
    for there in (False, True):
        world = a_world()
        world.land(EVENTS.stream, HOUR, [an_event(1)], "a.json")
        task = TASK
        if there:
            attempt(world)
            world.land(EVENTS.stream, HOUR, [an_event(2)], "b.json")
            task = backfill(world, since=LATER)
        world.reader().staged["187520_2026-01-31_12#1.json.gz"] = {FOREIGN_BLOCK: b"something"}

        assert attempt(world, LATER, "second", task) is Outcome.EXPORTED
        assert numbers(world) == ([1, 2] if there else [1])


def test_an_hour_that_keeps_being_broken_off_says_why() -> None:
    """From the third time on; when it is done at last, nothing of that is left."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    landing = world.gateways.landing

    class Busy:
        """Lists, and cannot be read."""

        blobs = landing.blobs

        def reading(self, _: object) -> object:
            """Fail in passing."""
            raise Transient("landing says 503 ServerBusy")

    busy = replace(world.gateways, landing=Busy())  # type: ignore[arg-type]  # no more of it is asked
    usual, world.gateways = world.gateways, busy
    for number in range(3):
        assert the_error(world) is None
        with suppress(Transient):
            attempt(world, NOW, f"claim-{number}")

    assert the_error(world) == "keeps_failing_in_passing"
    assert "landing says 503" in (the_record(world).work.error or pytest.fail("no error")).message
    world.gateways = usual
    assert attempt(world, NOW, "at last") is Outcome.EXPORTED
    assert (the_error(world), the_record(world).work.transient_failures) == (None, 0)


def the_error(world: World) -> str | None:
    """Return the code of what the ledger says is wrong with the hour, if anything."""
    found = world.ledger.get(EVENTS, HOUR)
    return found.value.work.error.code if found and found.value.work.error else None


def test_late_merged_ids_keep_those_that_landing_does_not_hold_any_more() -> None:
    """Their one file is written over: what it holds first, and then what is new."""
    world = a_world(acme(project_id=None))
    task = replace(TASK, key=MERGED_IDS)
    for number, name in ((1, "a.json"), (2, "b.json")):
        world.land(MERGED_IDS.stream, HOUR, [a_merge(number)], name)
    attempt(world, task=task)
    del world.landed.committed[f"{MERGED_IDS.stream.landing_folder(HOUR)}a.json"]
    world.land(MERGED_IDS.stream, HOUR, [a_merge(2), a_merge(3)], "c.json")

    assert attempt(world, LATER, "late", replace(task, late=True)) is Outcome.EXPORTED

    assert [row["amplitude_id"] for row in world.events_a_reader_sees()] == [901, 902, 902, 903]
    assert the_record(world, MERGED_IDS).content.rows.exported == 4


def test_merged_ids_that_are_put_again_without_an_md5_are_not_doubled() -> None:
    """Their ETag says that they are others; their rows say that they are the same."""
    world = a_world(acme(project_id=None))
    task = replace(TASK, key=MERGED_IDS)
    for number, name in ((1, "a.json"), (2, "b.json")):
        world.land(MERGED_IDS.stream, HOUR, [a_merge(number)], name)
    without_md5(world)
    attempt(world, task=task)
    world.land(MERGED_IDS.stream, HOUR, [a_merge(1)], "a.json")
    world.land(MERGED_IDS.stream, HOUR, [a_merge(3)], "c.json")
    del world.landed.committed[f"{MERGED_IDS.stream.landing_folder(HOUR)}b.json"]
    without_md5(world)

    assert attempt(world, LATER, "late", replace(task, late=True)) is Outcome.EXPORTED

    assert [row["amplitude_id"] for row in world.events_a_reader_sees()] == [901, 902, 903]


def without_md5(world: World) -> None:
    """Let storage know no MD5 of what landed, as of blobs that were put block by block."""
    for name, blob in world.landed.committed.items():
        world.landed.committed[name] = replace(blob, md5=None)


@pytest.mark.parametrize("lost", ["keys", "all"])
def test_late_rows_of_an_hour_whose_filter_is_not_known_go_through_the_filter_of_now(lost: str) -> None:
    """Its keys were lost and the filter was changed since; or its files are a predecessor's."""
    purchases = read_filter(
        {"property": "event_type", "operator": "is", "values": ["purchase"]}, pattern_cost
    )
    world = a_world(acme(event_filter=purchases))
    world.land(EVENTS.stream, HOUR, [an_event(1)], "a.json")
    attempt(world)
    world.own.committed.clear()
    if lost == "all":
        world.ledger.clear()
        world.reader().committed.pop("187520_2026-01-31_12_complete")
        world.landed.committed.clear()
        assert attempt(world, NOW, "adopts") is Outcome.ADOPTED
    world.land(EVENTS.stream, HOUR, [an_event(2, event_type="view"), an_event(3)], "b.json")

    assert attempt(world, LATER, "late", replace(TASK, late=True)) is Outcome.EXPORTED

    assert numbers(world) == [1, 3]


def test_after_a_last_look_that_adds_rows_no_keys_are_kept() -> None:
    """No later check compares with them."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)], "a.json")
    attempt(world)
    world.land(EVENTS.stream, HOUR, [an_event(2)], "b.json")

    last = HOUR.end + SETTLE + LATE_UNTIL
    assert attempt(world, last, "last", replace(TASK, late=True)) is Outcome.EXPORTED

    assert numbers(world) == [1, 2]
    assert (the_record(world).content.origin.digests, world.own.names()) == ((), [])


def test_an_hour_that_is_adopted_as_its_last_check_comes_due_is_not_doubled() -> None:
    """The keys of all of its parts are kept, or of none: those of some are not all that readers have."""
    world = a_world()
    for number in (1, 2):
        line = json.dumps(an_event(number)).encode() + b"\n"
        world.reader().set(f"187520_2026-01-31_12#{number}.json.gz", gzip.compress(line))
    last = HOUR.end + SETTLE + LATE_UNTIL
    # The last check comes due while the parts are read, once the keys of the first are kept.
    worker = a_worker(lambda: last if world.own.names() else last - timedelta(seconds=1), "adopts")
    assert export_hour(TASK, world.gateways, worker) is Outcome.ADOPTED
    world.land(EVENTS.stream, HOUR, [an_event(2)], "a.json")

    assert attempt(world, last, "late", replace(TASK, late=True)) is Outcome.EXPORTED

    assert numbers(world) == [1, 2]
