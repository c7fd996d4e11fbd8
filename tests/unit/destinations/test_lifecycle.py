"""The transitions of a destination: test, activate, pause, resume, change, delete, create again."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exporter.destinations.edit import Draft, put_destination
from exporter.destinations.find import find_destination, find_history
from exporter.destinations.lifecycle import activate, delete, pause, resume, run_draft_test, run_saved_test
from exporter.destinations.overview import Overview, list_destinations, overview_of
from exporter.domain.data_types import DataType
from exporter.domain.destination import CredentialsType, Destination, Output, Status, StorageTarget
from exporter.domain.errors import Conflict, Fault, Invalid, NotFound, NotPossible, Outdated
from exporter.domain.file_names import NameStyle
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourStatus
from exporter.domain.hour_task import HourTask
from exporter.domain.streams import Stream, StreamKey
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Outcome
from exporter.schedule.ledger_view import AsOf, list_hours
from exporter.schedule.planner import queue_due_hours
from tests.support.fakes.world import World
from tests.support.worlds import (
    EVENTS,
    HOUR,
    MERGED_IDS,
    NOW,
    SETTLE,
    a_merge,
    an_event,
    attempt,
    landing_for_long,
    the_record,
)

REFUSED = Fault("missing_action", "The credentials lack it.", "Grant it.")
MIDNIGHT = HOUR.first_of_day()
DAY = timedelta(days=1)
DRAFT = Draft(
    id="acme",
    name="Acme",
    storage=StorageTarget("raw"),
    credentials_type=CredentialsType.CONNECTION_STRING,
    secret="hunter2",  # noqa: S106  a made-up one
    project_id=187520,
    org_id=None,
    output=Output(),
)


def put(
    world: World, draft: Draft = DRAFT, now: datetime = NOW, if_match: str | None = None
) -> Versioned[Destination]:
    """Create or replace the destination."""
    return put_destination(world.gateways, draft, if_match=if_match, now=now)[0]


def an_active(world: World, draft: Draft = DRAFT, now: datetime = NOW) -> Versioned[Destination]:
    """Create and activate a destination."""
    put(world, draft, now)
    found, report = activate(world.gateways, "acme", now=now, test_id="0" * 32)
    assert report.ok
    return found


def tick(world: World, now: datetime = NOW) -> list[HourTask]:
    """Run a tick, and return the queued tasks."""
    queue_due_hours(world.gateways, now=now, settle=SETTLE)
    return world.hours.take()


def export_all(world: World, now: datetime = NOW) -> set[Outcome]:
    """Run a tick, and export the queued hours."""
    return {attempt(world, now, f"claim-{number}", task) for number, task in enumerate(tick(world, now))}


def seen(world: World, now: datetime = NOW) -> Overview:
    """Return the overview of the destination."""
    found = find_destination(world.gateways.destinations, "acme").value
    return overview_of(world.gateways, found, AsOf(now, SETTLE))


def listed(world: World, key: StreamKey = EVENTS, now: datetime = NOW) -> dict[str, HourStatus]:
    """Return the status of every listed hour, from the day before to the day after."""
    found = find_history(world.gateways.destinations, "acme").value
    span = (MIDNIGHT.plus(-24), MIDNIGHT.plus(48))
    records = list_hours(world.gateways, found, key, span, as_of=AsOf(now, SETTLE))
    return {record.hour.key: record.status for record in records}


def test_an_activation_may_name_the_first_day_of_events() -> None:
    """They are owed from there on without a backfill; the same request again changes nothing."""
    world, first = landing_for_long(World()), MIDNIGHT.plus(-48)
    put(world)

    active, report = activate(world.gateways, "acme", now=NOW, test_id="t", since=first.start)

    assert (report.ok, active.value.activated_at) == (True, NOW)
    assert min(task.hour for task in tick(world)) == first
    assert seen(world).states[0].owed_since == first
    again, _ = activate(world.gateways, "acme", now=NOW + DAY, test_id="t", since=first.start)
    assert again == active


def test_an_activation_refuses_a_first_day_that_it_cannot_keep() -> None:
    """A future day; another day than the one that a destination began on; a destination without events."""
    world = landing_for_long(World())
    put(world)
    for since in (NOW + timedelta(seconds=1), MIDNIGHT.start + DAY):
        with pytest.raises(Invalid) as refused:
            activate(world.gateways, "acme", now=NOW, test_id="t", since=since)
        assert [problem.field for problem in refused.value.problems] == ["from"]
    assert find_destination(world.gateways.destinations, "acme").value.status is Status.DRAFT

    activate(world.gateways, "acme", now=NOW, test_id="t")
    with pytest.raises(NotPossible) as late:
        activate(world.gateways, "acme", now=NOW, test_id="t", since=MIDNIGHT.start - DAY)
    assert late.value.code == "activated_before"
    activate(world.gateways, "acme", now=NOW + DAY, test_id="t", since=MIDNIGHT.start)

    put(world, replace(DRAFT, project_id=None, org_id=189524))
    with pytest.raises(Invalid):
        activate(world.gateways, "acme", now=NOW, test_id="t", since=MIDNIGHT.start)


def test_a_paused_destination_gets_nothing_and_a_resumed_one_every_owed_hour() -> None:
    """The hours of the pause stay owed."""
    world = landing_for_long(World())
    an_active(world)
    assert export_all(world) == {Outcome.EXPORTED}
    pause(world.gateways, "acme")
    world.land(EVENTS.stream, HOUR.plus(2), [an_event(1, HOUR.plus(2))])
    later = NOW + timedelta(hours=3)

    assert tick(world, later) == []
    paused = seen(world, later)
    assert paused.status is Status.PAUSED
    assert (paused.states[0].owed, paused.states[0].owed_since) == (3, HOUR.plus(1))

    resume(world.gateways, "acme")
    assert export_all(world, later) == {Outcome.EXPORTED}
    assert [row["event_type"] for row in world.events_a_reader_sees()] == ["purchase"]
    assert (seen(world, later).status, seen(world, later).states[0].owed) == (Status.ACTIVE, 0)


def test_an_hour_queued_before_the_pause_does_not_start() -> None:
    """A queued message may be older than the pause."""
    world = landing_for_long(World())
    an_active(world)
    tasks = tick(world)
    pause(world.gateways, "acme")

    assert {attempt(world, task=task) for task in tasks} == {Outcome.NOT_WANTED}
    assert world.reader().names() == []


@pytest.mark.parametrize(("stop", "outcome"), [(pause, Outcome.EXPORTED), (delete, Outcome.NOT_WANTED)])
def test_an_hour_that_is_being_exported_is_finished_in_a_pause_and_given_up_by_a_deletion(
    stop: object, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the answer to the deletion no file appears."""
    world = landing_for_long(World())
    an_active(world)
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    find, asked = world.containers.open, []

    def open_and_stop(destination: Destination) -> object:
        asked.append(destination.id)
        stop(world.gateways, "acme")  # type: ignore[operator]  # one of two functions
        return find(destination)

    monkeypatch.setattr(world.containers, "open", open_and_stop)

    assert attempt(world) is outcome
    assert asked == ["acme"]
    there = world.reader().names()
    assert bool(there) is (outcome is Outcome.EXPORTED)


