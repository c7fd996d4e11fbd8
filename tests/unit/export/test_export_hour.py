"""Exporting an hour, as the customer, the ledger and the next attempt see it."""

import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.destination import Status
from exporter.domain.errors import Conflict, Fault, Transient
from exporter.domain.hour_record import BACK_OFF_FIRST, LEASE, HourRecord, HourStatus, HourTask, RowCounts
from exporter.domain.row_schema import Reason
from exporter.domain.streams import LandingBlob
from exporter.export.attempt import Outcome
from exporter.export.export_hour import export_hour
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.worlds import (
    EVENTS,
    HOUR,
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
    the_container,
    the_record,
)

PART, MARKER = "187520_2026-01-31_12#1.json.gz", "187520_2026-01-31_12_complete"
GONE = Fault("container_not_found", "There is no container raw.", "Make it.")


def a_landed_world(**changes: object) -> World:
    """Make a world whose hour has three events."""
    world = a_world(acme(**changes))
    world.land(EVENTS.stream, HOUR, [an_event(number) for number in range(3)])
    return world


def uuids(world: World) -> list[object]:
    """Return what a reader finds, in order."""
    return [row["uuid"] for row in world.events_a_reader_sees()]


def test_an_exported_hour_is_a_part_and_a_marker_that_names_it() -> None:
    """The marker repeats name, rows, size and MD5 of each part, and the ledger says the same."""
    world = a_landed_world()

    assert attempt(world) is Outcome.EXPORTED

    assert list(the_container(world)) == [PART, MARKER]
    blob, record = world.reader().committed[PART], the_record(world)
    part = {"name": PART, "rows": 3, "bytes": len(blob.body), "md5": blob.md5}
    assert world.markers_a_reader_sees()[MARKER] == {
        "hour": "2026-01-31T12",
        "data_type": "events",
        "rows": 3,
        "parts": [part],
        "filter_sha256": None,
    }
    assert (record.status, record.rows, record.attempts) == (HourStatus.EXPORTED, RowCounts(exported=3), 1)
    assert [(each.name, each.rows, each.bytes, each.md5) for each in record.parts] == [tuple(part.values())]


def test_an_hour_without_rows_has_a_marker_and_no_part() -> None:
    """Readers can tell an empty hour from one that is missing."""
    world = a_world()

    assert attempt(world) is Outcome.EXPORTED

    assert list(the_container(world)) == [MARKER]
    assert world.markers_a_reader_sees()[MARKER]["parts"] == []
    assert the_record(world).status is HourStatus.EMPTY


def test_parts_are_numbered_in_landing_order_and_stay_below_their_limit() -> None:
    """Rows keep their order over all parts, and no part is above max_part_mib."""
    world = a_world(acme(max_part_mib=1))
    world.land(EVENTS.stream, HOUR, [a_bulky_event(number) for number in range(50)])

    attempt(world)

    parts = the_record(world).parts
    assert [part.name[-10:] for part in parts] == [
        f"#{number}.json.gz" for number in range(1, len(parts) + 1)
    ]
    assert len(parts) > 1
    assert max(part.bytes for part in parts) < 1024 * 1024
    assert uuids(world) == [an_event(number)["uuid"] for number in range(50)]


def test_merged_ids_are_one_file_whatever_their_size() -> None:
    """The limit of parts does not hold for merged ids."""
    world = a_world(acme(max_part_mib=1))
    # Ids without a pattern, so that the file is far above the limit.
    ids = random.Random(1).sample(range(2**62), 90_000)  # noqa: S311  no secret
    merges = [a_merge(number) | {"amplitude_id": each} for number, each in enumerate(ids)]
    world.land(MERGED_IDS.stream, HOUR, merges)

    attempt(world, task=HourTask(MERGED_IDS, HOUR))

    assert the_record(world, MERGED_IDS).parts[0].bytes > 1024 * 1024

    assert list(the_container(world)) == ["-189524_2026-01-31_12.json.gz", "-189524_2026-01-31_12_complete"]
    assert world.events_a_reader_sees() == merges


def test_without_completion_markers_there_is_none() -> None:
    """A destination can do without."""
    world = a_landed_world(completion_marker=False)

    attempt(world)

    assert list(the_container(world)) == [PART]


