"""Landing that is not where the setting says."""

import pytest

from exporter.destinations.landing_check import missing_landing
from exporter.domain.hour_record import StreamProgress
from tests.support.fakes.world import World
from tests.support.worlds import EVENTS, HOUR


@pytest.mark.parametrize("spoiled", [False, True])
def test_it_is_told_once_streams_are_known(spoiled: bool) -> None:  # noqa: FBT001  a parameter
    """Before, the next tick makes it: a fresh installation is in order."""
    world = World()
    assert missing_landing(world.gateways) is None
    world.landing.there = False
    assert missing_landing(world.gateways) is None

    world.schedule.put(EVENTS, StreamProgress(EVENTS, HOUR, HOUR))
    if spoiled:
        world.schedule.spoil(EVENTS)

    missing = missing_landing(world.gateways)
    assert missing is not None
    assert [problem.field for problem in missing.problems] == ["LANDING_CONTAINER"]