def test_only_what_was_activated_is_paused_or_resumed() -> None:
    """A draft is refused."""
    world = landing_for_long(World())
    put(world)

    for verb in (pause, resume):
        with pytest.raises(NotPossible) as refused:
            verb(world.gateways, "acme")
        assert refused.value.code == "destination_not_active"


def test_transitions_are_idempotent() -> None:
    """A repeated request does not even change the ETag."""
    world = landing_for_long(World())
    active = an_active(world)
    again, _ = activate(world.gateways, "acme", now=NOW + DAY, test_id="1" * 32)
    paused = [pause(world.gateways, "acme") for _ in range(2)]
    resumed = [resume(world.gateways, "acme") for _ in range(2)]
    same = put(world, replace(DRAFT, secret=None))

    assert again == active
    assert paused[0] == paused[1]
    assert resumed[0] == resumed[1] == same
    assert active.etag != paused[0].etag != resumed[0].etag


def test_activating_a_paused_destination_resumes_it() -> None:
    """A test upload runs first; the first hour stays."""
    world = landing_for_long(World())
    an_active(world)
    pause(world.gateways, "acme")

    active, _ = activate(world.gateways, "acme", now=NOW + DAY, test_id="1" * 32)

    assert (active.value.status, active.value.activated_at) == (Status.ACTIVE, NOW)