def test_a_message_that_is_delivered_twice_changes_nothing_the_second_time() -> None:
    """The second delivery finds the hour done."""
    world = a_landed_world()
    attempt(world)
    world.writes.log.clear()

    assert attempt(world, NOW + timedelta(hours=1), claim_id="second") is Outcome.NOT_DUE

    assert world.writes.log == []


def test_many_workers_on_one_hour_end_in_one_export() -> None:
    """One claims the hour; all others leave it alone."""
    world = a_landed_world()
    outcomes: list[str] = []

    def work(number: int) -> None:
        try:
            outcomes.append(attempt(world, claim_id=f"worker-{number}"))
        except Conflict:
            outcomes.append("conflict")

    workers = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert outcomes.count("exported") == 1
    assert the_record(world).attempts == 1
    assert [write for write in world.writes.log if write.startswith("commit")] == [
        f"commit {PART}",
        f"commit {MARKER}",
    ]


def test_a_live_workers_hour_is_left_alone_and_a_dead_ones_is_taken_over() -> None:
    """The lease decides: until its last moment the hour belongs to its holder."""
    world = a_landed_world()
    world.ledger.put(HourRecord(EVENTS, HOUR).claimed_by("dead", "schedule", NOW), None)

    with pytest.raises(Conflict):
        attempt(world, NOW + LEASE - timedelta(microseconds=1), claim_id="early")
    assert attempt(world, NOW + LEASE, claim_id="late") is Outcome.EXPORTED

    assert the_record(world).attempts == 2


def test_an_hour_that_is_there_already_is_adopted_even_if_our_tables_were_lost() -> None:
    """Nothing is written to the container; the ledger learns from the marker what is there."""
    world = a_landed_world()
    attempt(world)
    before, known = dict(world.reader().committed), the_record(world)
    world.ledger.clear()

    assert attempt(world, claim_id="second") is Outcome.ADOPTED

    assert world.reader().committed == before
    record = the_record(world)
    assert (record.status, record.parts, record.rows.exported) == (known.status, known.parts, 3)


@pytest.mark.parametrize(
    "damage", ["part missing", "part changed", "part surplus", "marker damaged", "other hour"]
)
def test_a_marker_that_is_not_true_is_not_believed(damage: str) -> None:
    """The hour is exported again, surplus parts go, and the marker is true afterwards."""
    world = a_landed_world()
    attempt(world)
    whole = the_container(world)
    world.ledger.clear()
    blobs = world.reader()
    match damage:
        case "part missing":
            del blobs.committed[PART]
        case "part changed":
            blobs.set(PART, b"something else")
        case "part surplus":
            blobs.set(PART.replace("#1", "#2"), b"of an earlier export")
        case "marker damaged":
            blobs.set(MARKER, b"{}")
        case _:
            marker = json.loads(whole[MARKER])
            blobs.set(MARKER, json.dumps(marker | {"hour": "2026-01-31T11"}).encode())

    assert attempt(world, claim_id="second") is Outcome.EXPORTED

    assert the_container(world) == whole


def test_nothing_of_a_neighbour_is_read_as_ours_or_touched() -> None:
    """Names that begin or end like ours belong to others: other hours, projects, prefixes, the customer."""
    world = a_landed_world()
    neighbours = [
        "187520_2026-01-31_1#1.json.gz",
        "187520_2026-01-31_12#1.json.gz.bak",
        "187520_2026-01-31_12#01.json.gz",
        "187520_2026-01-31_12#x.json.gz",
        "187520_2026-01-31_120#1.json.gz",
        "87520_2026-01-31_12#1.json.gz",
        "1875201_2026-01-31_12#1.json.gz",
        "a/187520_2026-01-31_12#1.json.gz",
        "-187520_2026-01-31_12.json.gz",
        "187520_2026-01-31_12_complete.txt",
    ]
    for name in neighbours:
        world.reader().set(name, name.encode())

    attempt(world, task=backfill(world))

    container = the_container(world)
    assert {name: container.pop(name) for name in neighbours} == {name: name.encode() for name in neighbours}
    assert sorted(container) == sorted([PART, MARKER])


