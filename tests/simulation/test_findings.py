"""Worlds that once broke a promise, told step by step.

Each is a short script: what landed, what changed, which worker died where. Where it matters at which of its
writes a worker dies, every write is tried in turn. In the end everything is as promised (``Life.end``).
"""

import gzip
from collections.abc import Callable
from datetime import timedelta

import pytest

from exporter.backfill.progress import progress_of
from exporter.backfill.requests import create_repair
from exporter.destinations.overview import overview_of
from exporter.domain.backfill import BackfillStatus
from exporter.domain.data_types import DataType
from exporter.domain.destination import Status
from exporter.domain.file_names import NameStyle, PathLayout
from exporter.schedule.ledger_view import AsOf
from tests.simulation import happenings
from tests.simulation.actors import Verdict
from tests.simulation.happenings import lose, put_again, unland
from tests.simulation.life import FIRST, LAST, LATE_CHECKS, OUTAGE, Life, line_of
from tests.simulation.scripts import Script, each_strike
from tests.simulation.truth import BrokenPromise
from tests.support.fakes.blobs import FOREIGN_BLOCK
from tests.support.worlds import EVENTS, SETTLE

CHANGES: dict[str, Callable[[Life], bool]] = {
    "name_style": lambda life: life.edit(name_style=NameStyle.SAFE),
    "path_layout": lambda life: life.edit(path_layout=PathLayout.BY_PROJECT),
    "hive": lambda life: life.edit(path_layout=PathLayout.HIVE),
    "prefix": lambda life: life.edit(prefix="new"),
}


def nothing_more(_: Script) -> None:
    """Go on as it is."""


# Names that change.


@pytest.mark.parametrize("verdict", [Verdict.DIES, Verdict.FAILS])
@pytest.mark.parametrize("change", CHANGES)
def test_an_hour_that_is_written_under_new_names_is_there_once_wherever_its_worker_stops(
    change: str, verdict: Verdict
) -> None:
    """Whether it dies or is answered 503: the files under the old names go, and ``verify`` is right."""

    def begin() -> Script:
        life = Script()
        life.landed(101, 102)
        life.pass_busily(0.1)
        CHANGES[change](life)
        life.ask((FIRST, FIRST))
        return life

    each_strike(begin, verdict, nothing_more)


@pytest.mark.parametrize("change", CHANGES)
def test_an_hour_that_was_half_replaced_when_names_changed_comes_back(change: str) -> None:
    """An attempt recorded other rows for a file and died; its file has another name than the next one's."""

    def begin() -> Script:
        life = Script()
        life.landed(101)
        life.pass_busily(0.1)
        life.landed(102)
        life.ask((FIRST, FIRST))
        return life

    def go_on(life: Script) -> None:
        CHANGES[change](life)

    each_strike(begin, Verdict.DIES, go_on)


def test_a_late_blob_after_a_changed_prefix_leaves_the_files_that_are_there() -> None:
    """What was exported stays where it is; what is late is added."""
    life = Script()
    life.landed(101, 102)
    life.pass_busily(0.1)
    before = {name: life.world.reader().etag(name) for name, _ in life.truth.files("raw")}
    life.edit(prefix="new")
    life.landed(103)
    life.end()
    assert {name: life.world.reader().etag(name) for name in before} == before


# Landing that is tidied up.


def test_a_late_look_after_a_changed_prefix_leaves_an_hour_that_landing_lost() -> None:
    """Landing holds nothing to export it again from."""
    life = Script()
    name = life.landed(101, 102)
    life.pass_busily(0.1)
    life.edit(prefix="new")
    unland(life, name)
    life.end()


def test_a_look_that_dies_before_it_is_recorded_leaves_the_hour_when_landing_is_lost() -> None:
    """The last look throws away the keys: if its worker dies then, they are gone, and the rows must stay."""
    last_look = FIRST.end + SETTLE + LATE_CHECKS[-1]

    def begin() -> Script:
        life = Script()
        life.landed(101, 102)
        life.pass_busily(0.8)
        assert life.now < last_look
        life.now = last_look + timedelta(minutes=1)
        return life

    def go_on(life: Script) -> None:
        unland(life, *sorted(life.world.landed.committed))

    each_strike(begin, Verdict.DIES, go_on)