def test_a_request_with_an_old_etag_changes_nothing() -> None:
    """Every transition checks If-Match."""
    world = landing_for_long(World())
    old = put(world).tag
    active = an_active(world, replace(DRAFT, name="New"))
    writes = len(world.writes.log)

    for change in (
        lambda: activate(world.gateways, "acme", now=NOW, test_id="1" * 32, if_match=old),
        lambda: pause(world.gateways, "acme", if_match=old),
        lambda: resume(world.gateways, "acme", if_match=old),
        lambda: delete(world.gateways, "acme", if_match=old),
        lambda: put(world, if_match=old),
    ):
        with pytest.raises(Outdated):
            change()

    assert len(world.writes.log) == writes
    assert pause(world.gateways, "acme", if_match=active.tag).value.status is Status.PAUSED


def test_of_two_concurrent_changes_one_is_refused() -> None:
    """412 for a request with If-Match, 409 without."""
    for if_match, error in (("*", Outdated), (None, Conflict)):
        world = landing_for_long(World())
        an_active(world)
        world.writes.crash_at, world.writes._error = len(world.writes.log) + 1, Conflict("changed")

        with pytest.raises(error):
            pause(world.gateways, "acme", if_match=if_match)


def test_a_put_may_be_limited_to_creation() -> None:
    """``If-None-Match: *``; a deleted destination does not exist."""
    world = landing_for_long(World())

    def make() -> Status:
        made, new = put_destination(world.gateways, DRAFT, if_match=None, if_none_match="*", now=NOW)
        assert new
        return made.value.status

    assert make() is Status.DRAFT
    with pytest.raises(Outdated) as refused:
        make()
    assert refused.value.code == "destination_exists"
    delete(world.gateways, "acme")
    assert make() is Status.DRAFT


def test_a_test_upload_is_kept_with_the_destination_and_does_not_change_it() -> None:
    """With its time; a later test replaces it, also that of an activation."""
    world = landing_for_long(World())
    saved = put(world)
    world.reader().faults["write"] = REFUSED

    failed = run_saved_test(world.gateways, "acme", now=NOW, test_id="0" * 32)

    trial = seen(world).last_test
    assert trial is not None
    assert (trial.at, trial.report, trial.report.ok) == (NOW, failed, False)
    assert find_destination(world.gateways.destinations, "acme") == saved
    world.reader().faults.clear()
    activate(world.gateways, "acme", now=NOW + DAY, test_id="1" * 32)
    trial = seen(world).last_test
    assert trial is not None
    assert (trial.at, trial.report.ok) == (NOW + DAY, True)


def test_the_test_upload_of_a_draft_stores_nothing() -> None:
    """Neither in the container nor in the exporter's storage."""
    world = landing_for_long(World())

    assert run_draft_test(world.gateways, DRAFT, now=NOW, test_id="0" * 32).ok
    assert world.reader().names() == []
    assert world.destinations.all() == []
    assert world.destinations.last_tests("a", "z") == {}


def test_a_deleted_destination_is_gone_but_for_its_history() -> None:
    """Exports stop, the secret is deleted, the hours can be listed."""
    world = landing_for_long(World())
    an_active(world)
    export_all(world)
    history = listed(world)
    assert set(history.values()) == {HourStatus.EMPTY}

    delete(world.gateways, "acme")
    delete(world.gateways, "acme")

    later = NOW + DAY
    assert tick(world, later) == []
    assert list_destinations(world.gateways, AsOf(later, SETTLE)) == []
    with pytest.raises(NotFound) as gone:
        find_destination(world.gateways.destinations, "acme")
    assert gone.value.code == "destination_deleted"
    assert find_history(world.gateways.destinations, "acme").value.credentials.sealed == ""
    assert listed(world, now=later) == history
    assert (world.schedule.all(), world.destinations.last_tests("a", "z")) == ({}, {})


def test_a_draft_that_is_deleted_has_no_history() -> None:
    """It was never activated and owes nothing."""
    world = landing_for_long(World())
    put(world, replace(DRAFT, org_id=189524))
    delete(world.gateways, "acme")

    assert listed(world) == listed(world, MERGED_IDS) == {}