def test_what_is_asked_for_by_a_person_is_written_anew() -> None:
    """A backfill replaces a whole hour instead of adopting it: more landed meanwhile."""
    world = a_landed_world()
    attempt(world)
    world.ledger.clear()
    world.land(EVENTS.stream, HOUR, [an_event(7)], "later.json")

    assert attempt(world, claim_id="second", task=backfill(world)) is Outcome.EXPORTED

    assert uuids(world) == [an_event(number)["uuid"] for number in (0, 1, 2, 7)]
    assert the_record(world).requested_by == "backfill:b1"


def test_a_customers_fault_is_recorded_and_tried_again_after_a_back_off() -> None:
    """The hour fails with what to do, is left alone until the back-off is over, and then heals by itself."""
    world = a_landed_world()
    world.reader().faults["write"] = GONE

    assert attempt(world) is Outcome.FAILED
    assert (the_record(world).status, the_record(world).error) == (HourStatus.FAILED, GONE)
    assert attempt(world, NOW + BACK_OFF_FIRST - timedelta(seconds=1), "second") is Outcome.NOT_DUE
    world.reader().faults.clear()
    assert attempt(world, NOW + BACK_OFF_FIRST, claim_id="third") is Outcome.EXPORTED

    assert the_record(world).error is None
    assert uuids(world) == [an_event(number)["uuid"] for number in range(3)]


def test_an_unexpected_error_is_raised_recorded_and_does_not_block_the_hour() -> None:
    """A bug of ours is seen by the host, named in the ledger without its details, and tried again later."""
    world = a_landed_world()
    world.writes.crash_at, world.writes._error = 2, ZeroDivisionError("secret details")

    with pytest.raises(ZeroDivisionError):
        attempt(world, claim_id="c1a1")

    record = the_record(world)
    assert record.error is not None
    assert (record.status, record.error.code) == (HourStatus.FAILED, "internal_error")
    assert "c1a1" in record.error.fix
    assert "secret" not in f"{record.error}"
    assert attempt(world, NOW + BACK_OFF_FIRST, claim_id="second") is Outcome.EXPORTED


@pytest.mark.parametrize(
    "changes", [{"status": Status.PAUSED}, {"status": Status.DRAFT}, {"project_id": 1}, {"id": "other"}]
)
def test_a_message_of_a_destination_that_no_longer_wants_the_hour_does_nothing(
    changes: dict[str, object],
) -> None:
    """Paused, never activated, pointed at another project, or gone."""
    world = a_landed_world(**changes)

    assert attempt(world) is Outcome.NOT_WANTED

    assert world.writes.log == []


def test_rejected_rows_of_an_attempt_that_failed_do_not_outlive_it() -> None:
    """What is kept aside belongs to what stands in the container, not to an earlier try."""
    world = a_landed_world()
    world.land(EVENTS.stream, HOUR, b"no json\n", "broken.json")

    def dies_with_rows_kept() -> None:
        if world.writes.log[-1].startswith("commit acme/"):
            raise Crash

    world.writes.after = dies_with_rows_kept
    with suppress(Crash):
        attempt(world)
    world.writes.after = None
    assert len(world.rejected_rows()) == 1
    del world.landed.committed[f"{EVENTS.stream.landing_folder(HOUR)}broken.json"]

    attempt(world, NOW + LEASE, claim_id="second")

    assert world.rejected_rows() == []
    assert the_record(world).rows == RowCounts(exported=3)


def test_rejected_rows_of_an_attempt_that_is_completed_count() -> None:
    """Its files are what stands in the container in the end, and its rejected rows belong to them."""
    world = a_landed_world()
    world.land(EVENTS.stream, HOUR, b"no json\n", "broken.json")
    world.reader().faults["delete"] = GONE
    world.reader().set(MARKER, b"stale")
    assert attempt(world) is Outcome.FAILED
    world.reader().faults.clear()
    world.landed.committed.clear()

    attempt(world, NOW + BACK_OFF_FIRST, claim_id="second")

    assert len(world.rejected_rows()) == 1
    assert the_record(world).rows == RowCounts(
        exported=3, rejected=1, rejected_by_reason=((Reason.NOT_JSON, 1),)
    )
    assert the_record(world).rejected == tuple(world.rejected.names())


