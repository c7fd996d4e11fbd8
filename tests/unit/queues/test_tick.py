"""The note that a tick leaves."""

from datetime import timedelta

from exporter.domain.last_tick import LastTick
from exporter.queues.tick import BEHIND_MIN, last_tick
from exporter.schedule.due_hours import Behind
from exporter.schedule.failures import Failures
from exporter.schedule.planner import TickReport
from tests.support.worlds import EVENTS, HOUR, MERGED_IDS, NOW


def test_the_note_of_a_tick_counts_what_it_found() -> None:
    """A stream that owes only the hour that has just closed is not behind."""
    behind = (
        Behind(EVENTS, HOUR, BEHIND_MIN, 3),
        Behind(MERGED_IDS, HOUR, BEHIND_MIN - timedelta(seconds=1), 1),
    )
    found = TickReport(streams=2, due=9, queued=8, behind=behind, refusing=("acme",))

    assert last_tick(NOW, found, Failures()) == LastTick(NOW, due=9, queued=8, behind=1, failing=1)


def test_the_note_of_a_tick_that_could_not_plan_counts_its_errors() -> None:
    """It is a tick nevertheless: the timer is alive."""
    failures = Failures()
    with failures.guard("planning"):
        raise ValueError("broken")

    assert last_tick(NOW, None, failures) == LastTick(NOW, failed_parts=1)