def test_a_sleeper_that_tidies_up_leaves_the_keys_of_later_attempts() -> None:
    """It was to delete what earlier attempts had kept; meanwhile a backfill has replaced the hour."""
    life = Script()
    names = [life.landed(201)]
    life.pass_busily(0.02)
    names.append(life.landed(202))
    life.pass_time(600)
    life.tick()
    life.finish_workers()
    zombie = life.next_worker("state.names")
    life.freeze(zombie)
    life.ask((LAST, LAST))
    life.pass_busily(0.1)
    life.wake()
    life.finish_workers()
    unland(life, *names)
    life.landed(203)
    life.end()


def test_an_hour_stays_whose_keys_and_landing_are_lost() -> None:
    """The state container is gone, and most of landing; the look has nothing to compare with but files."""
    life = Script()
    names = [life.landed(101), life.landed(102), life.landed(103)]
    life.pass_busily(0.1)
    happenings.state_lost(life)
    unland(life, *names[:2])
    life.end()


def test_merged_ids_stay_when_others_land_in_place_of_those_tidied_up() -> None:
    """As many blobs as were exported are there: but others."""
    life = Script(merged_ids=True)
    names = [life.merged(101), life.merged(102)]
    life.pass_busily(0.1)
    unland(life, *names)
    life.merged(103)
    life.merged(104)
    life.end()


@pytest.mark.parametrize("why", ["never wanted", "deleted by its reader"])
def test_an_hour_without_a_marker_stays_when_tables_and_landing_are_lost(why: str) -> None:
    """Its files say themselves what they hold."""
    life = Script()
    if why == "never wanted":
        life.edit(completion_marker=False)
    name = life.landed(101, 102)
    life.pass_busily(0.1)
    if why != "never wanted":
        for marker in [each for each, _ in life.truth.markers("raw")]:
            del life.world.reader().committed[marker]
            life.truth.unmarked.add(("raw", marker))
    happenings.tables_and_state_lost(life)
    unland(life, name)
    life.end()


def test_a_repair_of_an_adopted_hour_leaves_what_landing_does_not_hold() -> None:
    """Nothing says what was exported; landing holds a part of it, and the marker is missing."""
    life = Script()
    names = [life.landed(101), life.landed(102), life.landed(103)]
    life.pass_busily(0.1)
    happenings.tables_and_state_lost(life)
    life.pass_busily(0.02)
    unland(life, *names[:2])
    marker = life.naming(EVENTS).marker(FIRST)
    del life.world.reader().committed[marker]
    life.truth.unmarked.add(("raw", marker))
    life.verify(repair=True, at_once=True)
    life.end()


def test_a_late_blob_is_added_to_an_adopted_hour_that_landing_holds_in_part() -> None:
    """Its rows count less than what is there, and are others."""
    life = Script()
    names = [life.landed(101), life.landed(102), life.landed(103)]
    life.pass_busily(0.1)
    happenings.tables_and_state_lost(life)
    life.pass_busily(0.02)
    unland(life, *names[:2])
    life.landed(104)
    life.end()


def test_a_new_container_is_not_told_that_nothing_happened_in_an_hour_that_landing_lost() -> None:
    """The hour is done in the old container, and cannot be exported to the new one."""
    life = Script()
    name = life.landed(101, 102)
    life.pass_busily(0.1)
    life.edit(container="raw2")
    unland(life, name)
    life.ask((FIRST, FIRST))
    life.end()


def test_a_backfill_of_an_hour_that_landing_lost_says_so() -> None:
    """It fails with a code of its own, and the hour stays as it is."""
    life = Script()
    name = life.landed(101, 102)
    life.landed(103)
    life.pass_busily(0.1)
    unland(life, name)
    asked = life.ask((FIRST, FIRST))
    life.end()
    found = life.world.backfills.get("acme", asked or "")
    assert found is not None
    failed = progress_of(life.world.gateways, found.value, life.now).failed
    assert [(each.hour, each.error.code) for each in failed] == [(FIRST, "landing_incomplete")]


