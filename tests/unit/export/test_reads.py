"""What hours share of what was read before they are claimed: fewer calls, and the same result."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from exporter.domain.breaker import Breaker
from exporter.domain.destination import Status
from exporter.domain.errors import Fault, Transient
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourStatus
from exporter.domain.hour_task import HourTask
from exporter.export import attempt as attempts
from exporter.export.attempt import Outcome
from exporter.export.export_hour import export_hour
from exporter.export.recent import RECENT, Recent
from exporter.ports import Gateways
from tests.support.fakes.world import World
from tests.support.worlds import (
    EVENTS,
    HOUR,
    NOW,
    a_worker,
    a_world,
    acme,
    an_event,
    backfill,
    the_record,
)

GONE = Fault("container_not_found", "There is no container raw.", "Make it.")
HOURS = [HOUR.plus(number) for number in (-3, -2, -1)]


class Counted:
    """Passes calls on, and counts them by name."""

    def __init__(self, name: str, inner: object, calls: Counter[str]) -> None:
        self._name, self._inner, self._calls = name, inner, calls

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  stands for whatever it wraps
        found = getattr(self._inner, name)

        def call(*arguments: object, **named: object) -> object:
            self._calls[f"{self._name}.{name}"] += 1
            result = found(*arguments, **named)
            return Counted("container", result, self._calls) if name == "open" else result

        return call


class Process:
    """A process that exports hours of a world, and counts its calls."""

    def __init__(self, world: World) -> None:
        self.calls = Counter[str]()
        self.now = NOW
        self._recent = Recent()
        self._attempts = 0
        names = ("destinations", "ledger", "breakers", "backfills", "landing", "containers", "reopened")
        counted: dict[str, Any] = {
            name: Counted(name, getattr(world.gateways, name), self.calls) for name in names
        }
        self.gateways: Gateways = replace(world.gateways, **counted)

    def export(self, task: HourTask, *, redelivered: bool = False) -> Outcome:
        """Export an hour in this process."""
        self._attempts += 1
        worker = a_worker(self._clock, f"claim-{self._attempts}")
        return export_hour(task, self.gateways, replace(worker, recent=self._recent, redelivered=redelivered))

    def _clock(self) -> datetime:
        return self.now


def landed(**changes: object) -> World:
    """Make a world with an event in each of the hours."""
    world = a_world(acme(**changes))
    for number, hour in enumerate(HOURS):
        world.land(EVENTS.stream, hour, [an_event(number, hour)])
    return world


def of_backfill(world: World, hour: Hour, name: str = "b1") -> HourTask:
    """Return the request of a backfill for an hour."""
    return replace(backfill(world, hour=HOURS[0], name=name), hour=hour)


def uuids(world: World) -> list[str]:
    """Return what a reader finds, in order."""
    return sorted(str(row["uuid"]) for row in world.events_a_reader_sees())


def expected(*numbers: int) -> list[str]:
    """Return the uuids of these events."""
    return [str(an_event(number)["uuid"]) for number in numbers]


def test_hours_of_a_backfill_read_their_day_together() -> None:
    """The ledger, landing and the container are listed once for the day; tables are read once for all."""
    world = landed()
    process, tasks = Process(world), [of_backfill(world, hour) for hour in HOURS]

    assert [process.export(task) for task in tasks] == [Outcome.EXPORTED] * 3

    assert uuids(world) == expected(0, 1, 2)
    calls = process.calls
    assert (calls["ledger.states"], calls["ledger.get"], calls["ledger.put"]) == (1, 0, 9)
    assert (calls["landing.blobs_of_day"], calls["landing.blobs"]) == (1, 0)
    assert (calls["container.find"], calls["container.read"]) == (1, 0)
    # Whether the destination is deleted is read before each commit.
    assert [calls[f"{name}.get"] for name in ("destinations", "breakers", "backfills")] == [4, 1, 1]
    # Nothing is replaced, so that nothing has to be completed if a worker dies.
    assert calls["reopened.remember"] == 0


def test_an_hour_that_was_exported_since_its_day_was_read_is_replaced() -> None:
    """The claim has to be the first write of its row. It is not, so the hour is read by itself."""
    world = landed()
    process, other = Process(world), Process(world)
    tasks = [of_backfill(world, hour) for hour in HOURS[:2]]
    process.export(tasks[0])

    other.export(HourTask(EVENTS, HOURS[1]))
    world.land(EVENTS.stream, HOURS[1], [an_event(7, HOURS[1])], "more.json")

    assert process.export(tasks[1]) is Outcome.EXPORTED
    assert uuids(world) == expected(0, 1, 7)
    assert (process.calls["ledger.get"], process.calls["landing.blobs"]) == (1, 1)
    assert process.calls["reopened.remember"] == 1


def test_a_backfill_has_what_landed_before_it_was_requested() -> None:
    """What another backfill has listed just before does not count for it."""
    world = landed()
    process = Process(world)
    process.export(of_backfill(world, HOURS[0]))
    world.land(EVENTS.stream, HOURS[1], [an_event(7, HOURS[1])], "more.json")

    assert process.export(of_backfill(world, HOURS[1], "b2")) is Outcome.EXPORTED

    assert uuids(world) == expected(0, 1, 7)


def test_hours_of_a_day_with_many_blobs_are_listed_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing that may be cut off says nothing about the hours at its end."""
    monkeypatch.setattr(attempts, "DAY_BLOBS_MAX", 2)
    world = landed()
    process, tasks = Process(world), [of_backfill(world, hour) for hour in HOURS]

    assert [process.export(task) for task in tasks] == [Outcome.EXPORTED] * 3

    assert uuids(world) == expected(0, 1, 2)
    assert (process.calls["landing.blobs_of_day"], process.calls["landing.blobs"]) == (1, 3)


