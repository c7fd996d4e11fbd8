"""The state of the app when its parts fail; tests/e2e/test_status.py has the state of a running app."""

from typing import cast

import pytest

from exporter import wiring
from exporter.domain.errors import Transient
from exporter.domain.last_tick import LAST, LastTick
from exporter.domain.stream_progress import StreamProgress
from exporter.export.work_slots import WorkSlots
from exporter.http.status import status_view
from exporter.messages import WORK_QUEUES
from exporter.settings import OwnStorage, Settings
from exporter.storage.own.queues import OwnQueues
from tests.support.fakes.world import World
from tests.support.worlds import EVENTS, HOUR, NOW

STORAGE = "DefaultEndpointsProtocol=https;AccountName=ours;AccountKey=a2V5"


class Lengths:
    """The lengths of the queues, or None if storage cannot be reached."""

    def __init__(self, lengths: dict[str, int] | None) -> None:
        self._lengths = lengths

    def lengths(self) -> dict[str, int]:
        """Return the lengths."""
        if self._lengths is None:
            raise Transient("no answer")
        return self._lengths


def an_app(world: World, lengths: dict[str, int] | None, addresses: tuple[str, ...] = ()) -> wiring.App:
    """Return the app of a world."""
    settings = Settings(OwnStorage(STORAGE), (b"0" * 32,), outbound_addresses=addresses)
    return wiring.App(settings, world.gateways, cast("OwnQueues", Lengths(lengths)), lambda: 0, WorkSlots())


def lengths_of(**changed: int) -> dict[str, int]:
    """Return empty queues but for some."""
    names = [name for queue in WORK_QUEUES for name in (queue.name, queue.poison)]
    return dict.fromkeys(names, 0) | {name.replace("_", "-"): count for name, count in changed.items()}


def test_messages_that_wait_and_those_given_up_are_counted_by_queue() -> None:
    """Each queue is named once, with both counts."""
    world = World()
    world.ticks.put(LAST, LastTick(NOW, due=5, queued=4, behind=3, failing=2, failed_parts=1))

    found = status_view(an_app(world, lengths_of(export_hours=7, webhook_calls_poison=2), ("20.50.1.2",)))

    counts = {each["name"]: (each["waiting"], each["poison"]) for each in found["queues"] or ()}
    assert counts.keys() == {queue.name for queue in WORK_QUEUES}
    assert {name: both for name, both in counts.items() if any(both)} == {
        "export-hours": (7, 0),
        "webhook-calls": (0, 2),
    }
    assert found["last_tick"] == {
        "at": "2026-01-31T13:15:00Z",
        "due": 5,
        "queued": 4,
        "behind": 3,
        "failing": 2,
        "failed_parts": 1,
    }
    assert (found["storage_reached"], found["problems"]) == (True, [])
    assert found["outbound_addresses"] == ["20.50.1.2"]


def test_storage_that_is_not_reached_is_an_answer_and_no_error() -> None:
    """The settings are shown; what storage holds is null."""
    found = status_view(an_app(World(), None))

    assert (found["storage_reached"], found["queues"], found["last_tick"]) == (False, None, None)
    assert "LANDING_CONTAINER" in {each["name"] for each in found["settings"]}
    assert found["outbound_addresses"] is None


@pytest.mark.parametrize("spoiled", [False, True])
def test_a_missing_landing_container_and_an_unreadable_note_are_shown(spoiled: bool) -> None:  # noqa: FBT001  a parameter
    """The rest of the state is there."""
    world = World()
    world.landing.there = False
    world.schedule.put(EVENTS, StreamProgress(EVENTS, HOUR, HOUR))
    world.ticks.put(LAST, LastTick(NOW))
    if spoiled:
        world.ticks.spoil(LAST)

    found = status_view(an_app(world, lengths_of()))

    assert [each["field"] for each in found["problems"]] == ["LANDING_CONTAINER"]
    assert (found["last_tick"] is None) == spoiled
    assert len(found["queues"] or ()) == len(WORK_QUEUES)