# Rejected rows.


def test_malformed_lines_of_one_late_blob_stay_when_another_one_brings_more() -> None:
    """Neither blob has a proper row, so that no file tells them apart."""
    life = Script()
    life.landed(201)
    life.pass_busily(0.02)
    life.land_blob(EVENTS, LAST, (), malformed=3)
    life.pass_busily(0.3)
    life.land_blob(EVENTS, LAST, (), malformed=1)
    life.end()


# Sleepers.


def test_a_sleeper_cannot_bring_back_a_marker_that_was_taken_down() -> None:
    """Two have sent the same marker. One is committed and later deleted; the other must not replace it."""
    life = Script()
    life.landed(101)
    life.pass_busily(0.02)
    marker = life.naming(EVENTS).marker(FIRST)
    del life.world.reader().committed[marker]
    life.truth.unmarked.add(("raw", marker))
    life.ask((FIRST, FIRST))
    first = life.next_worker("container.commit", marker)
    life.freeze(first)
    second = life.next_worker("upload.stage")
    life.wake()
    life.let(first)
    life.go_to(second, "container.commit", marker)
    life.freeze(second)
    life.pass_busily(0.1)
    life.landed(102)
    life.ask((FIRST, FIRST))
    third = life.next_worker("container.commit", marker)
    life.freeze(third)
    life.wake()
    life.let(second)
    life.end()


# Large hours.


@pytest.mark.parametrize("what", ["put again", "deleted"])
def test_a_large_hour_ends_whose_landing_changed_after_it_was_cut(what: str) -> None:
    """Its plan names a blob that is not there any more as it was. Messages come again as the host does it."""
    life = Script()
    happenings.host_times(life)
    names = [life.landed(101, large=True), life.landed(102, large=True), life.landed(103, large=True)]
    life.tick()
    life.finish_workers()
    life.next_worker("slices.put")
    if what == "deleted":
        unland(life, names[-1])
    else:
        put_again(life, names[-1])
    life.end()


@pytest.mark.parametrize("look", [0, -1])
def test_what_lands_late_in_a_large_hour_is_added_wherever_its_worker_dies(look: int) -> None:
    """Within half an hour: the next worker to claim the hour appends the rows, and does not only adopt it."""

    def begin() -> Script:
        life = Script()
        happenings.host_times(life)
        life.landed(201)
        life.pass_busily(0.02)
        for number in (202, 203, 204):
            life.landed(number, large=True)
        life.now = LAST.end + SETTLE + LATE_CHECKS[look] + timedelta(minutes=1)
        return life

    def go_on(life: Script) -> None:
        life.pass_busily(0.5)
        there = life.truth.seen("raw")[DataType.EVENTS]
        if set(there) != {201, 202, 203, 204}:
            raise BrokenPromise("late rows are not there half an hour after their worker died", sorted(there))

    each_strike(begin, Verdict.DIES, go_on)


# Others' troubles.


@pytest.mark.parametrize("table", ["schedule", "breakers", "destinations", "ledger"])
def test_a_backfill_is_healed_whatever_row_of_another_destination_cannot_be_read(table: str) -> None:
    """Its message was lost. The tick, which sends it again, tells of the row and goes on."""
    life = Script()
    life.landed(101)
    happenings.make_other(life)
    life.pass_busily(0.1)
    happenings.damage_other(life, table)
    life.ask((FIRST, FIRST))
    life.lose_messages()
    life.end()


def test_merged_ids_that_land_before_the_first_hour_are_exported_within_a_day() -> None:
    """All merged ids were promised; landing is looked through once a day."""
    life = Script(merged_ids=True)
    life.merged(201)
    life.pass_busily(0.1)
    life.merged(101)
    life.end()


