"""The health check of the landing container."""

import pytest

from exporter.domain.hour_record import StreamProgress
from exporter.http.health import missing_landing
from tests.support.fakes.world import World
from tests.support.worlds import EVENTS, HOUR


@pytest.mark.parametrize("spoiled", [False, True])
def test_a_missing_landing_container_is_reported_once_streams_are_known(spoiled: bool) -> None:  # noqa: FBT001  a parameter
    """Before that, the next tick creates it: a new installation is healthy."""
    world = World()
    assert missing_landing(world.landing, world.schedule) is None
    world.landing.there = False
    assert missing_landing(world.landing, world.schedule) is None

    world.schedule.put(EVENTS, StreamProgress(EVENTS, HOUR, HOUR))
    if spoiled:
        world.schedule.spoil(EVENTS)

    missing = missing_landing(world.landing, world.schedule)
    assert missing is not None
    assert [problem.field for problem in missing.problems] == ["LANDING_CONTAINER"]
