"""Hours that are taken again, added to, or staged by several workers, as a reader sees them."""

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from exporter.domain.claims import LEASE, Claim
from exporter.domain.errors import Conflict, Transient
from exporter.domain.hour_content import RowCounts
from exporter.domain.hour_record import RUN_AGAIN, HourStatus
from exporter.domain.hour_task import HourTask
from exporter.domain.marker import Part, StagedFile
from exporter.domain.row_schema import Reason
from exporter.domain.slices import SliceRecord, SliceResult
from exporter.export import stage_slice
from exporter.export.attempt import Outcome
from exporter.pipeline.key_set import ApproximateKeySet, split
from exporter.pipeline.native import scanner
from tests.support.fakes.blobs import md5_base64
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.worlds import (
    EVENTS,
    HOUR,
    MERGED_IDS,
    NOW,
    a_bulky_event,
    a_merge,
    a_world,
    acme,
    an_event,
    attempt,
    backfill,
    the_container,
    the_record,
)

LATER = NOW + timedelta(hours=1)
LATE = HourTask(EVENTS, HOUR, late=True)


def uuids(world: World) -> list[object]:
    """Return what a reader who takes every file finds, in order."""
    return [row["uuid"] for row in world.events_a_reader_sees()]


def an_event_key(number: int) -> bytes:
    """Return the key of an event."""
    return UUID(str(an_event(number)["uuid"])).bytes


def expected(*numbers: int) -> list[object]:
    """Return the keys of these events."""
    return [an_event(number)["uuid"] for number in numbers]


def settled(world: World, limit: int = 60) -> None:
    """Deliver messages until none waits, each by a worker of its own, as time passes."""
    for count in range(limit):
        if not (tasks := world.hours.take() + world.backfill_hours.take()):
            return
        for number, task in enumerate(tasks):
            with suppress(Conflict, Transient):
                attempt(world, LATER, claim_id=f"worker-{count}-{number}", task=task)
    raise AssertionError("messages without end")


class Watcher(Iterator[None]):
    """Looks at the container at every write, and remembers whether a row was ever there twice."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.twice: list[str] = []

    def __next__(self) -> None:
        found = uuids(self.world)
        if len(found) != len(set(found)):
            self.twice.append(self.world.writes.log[-1])


def a_large_world(**changes: object) -> World:
    """Make a world whose hour is four slices, two of which repeat rows of the first."""
    world = a_world(acme(max_part_mib=1, **changes))
    for number, name in enumerate("abcd"):
        rows = [a_bulky_event(each) for each in range(number * 12, number * 12 + 12)]
        world.land(EVENTS.stream, HOUR, [*rows, an_event(number % 2)], f"{name}.json")
    return world


def test_late_blobs_become_further_parts_without_rows_that_are_there() -> None:
    """Parts that are there stay as they are, and the marker names all of them."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1), an_event(2)], "b.json")
    attempt(world)
    before = the_container(world)
    world.land(EVENTS.stream, HOUR, [an_event(2), an_event(3), {"uuid": "none"}], "a.json")

    assert attempt(world, LATER, claim_id="late", task=LATE) is Outcome.EXPORTED

    assert uuids(world) == expected(1, 2, 3)
    assert before["187520_2026-01-31_12#1.json.gz"] == the_container(world)["187520_2026-01-31_12#1.json.gz"]
    (marker,) = world.markers_a_reader_sees().values()
    assert [part["name"][-10:] for part in marker["parts"]] == ["#1.json.gz", "#2.json.gz"]
    record = the_record(world)
    assert (record.content.rows.exported, record.content.rows.duplicate, record.content.rows.rejected) == (
        3,
        1,
        1,
    )
    assert record.status is HourStatus.EXPORTED
    assert [row["line"] for row in world.rejected_rows()] == [3]


