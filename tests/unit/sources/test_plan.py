"""Which hours are pulled, in which order, however many ticks were missed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.hour import Hour, hours_between
from exporter.domain.pulls import HEALTHY, PulledHour, PullProgress, PullStatus, RunStatus
from exporter.domain.source import SourceStatus
from exporter.domain.versioned import UnreadableRowError
from exporter.schedule.failures import Failures
from exporter.sources.runs import RunRequest, cancel_run, create_run
from exporter.sources.tick import run_pull_tick
from tests.support.fakes.world import World
from tests.support.pulling import HOUR, Pulling, a_source, answer, event, landed, numbers


def progress(pulling: Pulling) -> PullProgress:
    """Return the progress of the source."""
    found = pulling.world.puller.gateways.progress.get("acme")
    assert found is not None
    return found


def full(pulling: Pulling, *hours: Hour) -> None:
    """Let the API have data of these hours: one row each, whose number is that of the hour."""
    for hour in hours:
        pulling.answers(answer([event(number_of(hour), hour)], hour=hour), hour=hour)


def number_of(hour: Hour) -> int:
    """Return the number of an hour after ``HOUR``."""
    return (hour.start - HOUR.start) // timedelta(hours=1) + 1000


def test_without_a_source_nothing_happens() -> None:
    """Not one write, whatever the state of landing is."""
    world = World()
    world.landing.there = False

    report = run_pull_tick(world.gateways, now=HOUR.end, slots_max=2, failures=Failures())

    assert (report.active, report.queued, world.writes.log) == (0, 0, [])


def test_every_hour_is_asked_for_once_from_the_start_on_when_it_is_due() -> None:
    """After days without a tick, too."""
    pulling = Pulling(now=HOUR.end + timedelta(hours=50))
    hours = list(hours_between(HOUR, HOUR.plus(48)))
    full(pulling, *hours)

    pulling.run()

    requests = pulling.world.puller.api.requests
    assert sorted(requests) == hours
    assert requests == [*hours[-24:], *hours[:-24]]
    assert pulling.world.puller.api.open_max == 1
    assert progress(pulling) == PullProgress("acme", HOUR, HOUR.plus(49))
    assert all(numbers(landed(pulling.world, hour)) == [number_of(hour)] for hour in hours)

    pulling.run()
    assert len(pulling.world.puller.api.requests) == 49
    pulling.wait(hours=1)
    pulling.run()
    assert pulling.world.puller.api.requests[49:] == [HOUR.plus(49)]


def test_a_tick_queues_as_many_hours_as_there_are_free_slots() -> None:
    """Each worker queues the next one."""
    pulling = Pulling(now=HOUR.end + timedelta(hours=50), slots_max=3)

    assert pulling.tick().queued == 3
    assert pulling.tick().queued == 3
    assert len(set(pulling.world.puller.queue.messages)) == 3


def test_a_live_hour_comes_before_the_rest_of_a_long_history() -> None:
    """It is due while the history is being pulled."""
    pulling = Pulling(now=HOUR.end + timedelta(hours=50), slots_max=1)
    history = 0

    def count(_source: object, hour: Hour) -> None:
        nonlocal history
        history += hour < pulling.source.last_due(pulling.now).plus(-23)
        if history == 3:
            pulling.now += timedelta(hours=1)
            history += 1

    pulling.world.puller.api.asking = count
    full(pulling, *hours_between(HOUR, HOUR.plus(50)))
    pulling.run()
    pulling.run()

    asked = pulling.world.puller.api.requests
    live = list(hours_between(HOUR.plus(25), HOUR.plus(48)))
    assert asked[:28] == [*live, HOUR, HOUR.plus(1), HOUR.plus(2), HOUR.plus(49)]


def test_an_hour_without_data_holds_those_after_it_open_and_asks_no_more_than_it_has_to() -> None:
    """They are pulled; what is closed is a range without gaps."""
    pulling = Pulling(now=HOUR.end + timedelta(hours=4))
    full(pulling, HOUR.plus(1), HOUR.plus(2))

    pulling.run()

    assert progress(pulling).pulled_until == HOUR
    assert pulling.of(HOUR.plus(2)).status is PullStatus.PULLED
    assert pulling.world.puller.api.requests.count(HOUR) == 1

    pulling.wait(hours=2)
    pulling.run()
    assert progress(pulling) == PullProgress("acme", HOUR, HOUR.plus(3))
    assert pulling.record.status is PullStatus.EMPTY


def test_an_hour_that_has_failed_stays_open_and_holds_no_other_one() -> None:
    """It is listed until it is pulled on request."""
    pulling = Pulling(now=HOUR.end + timedelta(hours=4))
    full(pulling, HOUR, HOUR.plus(2))
    pulling.answers(400, answer([event(7, HOUR.plus(1))], hour=HOUR.plus(1)), hour=HOUR.plus(1))

    pulling.run()
    assert progress(pulling) == PullProgress("acme", HOUR, HOUR.plus(3), (HOUR.plus(1),))
    pulling.wait(hours=100)
    pulling.save(replace(pulling.source, repull_hours=()))
    pulling.run()
    assert pulling.world.puller.api.requests.count(HOUR.plus(1)) == 1

    request(pulling, HOUR.plus(1), HOUR.plus(1))
    pulling.run()
    pulling.run()
    assert progress(pulling).failed == ()
    assert numbers(landed(pulling.world, HOUR.plus(1))) == [7]


def request(pulling: Pulling, first: Hour, last: Hour) -> str:
    """Ask for hours to be pulled again, and return the id."""
    new_id = f"run{len(pulling.world.puller.runs.rows)}"
    run = create_run(
        pulling.world.puller.gateways,
        "acme",
        RunRequest(first.key, last.key, first, last),
        now=pulling.now,
        new_id=new_id,
    )
    return run.id


def test_hours_are_pulled_again_at_the_times_of_the_source() -> None:
    """Counted from the moment when the hour was closed; each time once, and later times after an outage."""
    pulling = Pulling(source=a_source(repull_hours=(3, 5, 8)))
    full(pulling, HOUR)
    pulling.run()
    closed = pulling.now
    asked = []
    pulling.world.puller.api.asking = lambda _source, hour: (
        asked.append(pulling.now - closed) if hour == HOUR else None
    )

    for hours in (2.9, 3, 3.1, 6, 7.9, 8, 20):
        pulling.now = closed + timedelta(hours=hours)
        pulling.run()

    assert asked == [timedelta(hours=hours) for hours in (3, 6, 8)]
    assert pulling.record.next_pull_at is None


def test_a_run_pulls_its_hours_again_once_and_counts_them() -> None:
    """Whatever the schedule asks for meanwhile."""
    pulling = Pulling(now=HOUR.end + timedelta(hours=20), source=a_source(repull_hours=()))
    full(pulling, *hours_between(HOUR.plus(4), HOUR.plus(30)), HOUR, HOUR.plus(2))
    pulling.answers(answer([event(1, HOUR.plus(3))], hour=HOUR.plus(3)), 400, hour=HOUR.plus(3))
    pulling.run()
    pulling.world.puller.api.requests.clear()
    pulling.answers(answer([event(number_of(HOUR)), event(1)]))
    pulling.wait(minutes=1)
    run_id = request(pulling, HOUR, HOUR.plus(4))

    pulling.run()
    pulling.run()

    run = pulling.world.puller.runs.rows["acme", run_id].value
    assert (run.total, run.done, run.empty, run.left) == (5, 3, 1, 0)
    assert (run.status, run.clamped, run.new_rows) == (RunStatus.FAILED, False, 1)
    assert [(each.hour, each.error.code) for each in run.failed] == [(HOUR.plus(3), "too_large")]
    assert run.started_at is not None
    assert run.finished_at is not None
    assert sorted(pulling.world.puller.api.requests) == list(hours_between(HOUR, HOUR.plus(4)))
    assert numbers(landed(pulling.world)) == [1, number_of(HOUR)]
    # What was pulled stays closed, also if it cannot be pulled again.
    assert progress(pulling) == PullProgress("acme", HOUR, HOUR.plus(19))
    assert pulling.of(HOUR.plus(3)).status is PullStatus.PULLED


def test_hours_that_are_not_due_are_left_out_of_a_run() -> None:
    """A run of an hour before the start has it pulled."""
    pulling = Pulling(source=a_source(repull_hours=()))
    full(pulling, HOUR.plus(-3), HOUR)
    one = request(pulling, HOUR, HOUR.plus(50))
    earlier = request(pulling, HOUR.plus(-3), HOUR.plus(-3))
    pulling.run()
    pulling.run()

    runs = {run_id: pulling.world.puller.runs.rows["acme", run_id].value for run_id in (one, earlier)}
    assert [(run.status, run.total, run.clamped) for run in runs.values()] == [
        (RunStatus.SUCCEEDED, 1, True),
        (RunStatus.SUCCEEDED, 1, False),
    ]
    assert numbers(landed(pulling.world, HOUR.plus(-3))) == [number_of(HOUR.plus(-3))]
    assert progress(pulling) == PullProgress("acme", HOUR, HOUR.plus(1))


@pytest.mark.parametrize("slots_max", [1, 2])
def test_a_run_and_the_history_take_turns(slots_max: int) -> None:
    """Neither waits for the end of the other, also if there is one slot."""
    pulling = Pulling(now=HOUR.end + timedelta(hours=75), source=a_source(repull_hours=()))
    pulling.run()
    pulling.save(replace(pulling.source, start=HOUR.plus(-5)))
    pulling.world.puller.api.requests.clear()
    pulling.slots_max = slots_max
    pulling.wait(minutes=1)
    request(pulling, HOUR.plus(10), HOUR.plus(14))

    for _ in range(4):
        pulling.wait(minutes=1)
        pulling.tick()
        for task in pulling.world.puller.queue.take():
            pulling.pull(task.hour, task.run_id)

    asked = pulling.world.puller.api.requests
    assert len(asked) == 4 * slots_max
    assert sum(hour < HOUR for hour in asked) == 2 * slots_max


def test_a_cancelled_run_asks_for_nothing_more() -> None:
    """What was pulled stays pulled."""
    pulling = Pulling(now=HOUR.end + timedelta(hours=30), source=a_source(repull_hours=()))
    pulling.run()
    pulling.world.puller.api.requests.clear()
    pulling.wait(minutes=1)
    run_id = request(pulling, HOUR, HOUR.plus(20))

    def cancel(_source: object, hour: Hour) -> None:
        if hour == HOUR.plus(3):
            cancel_run(pulling.world.puller.gateways, "acme", run_id, now=pulling.now)

    pulling.world.puller.api.asking = cancel
    pulling.run()

    assert pulling.world.puller.api.requests[:4] == [HOUR.plus(n) for n in range(4)]
    assert len(pulling.world.puller.api.requests) == 4
    assert pulling.world.puller.runs.rows["acme", run_id].value.status is RunStatus.CANCELLED


def test_a_source_that_does_not_answer_is_asked_for_one_hour_at_a_time() -> None:
    """The others follow when it answers."""
    pulling = Pulling(now=HOUR.end + timedelta(hours=10))
    hours = list(hours_between(HOUR, HOUR.plus(8)))
    for hour in hours:
        pulling.answers(503, hour=hour)
    pulling.run()
    assert pulling.world.puller.api.requests == [HOUR]
    pulling.wait(minutes=1)
    pulling.run()
    assert pulling.world.puller.api.requests == [HOUR, HOUR]

    full(pulling, *hours)
    pulling.wait(minutes=2)
    pulling.run()
    assert sorted(pulling.world.puller.api.requests[2:]) == hours
    assert pulling.world.puller.gateways.health.get("acme") == HEALTHY


def test_a_paused_source_goes_on_where_it_was() -> None:
    """The hours of the pause are owed."""
    pulling = Pulling()
    full(pulling, HOUR, HOUR.plus(1))
    pulling.save(replace(pulling.source, status=SourceStatus.PAUSED))
    pulling.wait(hours=1)
    pulling.run()
    assert pulling.world.puller.api.requests == []

    pulling.save(replace(pulling.source, status=SourceStatus.ACTIVE))
    pulling.run()
    assert pulling.world.puller.api.requests == [HOUR, HOUR.plus(1)]


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_start_may_be_changed(hours: int) -> None:
    """To an earlier hour: those before are owed. To a later one: those before are left out."""
    pulling = Pulling(now=HOUR.end + timedelta(hours=2))
    pulling.run()
    pulling.world.puller.api.requests.clear()
    pulling.save(replace(pulling.source, start=HOUR.plus(hours)))
    pulling.wait(hours=6)
    pulling.run()

    expected = [HOUR.plus(n) for n in range(min(hours, 0), 7) if n and n >= hours]
    assert sorted(set(pulling.world.puller.api.requests) - {HOUR}) == expected


def test_the_ledger_may_be_lost() -> None:
    """Then every hour that is not known to be closed is pulled, and nothing lands twice."""
    pulling = Pulling(now=HOUR.end + timedelta(hours=5))
    hours = list(hours_between(HOUR, HOUR.plus(3)))
    full(pulling, *hours)
    pulling.run()
    pulling.world.puller.hours.clear()
    pulling.world.puller.gateways.progress.forget("acme")

    pulling.run()

    assert all(numbers(landed(pulling.world, hour)) == [number_of(hour)] for hour in hours)
    assert progress(pulling).pulled_until == HOUR.plus(4)


def test_an_hour_whose_record_cannot_be_read_holds_itself_alone() -> None:
    """And keeps those after it open, until an operator has repaired it."""
    pulling = Pulling(now=HOUR.end + timedelta(hours=4))
    full(pulling, HOUR, HOUR.plus(1), HOUR.plus(2))
    pulling.pull(HOUR.plus(1))
    pulling.world.puller.hours.spoil("acme", HOUR.plus(1))

    pulling.run()

    assert progress(pulling).pulled_until == HOUR.plus(1)
    assert pulling.of(HOUR.plus(2)).status is PullStatus.PULLED
    with pytest.raises(UnreadableRowError):
        pulling.of(HOUR.plus(1))


def test_landing_is_created_before_the_first_hour_lands_and_never_again() -> None:
    """A container that is gone is not an empty one."""
    pulling = Pulling()
    full(pulling, HOUR, HOUR.plus(1))
    pulling.world.landing.there = False
    pulling.run()
    assert numbers(landed(pulling.world)) == [number_of(HOUR)]

    pulling.world.landing.there = False
    pulling.wait(hours=1)
    with pytest.raises(ExceptionGroup):
        pulling.run()
    assert not pulling.world.landing.there


def test_one_source_does_not_hold_another_one_up() -> None:
    """Whatever its state is."""
    pulling = Pulling()
    full(pulling, HOUR)
    other = a_source(id="other", project_id=2)
    pulling.world.puller.sources.put(other, None)
    pulling.world.puller.hours.put(replace_source(pulling, "other"), None)
    pulling.world.puller.hours.spoil("other", HOUR)

    pulling.run()

    assert numbers(landed(pulling.world)) == [number_of(HOUR)]


def replace_source(pulling: Pulling, source_id: str) -> PulledHour:
    """Return a record of another source."""
    return PulledHour(source_id, HOUR, next_pull_at=pulling.now)