def test_a_worker_that_was_thought_dead_and_wakes_up_changes_nothing() -> None:
    """It slept past its lease, another one exported the hour meanwhile, with more in it."""
    world = a_landed_world()
    landing = world.gateways.landing
    now = [NOW]

    class SleepsInTheMiddle:
        """A landing whose reader falls asleep, until somebody else has done the work."""

        def blobs(self, *arguments: object) -> Iterator[LandingBlob]:
            yield from landing.blobs(*arguments)  # type: ignore[arg-type]  # passed on as they came

        def read(self, blob: LandingBlob) -> Iterator[bytes]:
            yield from landing.read(blob)
            now[0] = NOW + LEASE
            world.gateways = replace(world.gateways, landing=landing)
            world.land(EVENTS.stream, HOUR, [an_event(8)], "b.json")
            assert attempt(world, now[0], claim_id="awake") is Outcome.EXPORTED
            after.update(the_container(world))

        def reading(self, _blobs: object) -> Callable[[LandingBlob], Iterator[bytes]]:
            return self.read

    after: dict[str, bytes] = {}
    sleepy = replace(world.gateways, landing=SleepsInTheMiddle())  # type: ignore[arg-type]  # asked for blobs alone

    with pytest.raises(Conflict):
        export_hour(TASK, sleepy, a_worker(lambda: now[0], "zombie"))

    assert the_container(world) == after
    assert uuids(world) == [an_event(number)["uuid"] for number in (0, 1, 2, 8)]


def test_a_worker_whose_lease_runs_out_while_it_commits_stops_there() -> None:
    """It asks before every change whether the hour is still its own."""
    world = a_world(acme(max_part_mib=1))
    world.land(EVENTS.stream, HOUR, [a_bulky_event(number) for number in range(50)])

    def commits() -> list[str]:
        return [write for write in world.writes.log if write.startswith("commit")]

    with pytest.raises(Conflict):
        export_hour(TASK, world.gateways, a_worker(lambda: NOW + LEASE * len(commits()), "slow"))

    assert commits() == [f"commit {PART}"]


def test_a_passing_failure_is_raised_and_the_hour_is_free_at_once() -> None:
    """The host delivers the message again, and that attempt need not wait for the lease."""
    world = a_landed_world()
    world.writes.crash_at, world.writes._error = 2, Transient("busy")

    with pytest.raises(Transient):
        attempt(world)
    assert the_record(world).status is HourStatus.OWED

    assert attempt(world, claim_id="second") is Outcome.EXPORTED
    assert the_record(world).attempts == 2


def test_an_hour_that_is_not_closed_yet_is_not_exported_whoever_asks() -> None:
    """Some of it has still to land."""
    world = a_landed_world()
    early = HOUR.end + SETTLE - timedelta(microseconds=1)

    asked = backfill(world)
    world.writes.log.clear()

    assert attempt(world, early) is Outcome.NOT_DUE
    assert attempt(world, early, task=asked) is Outcome.NOT_DUE

    assert world.writes.log == []
    assert attempt(world, HOUR.end + SETTLE) is Outcome.EXPORTED


def test_a_request_whose_worker_died_is_put_off_until_that_workers_lease_ends() -> None:
    """The host delivers it again at once; the hour is taken over when it is free, not with a later tick."""
    world = a_landed_world()
    world.ledger.put(HourRecord(EVENTS, HOUR).claimed_by("dead", "schedule", NOW), None)
    later = NOW + timedelta(seconds=30)
    first, again = (
        replace(a_worker(lambda: later, "second"), redelivered=redelivered) for redelivered in (False, True)
    )

    with pytest.raises(Conflict):
        export_hour(TASK, world.gateways, first)
    assert world.hours.delayed == []

    with pytest.raises(Conflict):
        export_hour(TASK, world.gateways, again)
    assert world.hours.delayed == [(TASK, LEASE - timedelta(seconds=30))]


def test_a_request_is_put_off_for_no_longer_than_a_lease() -> None:
    """The clock of who has the hour may be ahead of that of who is asked."""
    world = a_landed_world()
    world.ledger.put(
        HourRecord(EVENTS, HOUR).claimed_by("ahead", "schedule", NOW + timedelta(minutes=5)), None
    )

    with pytest.raises(Conflict):
        export_hour(TASK, world.gateways, replace(a_worker(lambda: NOW, "behind"), redelivered=True))

    assert world.hours.delayed == [(TASK, LEASE)]