def test_an_hour_to_which_nothing_was_added_is_looked_at_and_left() -> None:
    """The ledger says that it was looked at; the container is not written to."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    attempt(world)
    before = the_container(world)

    assert attempt(world, LATER, claim_id="late", task=LATE) is Outcome.UNCHANGED

    assert the_container(world) == before
    assert the_record(world).late_checked_at == LATER


def test_after_the_last_look_nothing_is_kept_of_the_hour() -> None:
    """What is needed to tell late rows from others is cleared away."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    attempt(world)
    assert world.own.names()

    attempt(world, HOUR.end + timedelta(hours=73), claim_id="late", task=LATE)

    assert world.own.names() == []


def test_late_merged_ids_are_in_the_one_file() -> None:
    """It is written over."""
    world = a_world()
    world.land(MERGED_IDS.stream, HOUR, [a_merge(1)], "a.json")
    attempt(world, task=HourTask(MERGED_IDS, HOUR))
    world.land(MERGED_IDS.stream, HOUR, [a_merge(2)], "b.json")

    attempt(world, LATER, claim_id="late", task=HourTask(MERGED_IDS, HOUR, late=True))

    assert world.events_a_reader_sees() == [a_merge(1), a_merge(2)]


@pytest.mark.parametrize("last", [False, True], ids=["keys are there", "keys are gone"])
def test_a_look_never_replaces_an_hour_by_less(*, last: bool) -> None:
    """Landing may be tidied up; what was exported stays, and the ledger still knows of what it was made."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)], "a.json")
    world.land(EVENTS.stream, HOUR, [an_event(2)], "b.json")
    attempt(world)
    before = the_container(world)
    if last:
        attempt(world, HOUR.end + timedelta(hours=73), claim_id="last", task=LATE)
    world.landed.committed.popitem()

    attempt(world, HOUR.end + timedelta(hours=74), claim_id="late", task=LATE)

    assert uuids(world) == expected(1, 2)
    assert before["187520_2026-01-31_12#1.json.gz"] == the_container(world)["187520_2026-01-31_12#1.json.gz"]


def test_an_adopted_hour_is_not_replaced_by_what_is_left_of_it_in_landing() -> None:
    """Our tables were lost, and landing was tidied up meanwhile."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)], "a.json")
    attempt(world)
    world.ledger.clear()
    world.landed.committed.clear()
    assert attempt(world, LATER, claim_id="adopts") is Outcome.ADOPTED

    assert attempt(world, LATER, claim_id="late", task=LATE) is Outcome.UNCHANGED

    assert uuids(world) == expected(1)


def test_a_worker_that_sleeps_before_the_marker_finds_it_written() -> None:
    """Else it would write it later, when the parts that it names are others."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)], "b.json")
    world.writes.crash_at = 7
    with suppress(Crash):
        attempt(world)
    assert world.writes.log[-1] == "commit 187520_2026-01-31_12_complete"
    assert the_container(world).keys() == {"187520_2026-01-31_12#1.json.gz"}
    (part,) = the_record(world).content.parts
    marker = StagedFile(Part("187520_2026-01-31_12_complete", 0, 0, ""), "first", 1)
    world.land(EVENTS.stream, HOUR, [an_event(2)], "a.json")
    true: list[bool] = []

    def look() -> None:
        markers = world.markers_a_reader_sees().values()
        files = {name: md5_base64(body) for name, body in the_container(world).items()}
        true.extend(files[each["name"]] == each["md5"] for marker in markers for each in marker["parts"])

    world.writes.after = look
    task = backfill(world, since=LATER)
    assert attempt(world, LATER, claim_id="second", task=task) is Outcome.EXPORTED

    assert len(true) > 1
    assert all(true)
    assert the_record(world).content.parts != (part,)
    with pytest.raises(Conflict):
        world.containers.open(acme()).commit(marker, etag=None)
    world.reader().committed.pop(marker.part.name)
    with pytest.raises(Conflict):
        world.containers.open(acme()).commit(marker, etag=None)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", range(1, 14))
def test_a_death_while_late_rows_are_added_is_healed(write: int, moment: str) -> None:
    """The next worker finishes it; no row is there twice, and none is missing."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1), an_event(2)], "b.json")
    attempt(world)
    world.land(EVENTS.stream, HOUR, [an_event(2), an_event(3)], "a.json")
    world.writes.crash_at, world.writes._moment = len(world.writes.log) + write, moment

    with suppress(Crash):
        attempt(world, LATER, claim_id="dies", task=LATE)
    for number in range(3):
        for task in (HourTask(EVENTS, HOUR), LATE):
            attempt(world, LATER + LEASE * (number + 1), claim_id=f"next-{number}-{task.late}", task=task)

    assert uuids(world) == expected(1, 2, 3)
    assert the_record(world).done
    assert len(world.markers_a_reader_sees()) == 1


