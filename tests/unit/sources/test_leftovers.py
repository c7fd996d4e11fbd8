"""What pulls have left over is removed by the next tick, and nothing else is."""

from dataclasses import replace

import pytest

from exporter.domain.hour import Hour
from exporter.domain.pulls import FolderTurn, PulledHour, PullStatus, RunStatus
from exporter.domain.source import SourceStatus
from exporter.domain.versioned import UnreadableRowError
from exporter.schedule.failures import Failures
from exporter.sources.answers import answer_name
from exporter.sources.pull_hour import PullOutcome
from exporter.sources.runs import RunRequest, create_run, find_run
from exporter.sources.tick import run_pull_tick
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.pulling import HOUR, PROJECT, Pulling, a_source, answer, event, landed, numbers


def stored(pulling: Pulling, pulls: int, hour: Hour = HOUR, source_id: str = "acme") -> str:
    """Let an answer to a pull of an hour be stored; return its name."""
    name = answer_name(source_id, hour, pulls, pulling.now, "worker")
    pulling.world.puller.answers.set(name, answer([event(9, hour)], hour=hour))
    return name


def names(pulling: Pulling) -> list[str]:
    """Return the names of the answers that are stored."""
    return sorted(pulling.world.puller.answers.committed)


def delete(pulling: Pulling) -> None:
    """Let the source be deleted."""
    pulling.save(replace(pulling.source, status=SourceStatus.DELETED, sealed=""))


@pytest.mark.parametrize("status", [SourceStatus.ACTIVE, SourceStatus.PAUSED])
def test_an_answer_whose_worker_died_after_its_hour_was_settled_is_deleted(status: SourceStatus) -> None:
    """No further pull of the hour is needed, and no worker."""
    writes = _writes_of_a_pull()
    deletion = next(number for number, line in enumerate(writes, 1) if line.startswith("discard acme/"))
    pulling = Pulling(World(moment="before"), source=a_source(repull_hours=()))
    pulling.answers(answer([event(1)]))
    pulling.world.writes.crash_at = deletion
    with pytest.raises(Crash):
        pulling.pull()
    assert (pulling.record.status, len(names(pulling))) == (PullStatus.PULLED, 1)
    pulling.save(replace(pulling.source, status=status))

    pulling.tick()

    assert names(pulling) == []
    assert numbers(landed(pulling.world)) == [1]
    assert pulling.record.pulls == 1


def _writes_of_a_pull() -> list[str]:
    pulling = Pulling()
    pulling.answers(answer([event(1)]))
    pulling.pull()
    return pulling.world.writes.log


def test_an_answer_that_is_to_be_unpacked_stays() -> None:
    """The first one of an hour, and the next one of an hour that is settled."""
    pulling = Pulling()
    pulling.answers(answer([event(1)]))
    first = stored(pulling, 0, HOUR.plus(1))
    pulling.pull()
    following = stored(pulling, 1)

    pulling.tick()

    assert names(pulling) == [following, first]


def test_an_answer_of_an_hour_that_a_worker_has_stays() -> None:
    """The worker deletes it itself; the answers of other hours are deleted."""
    pulling = Pulling()
    pulling.answers(answer([event(1)]))
    pulling.pull()
    found = pulling.world.puller.hours.get("acme", HOUR)
    assert found is not None
    pulling.world.puller.hours.put(found.value.claimed_by("worker", pulling.now), found.etag)
    old, other = stored(pulling, 0), stored(pulling, 0, HOUR.plus(1))
    delete(pulling)

    pulling.tick()
    assert names(pulling) == [old]
    assert other not in names(pulling)
    pulling.wait(minutes=10)
    pulling.tick()
    assert names(pulling) == []


def test_an_answer_of_a_ledger_that_was_lost_is_deleted_once_its_hour_is_settled() -> None:
    """Its number is that of a pull that the new ledger has not reached."""
    pulling = Pulling()
    pulling.answers(answer([event(1)]))
    old = stored(pulling, 3)
    pulling.tick()
    assert names(pulling) == [old]

    pulling.pull()
    pulling.tick()

    assert names(pulling) == []


def test_the_answers_of_a_deleted_source_are_deleted() -> None:
    """No worker will unpack them. Those of another source, or of none, stay."""
    pulling = Pulling(source=a_source(status=SourceStatus.DELETED))
    stored(pulling, 0)
    other = stored(pulling, 0, source_id="acme-2")

    pulling.tick()

    assert names(pulling) == [other]
    assert pulling.pull() is PullOutcome.NOT_WANTED


def test_the_folders_of_a_deleted_source_are_free() -> None:
    """A worker died while it was landing rows: the schedule looks at the hour once more."""
    pulling = Pulling(source=a_source(status=SourceStatus.DELETED))
    puller = pulling.world.puller
    name = stored(pulling, 0)
    puller.turns.put(FolderTurn(PROJECT, HOUR, name), None)
    puller.turns.put(FolderTurn(PROJECT, HOUR.plus(1), "acme-2/another.zip"), None)

    pulling.tick()

    assert [turn.value.hour for turn in puller.turns.of(PROJECT)] == [HOUR.plus(1)]
    assert [(note.value.hour, note.value.landed_at) for note in puller.late.all()] == [(HOUR, pulling.now)]


def test_the_runs_of_a_deleted_source_are_cancelled() -> None:
    """Else they would be shown as running for ever. Those of other sources go on."""
    pulling = Pulling()
    pulls = pulling.world.gateways.pulls
    pulling.world.puller.sources.put(a_source(id="other", project_id=7), None)
    request = RunRequest(HOUR.key, HOUR.key, HOUR, HOUR)
    for source_id in ("acme", "other"):
        create_run(pulls, source_id, request, now=pulling.now, new_id="r1")
    delete(pulling)

    pulling.tick()

    ended, other = (find_run(pulls, source_id, "r1") for source_id in ("acme", "other"))
    assert (ended.status, ended.finished_at) == (RunStatus.CANCELLED, pulling.now)
    assert not other.ended


def test_an_hour_whose_record_cannot_be_read_keeps_its_answer_and_no_other() -> None:
    """The error is raised when everything else is done."""
    pulling = Pulling(source=a_source(status=SourceStatus.DELETED))
    kept, _ = stored(pulling, 0), stored(pulling, 0, HOUR.plus(1))
    pulling.world.puller.hours.put(PulledHour("acme", HOUR), None)
    pulling.world.puller.hours.spoil("acme", HOUR)

    failures = Failures()
    run_pull_tick(pulling.world.gateways, now=pulling.now, slots_max=2, failures=failures)

    assert [type(error) for error in failures.found] == [UnreadableRowError]
    assert names(pulling) == [kept]
