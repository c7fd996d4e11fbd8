"""How fast a long history of small hours is pulled: the Export API decides, by the time of its answers."""

import time
from pathlib import Path

import pytest

from infra.local.export_api import Project
from tests.support.clocks import COMPILER
from tests.support.live_source import API_KEY, SAMPLE, SECRET_KEY, live_source

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMPILER is None, reason="no C compiler makes what sets clocks: install gcc"),
    pytest.mark.timeout(900),
]
HOURS = 30
DELAY_SECONDS = 5.0
SECONDS_MAX = 600.0
LANES = 2
HOURS_A_YEAR = 365 * 24
# Of a lane's time, this share at least is spent waiting for the API, also on a busy machine.
BUSY_MIN = 0.25


def test_both_lanes_ask_nearly_all_the_time(tmp_path: Path) -> None:
    """An hour that was pulled queues the next one: the timer fires once."""
    with live_source(tmp_path, Project(SAMPLE.project_id, API_KEY, SECRET_KEY)) as place:
        place.publish(*range(-HOURS, 0))
        place.at(-1)
        place.api.delay_seconds = DELAY_SECONDS
        with place.app() as app:
            app.create(-HOURS)
            begun = time.monotonic()
            app.pull_tick()
            done = lambda: app.statuses(-HOURS, -1).count("pulled") == HOURS  # noqa: E731  what is waited for
            app.running.until(done, "all hours are pulled", SECONDS_MAX)
            taken = time.monotonic() - begun
    asked = place.api.requests()
    busy = HOURS * DELAY_SECONDS / LANES / taken
    both = sum(each.at_once == LANES for each in asked)
    text = f"{HOURS} hours in {taken:.0f} s, {busy:.0%} of it in requests, {both} of them two at once"
    print(f"{text}; a year in {taken / HOURS * HOURS_A_YEAR / 3600:.1f} hours")  # noqa: T201  a measurement

    assert len(asked) == HOURS
    # While one lane works on what it has got, the other one may be alone; never for long.
    assert max(each.at_once for each in asked) == LANES
    assert busy > BUSY_MIN