def test_a_backfill_that_cuts_otherwise_shows_no_row_twice_at_any_moment() -> None:
    """What is moved to another part is gone from the former one before it appears."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1), an_event(2)], "b.json")
    attempt(world)
    world.land(EVENTS.stream, HOUR, [an_event(3)], "a.json")
    attempt(world, LATER, claim_id="late", task=LATE)
    watcher = Watcher(world)
    world.writes.after = watcher.__next__

    task = backfill(world, since=LATER)
    assert attempt(world, LATER, claim_id="backfill", task=task) is Outcome.EXPORTED

    assert watcher.twice == []
    assert uuids(world) == expected(3, 1, 2)
    assert [name[-10:] for name in the_container(world)] == ["#1.json.gz", "2_complete"]
    assert the_record(world).satisfies(LATER)
    assert world.reopened.all() == []


def test_an_hour_that_is_cut_otherwise_shows_no_row_twice_and_no_marker_meanwhile() -> None:
    """Rows move from part to part: at no moment is one of them there twice, and no marker is, meanwhile."""
    world = a_world(acme(max_part_mib=1))
    world.land(EVENTS.stream, HOUR, [a_bulky_event(number) for number in range(50)], "b.json")
    attempt(world)
    settled(world)
    world.land(EVENTS.stream, HOUR, [an_event(50)], "a.json")
    attempt(world, LATER, claim_id="late", task=LATE)
    watcher = Watcher(world)
    world.writes.after = watcher.__next__

    task = backfill(world, since=LATER)
    for number in range(6):
        with suppress(Transient):
            attempt(world, LATER, claim_id=f"backfill-{number}", task=task)
            settled(world)

    assert watcher.twice == []
    assert sorted(map(str, uuids(world))) == sorted(map(str, expected(*range(51))))
    assert the_record(world).satisfies(LATER)
    assert len(world.markers_a_reader_sees()) == 1


def test_a_large_hour_is_staged_in_slices_and_rows_that_two_have_are_exported_once() -> None:
    """By the first that has them; the marker comes last, and nothing of the run is left."""
    world = a_large_world()

    assert attempt(world) is Outcome.SLICED
    assert uuids(world) == []
    settled(world)

    assert sorted(map(str, uuids(world))) == sorted(map(str, expected(*range(48))))
    record = the_record(world)
    assert record.status is HourStatus.EXPORTED
    assert (record.content.rows.exported, record.content.rows.duplicate) == (48, 4)
    assert record.sliced is None
    (marker,) = world.markers_a_reader_sees().values()
    assert [part["name"] for part in marker["parts"]] == [part.name for part in record.content.parts]


@pytest.mark.parametrize("order", ["forwards", "backwards"])
def test_an_hour_is_the_same_in_whatever_order_its_slices_are_staged(order: str) -> None:
    """In their order, each knows those before it, and none is staged twice; backwards, three have to be."""
    world, other = a_large_world(), a_large_world()
    attempt(world)
    tasks = world.hours.take()
    for number, task in enumerate(tasks if order == "forwards" else reversed(tasks)):
        attempt(world, LATER, claim_id=f"worker-{number}", task=task)
    again = len(world.hours.messages)
    settled(world)
    attempt(other)
    settled(other)

    assert again == (0 if order == "forwards" else 3)
    assert the_container(world) == the_container(other)
    assert sorted(map(str, uuids(world))) == sorted(map(str, expected(*range(48))))
    assert the_record(world).content.rows == the_record(other).content.rows


type Hits = Callable[[bytes], bool]


def seem_to_know(patch: pytest.MonkeyPatch, hit: Hits) -> None:
    """Let approximate sets find these keys, too, whether they were added or not."""
    real = ApproximateKeySet.known_joined

    def known_joined(keys: ApproximateKeySet, joined: bytes) -> bytes:
        found = zip(split(joined), real(keys, joined), strict=True)
        return bytes(known or hit(key) for key, known in found)

    def known(keys: ApproximateKeySet, some: list[bytes]) -> list[bool]:
        return list(map(bool, known_joined(keys, b"".join(some))))

    patch.setattr(ApproximateKeySet, "known_joined", known_joined)
    patch.setattr(ApproximateKeySet, "known", known)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize(
    "hit",
    [
        pytest.param(lambda key: key[-1] % 256 == an_event_key(17)[-1], id="one row"),
        pytest.param(lambda key: zlib.crc32(key) % 3 == 0, id="a third of all rows"),
        pytest.param(lambda _key: True, id="all rows"),
    ],
)
def test_rows_that_only_seem_to_be_in_an_earlier_slice_are_exported_once(
    hit: Hits,
    native: bool,  # noqa: FBT001  a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the approximate sets of keys find: the files are the same, and each row is in one of them."""
    allowed = scanner.library() is not None
    scanner.allow(native and allowed)
    world, usual = a_large_world(), a_large_world()
    try:
        attempt(usual)
        settled(usual)
        seem_to_know(monkeypatch, hit)
        attempt(world)
        for number, task in enumerate(world.hours.take()):
            attempt(world, LATER, claim_id=f"worker-{number}", task=task)
        again = len(world.hours.messages)
        settled(world)
    finally:
        scanner.allow(allowed)

    assert again > 0
    assert the_container(world) == the_container(usual)
    assert sorted(map(str, uuids(world))) == sorted(map(str, expected(*range(48))))
    assert the_record(world).content.rows == the_record(usual).content.rows


