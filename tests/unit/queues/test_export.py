"""The queue trigger of hours."""

from contextlib import ExitStack
from datetime import timedelta
from typing import cast

import azure.functions as func
import pytest

from exporter import wiring
from exporter.domain.hour_record import HourStatus
from exporter.export.work_slots import LARGE_BYTES, SMALL_BYTES_MAX, WorkSlots
from exporter.messages import EXPORT_HOURS
from exporter.queues.export import BUSY_DELAY, export_hour
from exporter.settings import OwnStorage, Settings
from exporter.storage.own.queues import OwnQueues
from tests.support.fakes.world import World
from tests.support.worlds import NOW, TASK, a_world, an_event, the_record

MESSAGE = func.QueueMessage(body=EXPORT_HOURS.encode(TASK).encode())


@pytest.fixture
def turns() -> WorkSlots:
    """Return work slots without waiting."""
    return WorkSlots(wait=timedelta())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, turns: WorkSlots) -> World:
    """Return the world of the process, with an event to export."""
    world = a_world()
    world.land(TASK.key.stream, TASK.hour, [an_event(1)])
    app = wiring.App(Settings(OwnStorage(), ()), world.gateways, cast("OwnQueues", None), lambda: 0, turns)
    monkeypatch.setattr(wiring, "_built", app)
    monkeypatch.setattr(wiring, "now", lambda: NOW)
    return world


def test_an_hour_is_exported(world: World) -> None:
    """If a work slot is free."""
    export_hour(MESSAGE)

    assert the_record(world).status is HourStatus.EXPORTED


def test_an_hour_without_a_free_work_slot_is_queued_again_and_is_no_failure(
    world: World, turns: WorkSlots
) -> None:
    """The host gives a message up after five failed deliveries; this is no failure."""
    with ExitStack() as staged:
        for size in (LARGE_BYTES - 1, LARGE_BYTES - 1, SMALL_BYTES_MAX - 2 * (LARGE_BYTES - 1)):
            staged.enter_context(turns.staging(size))
        export_hour(MESSAGE)

    record = the_record(world)
    assert (record.status, record.claim) == (HourStatus.OWED, None)
    assert world.hours.delayed == [(TASK, BUSY_DELAY)]
    assert world.writes.log[-1].startswith("send ")
