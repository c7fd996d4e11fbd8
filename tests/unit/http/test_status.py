"""The state of the app when its parts fail; tests/e2e/test_status.py has the state of a running app."""

from dataclasses import replace
from typing import cast

import pytest

from exporter import wiring
from exporter.destinations.edit import put_destination
from exporter.domain.errors import Transient
from exporter.domain.last_tick import LAST, LastTick
from exporter.domain.stream_progress import StreamProgress
from exporter.export.work_slots import WorkSlots
from exporter.http.status import status_view
from exporter.key_rotation import renew_secrets
from exporter.messages import WORK_QUEUES
from exporter.settings import OwnStorage, Settings
from exporter.sources.edit import put_source
from exporter.storage.customer.cipher import AesCipher
from exporter.storage.own.queues import OwnQueues
from tests.support.destinations import DRAFT
from tests.support.fakes.world import World
from tests.support.sources import DRAFT_SOURCE
from tests.support.worlds import EVENTS, HOUR, NOW

STORAGE = "DefaultEndpointsProtocol=https;AccountName=ours;AccountKey=a2V5"
CONNECTION_STRING = "AccountName=acme;AccountKey=aHVudGVyMg=="


class Lengths:
    """The lengths of the queues, or None if storage cannot be reached."""

    def __init__(self, lengths: dict[str, int] | None) -> None:
        self._lengths = lengths

    def lengths(self) -> dict[str, int]:
        """Return the lengths."""
        if self._lengths is None:
            raise Transient("no answer")
        return self._lengths


def an_app(
    world: World,
    lengths: dict[str, int] | None,
    addresses: tuple[str, ...] = (),
    keys: tuple[bytes, ...] = (b"0" * 32,),
) -> wiring.App:
    """Return the app of a world."""
    settings = Settings(OwnStorage(STORAGE), keys, outbound_addresses=addresses)
    gateways = replace(world.gateways, cipher=AesCipher(keys))
    return wiring.App(settings, gateways, cast("OwnQueues", Lengths(lengths)), lambda: 0, WorkSlots())


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
    assert found["key_rotation"] is None


def test_a_change_of_keys_shows_how_many_secrets_are_left() -> None:
    """Of destinations and of sources, until the first key alone is left."""
    old, new = b"o" * 32, b"n" * 32
    world = World()
    before = replace(world.gateways, cipher=AesCipher((old,)))
    put_destination(before, replace(DRAFT, secret=CONNECTION_STRING), if_match=None, now=NOW)
    put_source(before, DRAFT_SOURCE, if_match=None, now=NOW)

    found = status_view(an_app(world, lengths_of(), keys=(new, old)))
    lost = status_view(an_app(world, lengths_of(), keys=(new, b"l" * 32)))
    unreached = status_view(an_app(world, None, keys=(new, old)))

    assert found["key_rotation"] == {
        "destinations": {"left": 1, "unreadable": []},
        "sources": {"left": 1, "unreadable": []},
    }
    assert lost["key_rotation"] == {
        "destinations": {"left": 0, "unreadable": ["acme"]},
        "sources": {"left": 0, "unreadable": ["acme"]},
    }
    assert unreached["key_rotation"] is None
    renew_secrets(replace(world.gateways, cipher=AesCipher((new, old))))
    done = status_view(an_app(world, lengths_of(), keys=(new, old)))["key_rotation"]
    assert done == {kind: {"left": 0, "unreadable": []} for kind in ("destinations", "sources")}


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