def test_a_ledger_that_is_lost_alone_is_found_again() -> None:
    """The schedule is ahead of it: what the next ticks find in the container is taken into the ledger."""
    life = Script()
    life.landed(101)
    life.landed(201)
    life.pass_busily(0.3)
    lose(life, "ledger")
    life.end()


# Backfills that tell the truth.


def test_a_backfill_names_an_hour_that_fails_in_passing_again_and_again() -> None:
    """Nothing is wrong except that landing never answers: the person who requested it is told."""
    life = Script()
    life.landed(101)
    life.pass_busily(0.1)
    asked = life.ask((FIRST, FIRST))
    life.down["blobs"] = 1_000_000
    life.pass_busily(6)
    found = life.world.backfills.get("acme", asked or "")
    assert found is not None
    failed = progress_of(life.world.gateways, found.value, life.now).failed
    assert [each.hour for each in failed] == [FIRST], f"{found.value.status}, and no hour is named"
    life.end()


def test_a_repair_whose_list_of_hours_is_lost_fails() -> None:
    """It cannot know what to export, and does not say that it has."""
    life = Script()
    life.landed(101)
    life.pass_busily(0.1)
    name = create_repair(life.gateways, life.destination, [(DataType.EVENTS, FIRST)], "r1", life.now)
    life.asked[name] = life.now
    happenings.state_lost(life)
    life.end()
    found = life.world.backfills.get("acme", name)
    assert found is not None
    assert found.value.status is BackfillStatus.FAILED
    assert found.value.error is not None


def test_a_backfill_exports_an_hour_once_though_clocks_are_apart() -> None:
    """The clock of who asked is five minutes ahead of those of the workers."""
    life = Script()
    life.landed(101)
    life.pass_busily(0.1)
    life.ask((FIRST, FIRST), ahead=timedelta(minutes=5))
    life.end()


def test_an_hour_behind_the_schedule_that_fails_is_shown_with_its_destination() -> None:
    """A backfill has taken it, and the container refuses midway that it is replaced."""
    life = Script()
    life.landed(101)
    life.pass_busily(0.3)
    life.landed(102)
    life.ask((FIRST, FIRST))
    faults = life.world.reader().faults
    faults["delete"] = OUTAGE
    life.pass_busily(0.5)
    shown = overview_of(life.world.gateways, life.destination, AsOf(life.now, SETTLE))
    assert shown.status is Status.FAILING
    assert shown.failed is not None
    assert shown.failed.hour == FIRST
    life.end()


# Others' files and blocks.


@pytest.mark.parametrize("marker", [True, False])
def test_a_predecessors_files_stay_where_landing_has_nothing(marker: bool) -> None:  # noqa: FBT001  a parameter
    """They are in our name form, and nothing says what they are: they are counted and adopted."""
    life = Script()
    life.edit(completion_marker=marker)
    happenings.predecessor_alone(life)
    life.end()


def test_an_hour_that_comes_back_to_a_container_is_added_to_a_predecessors_files() -> None:
    """Landing does not hold their rows, so they are not replaced; and the schedule does not ask for ever."""
    life = Script()
    name = life.naming(EVENTS).part(FIRST, 1)
    life.world.reader("raw").set(name, gzip.compress(line_of(EVENTS, 100), mtime=0))
    life.truth.foreign[name] = (100,)
    life.edit(container="raw2")
    life.landed(101)
    life.pass_busily(0.5)
    life.edit(container="raw")
    life.end()


@pytest.mark.parametrize("place", ["first part", "second part", "marker"])
def test_blocks_that_another_tool_has_left_do_not_keep_an_hour_back(place: str) -> None:
    """Their ids are not as long as ours, so that storage refuses ours until they are gone."""
    life = Script()
    naming = life.naming(EVENTS)
    name = naming.marker(FIRST) if place == "marker" else naming.part(FIRST, 1 if "first" in place else 2)
    life.world.reader().staged[name] = {FOREIGN_BLOCK: b"something"}
    life.landed(101, large=True)
    life.landed(102, large=True)
    life.end()