@pytest.mark.parametrize("layout", ["flat", "by_project", "hive"])
def test_files_that_are_there_already_are_found_by_day(layout: str) -> None:
    """A predecessor's file has the same name, and is replaced by the rows of landing."""
    world = landed(path_layout=layout)
    name = acme(path_layout=layout).naming(EVENTS.stream).part(HOURS[1], 2)
    Process(world).export(of_backfill(world, HOURS[1], "b0"))
    part = next(name for name in world.reader().names() if name.endswith(".gz"))
    world.reader().set(name, world.reader().committed[part].body)
    world.ledger.rows.clear()

    assert Process(world).export(of_backfill(world, HOURS[1])) is Outcome.EXPORTED

    assert uuids(world) == expected(1)


def test_a_change_of_a_destination_takes_effect_within_seconds() -> None:
    """Hours that begin meanwhile are exported as before."""
    world = landed()
    process = Process(world)
    process.export(HourTask(EVENTS, HOURS[0]))
    found = world.destinations.get("acme")
    assert found is not None
    world.destinations.put(replace(found.value, status=Status.PAUSED), found.etag)

    assert process.export(HourTask(EVENTS, HOURS[1])) is Outcome.EXPORTED
    process.now += RECENT
    assert process.export(HourTask(EVENTS, HOURS[2])) is Outcome.NOT_WANTED


def test_what_was_read_for_another_hour_keeps_none_from_beginning() -> None:
    """A destination that is activated again is exported at once."""
    world = landed(status=Status.PAUSED)
    process = Process(world)
    assert process.export(HourTask(EVENTS, HOURS[0])) is Outcome.NOT_WANTED
    found = world.destinations.get("acme")
    assert found is not None
    world.destinations.put(replace(found.value, status=Status.ACTIVE), found.etag)

    assert process.export(HourTask(EVENTS, HOURS[0])) is Outcome.EXPORTED


def test_a_fault_of_a_destination_that_was_repaired_meanwhile_is_not_recorded() -> None:
    """The hour is tried again as it is now; its back-off and the breaker do not know of it."""
    world = landed()
    process = Process(world)
    world.reader().faults["write"] = GONE

    def repaired() -> None:
        found = world.destinations.get("acme")
        assert found is not None
        if world.ledger.get(EVENTS, HOURS[0]) is not None and found.value.name != "repaired":
            world.destinations.put(replace(found.value, name="repaired"), found.etag)

    world.writes.after = repaired
    with pytest.raises(Transient):
        process.export(HourTask(EVENTS, HOURS[0]))
    world.writes.after = None
    world.reader().faults.clear()

    record = the_record(world, hour=HOURS[0])
    assert (record.status, record.work.retry_at) == (HourStatus.OWED, None)
    assert world.breakers.get("acme") == Breaker()
    assert process.export(HourTask(EVENTS, HOURS[0]), redelivered=True) is Outcome.EXPORTED


def test_a_breaker_with_faults_is_read_by_each_hour() -> None:
    """One success closes it, and is reported once."""
    world = landed()
    process = Process(world)
    world.breakers.put("acme", Breaker(1, NOW - timedelta(minutes=1)))

    for hour in HOURS:
        process.export(HourTask(EVENTS, hour))

    assert world.breakers.get("acme") == Breaker()
    assert world.writes.log.count("breaker acme") <= 2


def test_a_process_that_has_met_a_fault_begins_no_other_hour() -> None:
    """It reads the breaker again, which it knew as closed."""
    world = landed()
    process = Process(world)
    process.export(HourTask(EVENTS, HOURS[0]))
    world.reader().faults["write"] = GONE

    assert process.export(HourTask(EVENTS, HOURS[1])) is Outcome.FAILED
    assert process.export(HourTask(EVENTS, HOURS[2])) is Outcome.NOT_DUE


def test_a_message_that_comes_again_reads_everything_itself() -> None:
    """What it was delivered for before may have been decided by old values."""
    world = landed()
    process = Process(world)
    process.export(HourTask(EVENTS, HOURS[0]))
    process.calls.clear()

    process.export(HourTask(EVENTS, HOURS[1]), redelivered=True)

    assert [process.calls[f"{name}.get"] for name in ("destinations", "breakers", "ledger")] == [2, 1, 1]