@pytest.mark.parametrize("known_max", [0, 13, 26, 1_500_000])
def test_an_hour_is_the_same_however_many_keys_a_slice_may_hold(
    known_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repeated rows of slices that know too few are found by the join."""
    world, usual = a_large_world(), a_large_world()
    attempt(usual)
    settled(usual)
    monkeypatch.setattr(stage_slice, "KEYS_BEFORE_MAX", known_max)
    attempt(world)
    for number, task in enumerate(world.hours.take()):
        attempt(world, LATER, claim_id=f"worker-{number}", task=task)
    again = len(world.hours.messages)
    settled(world)

    # Each but the first slice repeats a row of the first one; the fourth one's is also in the second.
    assert again == {0: 3, 13: 2, 26: 0, 1_500_000: 0}[known_max]
    assert the_container(world) == the_container(usual)
    assert the_record(world).content.rows == the_record(usual).content.rows


@pytest.mark.parametrize("repeated", [False, True], ids=["few rows", "all rows"])
def test_large_late_data_that_repeats_rows_of_the_hour_repeats_none_of_them_in_the_container(
    repeated: bool,  # noqa: FBT001  a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where slices may hold no keys of the hour, and all rows but one are there already."""
    monkeypatch.setattr(stage_slice, "KEYS_BEFORE_MAX", 0)
    world = a_large_world()
    attempt(world)
    settled(world)
    rows = range(48) if repeated else range(36, 72)
    for start in range(rows.start, rows.stop, 12):
        numbers = range(start, start + 12)
        world.land(EVENTS.stream, HOUR, [*map(a_bulky_event, numbers), an_event(100)], f"late-{start}.json")

    assert attempt(world, LATER, claim_id="late", task=LATE) is Outcome.SLICED
    settled(world)

    wanted = {*range(48), *rows, 100}
    assert sorted(map(str, uuids(world))) == sorted(map(str, expected(*wanted)))


def test_a_result_of_an_earlier_release_counts_what_it_has_left_out() -> None:
    """It left out no key but those of earlier slices, so as many are the same ones."""
    stored = SliceResult(RowCounts(), (), "digest", excluded=3)
    hashed = replace(stored, excluded_sha256="ab")

    assert stored.excludes(3, "ab")
    assert not stored.excludes(4, "ab")
    assert hashed.excludes(3, "ab")
    assert not hashed.excludes(3, "cd")
    assert not hashed.excludes(0, None)
    assert SliceResult(RowCounts(), ()).excludes(0, None)


def test_a_slice_whose_worker_died_is_staged_by_another_while_others_wait_for_their_turn() -> None:
    """Its lease is over; the messages of slices that were never claimed are assumed to be in the queue."""
    world = a_large_world()
    attempt(world)
    tasks = world.hours.take()
    for task, taken_at in ((tasks[0], NOW), (tasks[1], NOW + LEASE)):
        mine = SliceRecord(EVENTS, HOUR, "run", _number(task), claim=Claim("worker", taken_at + LEASE))
        world.slices.put(replace(mine, sliced_id=_run_of(world)), None)

    assert attempt(world, NOW + RUN_AGAIN, claim_id="again") is Outcome.SLICED
    assert world.hours.take() == [tasks[0]]

    assert attempt(world, NOW + RUN_AGAIN + LEASE, claim_id="later") is Outcome.SLICED
    assert world.hours.take() == tasks


def _number(task: HourTask) -> int:
    assert task.slice_ref is not None
    return task.slice_ref.number


def _run_of(world: World) -> str:
    run = the_record(world).sliced
    assert run is not None
    return run.id


def test_a_run_whose_messages_were_lost_is_taken_up_again() -> None:
    """A worker that meets it later sends them once more."""
    world = a_large_world()
    attempt(world)
    world.hours.take()

    assert attempt(world, NOW + RUN_AGAIN, claim_id="again") is Outcome.SLICED
    settled(world)

    assert the_record(world).status is HourStatus.EXPORTED
    assert len(uuids(world)) == 48


def test_amended_and_rejected_rows_of_all_slices_and_late_blobs_are_counted_and_kept() -> None:
    """By reason, each once, whichever worker staged them; late ones come on top."""
    world = a_large_world()
    for number, name in ((50, "a2"), (51, "d2")):
        rows = [an_event(number, paying="yes"), an_event(number, event_type=None), an_event(number, app=1)]
        world.land(EVENTS.stream, HOUR, rows, f"{name}.json")
    attempt(world)
    settled(world)

    slices = the_record(world).content.rows
    reasons = ((Reason.FIELD_MISSING, 2), (Reason.FOREIGN_APP, 2))
    assert (slices.exported, slices.amended, slices.rejected_by_reason) == (50, 2, reasons)
    kept = [row["reason"] for row in world.rejected_rows()]
    assert sorted(kept) == ["field_missing"] * 2 + ["foreign_app"] * 2 + ["wrong_type"] * 2

    world.land(EVENTS.stream, HOUR, [an_event(52, paying="yes"), an_event(50, paying="no")], "e.json")
    assert attempt(world, LATER, claim_id="late", task=LATE) is Outcome.EXPORTED
    assert the_record(world).content.rows == slices + RowCounts(exported=1, duplicate=1, amended=1)


def test_the_rows_of_the_world_above_really_repeat() -> None:
    """What the test of slices says of duplicates is not empty."""
    world = a_large_world()
    lines = [line for blob in world.landed.committed.values() for line in blob.body.splitlines()]

    keys = [json.loads(line)["uuid"] for line in lines]

    assert (len(keys), len(set(keys))) == (52, 48)
