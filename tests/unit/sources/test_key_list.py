"""Hours with more keys than fit into memory: what lands is the same, and nothing is read more often."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from random import Random

import pytest

from exporter.pipeline.zip_members import ZipMembers
from exporter.sources import pull_hour
from exporter.sources.key_list import KeyList
from exporter.sources.row_marks import RowMarks
from exporter.sources.unpack import Unpacking
from tests.support.fakes.blobs import Row
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.pulling import HOUR, Pulling, a_source, answer, event, landed, landed_blobs, numbers

KEYS_MAX = 7
BEFORE = HOUR.plus(-1)


@pytest.fixture
def few_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only some keys be in memory."""
    monkeypatch.setattr(pull_hour, "Unpacking", partial(Unpacking, keys_max=KEYS_MAX))


def parts_of(seed: int) -> list[list[Row]]:
    """Return files with rows of two hours, many of them twice: in a file, and in another one."""
    chance = Random(seed)  # noqa: S311  chance that can be repeated
    every = [event(number, chance.choice([HOUR, HOUR, BEFORE])) for number in range(60)]
    return [chance.choices(every, k=40) for _ in range(3)]


def pulled_twice(world: World | None = None) -> Pulling:
    """Pull two hours, one of them again with more rows."""
    pulling = Pulling(world or World(), source=a_source(start=BEFORE))
    pulling.answers(answer(*parts_of(1)[:2]))
    pulling.pull()
    pulling.wait(hours=24)
    pulling.answers(answer(*parts_of(2), *parts_of(1)))
    pulling.pull()
    return pulling


def everything(pulling: Pulling) -> list[dict[str, bytes]]:
    """Return the landed blobs of both hours."""
    return [landed_blobs(pulling.world, hour) for hour in (BEFORE, HOUR)]


def test_what_lands_does_not_depend_on_how_many_keys_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row once, in the same blobs; the records tell the same."""
    wanted = pulled_twice()
    for keys_max in (1, KEYS_MAX, 100):
        monkeypatch.setattr(pull_hour, "Unpacking", partial(Unpacking, keys_max=keys_max))
        found = pulled_twice()

        assert everything(found) == everything(wanted)
        assert found.record == wanted.record
        assert found.world.puller.answers.committed == {}
    for hour in (BEFORE, HOUR):
        rows = numbers(landed(wanted.world, hour))
        assert rows == sorted(set(rows))
    assert wanted.record.rows == len(landed(wanted.world)) > 5 * KEYS_MAX


@pytest.mark.usefixtures("few_keys")
def test_however_many_keys_there_are_each_file_is_read_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted, compared and landed; a blob that has landed is read once."""
    reads, real = Counter[str](), ZipMembers.read

    def read(members: ZipMembers, number: int) -> Iterator[bytes]:
        reads[members.names[number]] += 1
        return real(members, number)

    monkeypatch.setattr(ZipMembers, "read", read)
    pulling = Pulling()
    pulling.answers(answer([event(number) for number in range(50 * KEYS_MAX)], [event(1)]))
    pulling.pull()

    assert sorted(reads.values()) == [2, 3]
    assert len(landed(pulling.world)) == 50 * KEYS_MAX


@pytest.mark.usefixtures("few_keys")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_that_dies_while_it_compares_keys_leaves_each_row_once(moment: str) -> None:
    """At every write there is; the list of keys is deleted in the end."""
    wanted = pulled_twice()
    for crash_at in range(1, 200):
        world = World(moment=moment)
        world.writes.crash_at = crash_at
        try:
            pulled_twice(world)
        except Crash:
            world.writes.crash_at = None
        else:
            assert crash_at > 20
            return
        pulling = again(world)

        for hour in (BEFORE, HOUR):
            assert numbers(landed(world, hour)) == numbers(landed(wanted.world, hour))
        pulling.tick()
        assert world.puller.answers.committed == {}
    raise AssertionError("there is no end of writes")


def again(world: World) -> Pulling:
    """Let other workers pull the hour until every row of both answers is there."""
    pulling = Pulling(world, source=a_source(start=BEFORE))
    pulling.wait(hours=25)
    pulling.answers(answer(*parts_of(2), *parts_of(1)))
    for _ in range(3):
        pulling.pull()
        pulling.wait(hours=24)
    return pulling


def test_a_list_gives_the_rows_of_a_key_together_and_in_their_order() -> None:
    """In parts of the size that was asked for, also those that were never sent."""
    world = World()
    keys = [bytes([number]) * 16 for number in range(100)]
    with KeyList(world.gateways.pulls.answers, "acme/x/000000-1.zip.keys", 10) as found:
        for file in (3, 1):
            for number, key in enumerate(keys):
                found.add(file, [key], [number])
        parts = [[row for rows in part for row in rows] for part in found.parts()]
        assert list(world.puller.answers.committed) == ["acme/x/000000-1.zip.keys"]

    assert world.puller.answers.committed == {}
    assert sorted(row for part in parts for row in part) == sorted(
        (key, file, number) for number, key in enumerate(keys) for file in (1, 3)
    )
    for part in parts:
        assert len(part) <= 10
        for key in {row[0] for row in part}:
            assert [file for each, file, _ in part if each == key] == [3, 1]


def test_a_short_list_is_nowhere_but_in_memory() -> None:
    """An hour of the usual size costs no storage call for it."""
    world = World()
    with KeyList(world.gateways.pulls.answers, "acme/x/000000-1.zip.keys", 10) as found:
        found.add(0, [b"a" * 16, b"b" * 16], range(2))
        (part,) = found.parts()
        assert sorted(next(part)) == [(b"a" * 16, 0, 0), (b"b" * 16, 0, 1)]

    assert world.writes.log == []


def test_marks_of_rows() -> None:
    """One by one, and in ranges."""
    marks = RowMarks(20)
    for place in (0, 7, 8, 19):
        marks.mark(place)

    assert (marks.count, marks.all) == (4, False)
    assert [marks[place] for place in (0, 1, 7, 8, 19)] == [1, 0, 1, 1, 1]
    assert marks.between(6, 10) == [0, 1, 1, 0]
    for place in set(range(20)) - {0, 7, 8, 19}:
        marks.mark(place)
    assert marks.all
    assert RowMarks(0).all