@pytest.mark.parametrize("destination_id", ["acme", "No id"])
def test_a_destination_that_never_existed_cannot_be_deleted(destination_id: str) -> None:
    """The request is wrong."""
    with pytest.raises(NotFound) as unknown:
        delete(World().gateways, destination_id)
    assert unknown.value.code == "destination_not_found"


def test_a_destination_that_is_made_anew_finds_its_history_and_owes_only_what_comes() -> None:
    """It begins as a draft; the days between are not owed."""
    world = landing_for_long(World())
    an_active(world)
    export_all(world)
    delete(world.gateways, "acme")
    later = NOW + 3 * DAY

    made, new = put_destination(world.gateways, DRAFT, if_match=None, now=later)
    assert (new, made.value.status, made.value.created_at) == (True, Status.DRAFT, later)
    assert seen(world, later).last_test is None
    activate(world.gateways, "acme", now=later, test_id="1" * 32)

    owed = {task.hour for task in tick(world, later)}
    assert min(owed) == Hour.containing(later).first_of_day()
    assert HOUR.key in listed(world)


def test_another_project_begins_today_and_the_hours_of_the_old_one_are_its_own() -> None:
    """It does not begin on the day of the activation, which may be a year ago."""
    world = landing_for_long(World(), EVENTS.stream, Stream(DataType.EVENTS, 2))
    an_active(world)
    export_all(world)
    later = NOW + 3 * DAY
    today = Hour.containing(later).first_of_day()

    put(world, replace(DRAFT, project_id=2), later)
    other = StreamKey("acme", Stream(DataType.EVENTS, 2))
    assert {task.key for task in tick(world, later)} == {other}
    assert seen(world, later).states[0].owed_since == today

    # After the return, the hours between are not owed: a backfill exports them.
    put(world, DRAFT, later + DAY)
    assert min(task.hour for task in tick(world, later + DAY)) == today.plus(24)


def test_merged_ids_that_are_added_later_begin_with_the_first_that_landed() -> None:
    """All merged ids are owed; the events continue."""
    world = landing_for_long(World())
    an_active(world)
    export_all(world)
    early = HOUR.plus(-100)
    world.land(MERGED_IDS.stream, early, [a_merge(1, early)])

    put(world, replace(DRAFT, org_id=189524))

    tasks = tick(world)
    assert {task.key for task in tasks} == {MERGED_IDS}
    assert min(task.hour for task in tasks) == early


def test_a_change_of_the_output_holds_from_the_next_hour_on_and_is_in_the_ledger() -> None:
    """Exported hours stay as they are."""
    world = landing_for_long(World())
    an_active(world)
    export_all(world)
    later = NOW + timedelta(hours=1)
    for hour in (HOUR, HOUR.plus(1)):
        world.land(EVENTS.stream, hour, [an_event(1, hour)])

    put(world, replace(DRAFT, output=Output(name_style=NameStyle.SAFE)), later)
    export_all(world, later)

    before, after = (the_record(world, hour=hour).content.output for hour in (HOUR, HOUR.plus(1)))
    assert (before, after) == (Output(), Output(name_style=NameStyle.SAFE))
    files = [name for name in world.reader().names() if name.endswith(".gz")]
    assert files == ["187520_2026-01-31_13_1.json.gz"]


def test_the_list_of_destinations_has_their_progress() -> None:
    """By id: owed hours, the oldest of them, and the last error."""
    world = landing_for_long(World())
    an_active(world)
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    world.reader().faults["write"] = REFUSED
    export_all(world)
    put_destination(
        world.gateways, replace(DRAFT, id="a-draft", storage=StorageTarget("other")), if_match=None, now=NOW
    )

    draft, failing = list_destinations(world.gateways, AsOf(NOW, SETTLE))

    assert (draft.destination.id, draft.status, draft.failed) == ("a-draft", Status.DRAFT, None)
    assert [(state.owed, state.owed_since) for state in draft.states] == [(0, None)]
    assert failing.status is Status.FAILING
    assert failing.failed is not None
    assert failing.failed.work.error == REFUSED
    assert (failing.states[0].owed, failing.states[0].owed_since) == (HOUR.start.hour + 1, MIDNIGHT)
    alone = overview_of(world.gateways, failing.destination, AsOf(NOW, SETTLE))
    assert replace(alone, recent=None) == failing
