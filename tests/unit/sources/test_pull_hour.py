"""The pull of one hour: what stands in landing, and what is asked when, whatever the API answers."""

import gzip
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.claims import Claim
from exporter.domain.errors import Busy, Transient
from exporter.domain.hour import Hour
from exporter.domain.pulls import HEALTHY, FolderTurn, PullSlots, PullStatus, PullTask
from exporter.domain.source import SourceStatus
from exporter.sources.pull_hour import PullOutcome
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.pulling import (
    HOUR,
    PROJECT,
    Pulling,
    a_source,
    answer,
    event,
    landed,
    landed_blobs,
    landed_lines,
    lines,
    member,
    numbers,
    zipped,
)

MINUTES = timedelta(minutes=1)


def test_the_rows_of_an_hour_stand_in_landing_byte_for_byte() -> None:
    """In blobs that are named after the files of the answer, whose numbers have gaps."""
    pulling = Pulling()
    odd = b'{"app": 187520,"uuid":"' + str(event(5)["uuid"]).upper().encode() + b'", "x": 1.0,'
    odd += b'"server_upload_time":"2026-11-01T05:59:59.9+00:00"}\r'
    pulling.answers(answer([event(1), event(2)], [event(3), odd]))

    assert pulling.pull() is PullOutcome.SETTLED

    assert list(landed_blobs(pulling.world)) == [
        "amplitude-187520_2026-11-01_5-627.json.gz",
        "amplitude-187520_2026-11-01_5-70.json.gz",
    ]
    body = b"".join(gzip.decompress(blob) for blob in landed_blobs(pulling.world).values())
    assert body == lines([event(1), event(2), event(3), odd])
    size = sum(map(len, landed_blobs(pulling.world).values()))
    record = pulling.record
    assert (record.status, record.rows, record.new_rows) == (PullStatus.PULLED, 4, 4)
    assert (record.blobs, record.bytes) == (2, size)
    assert (record.pulls, record.error, record.claim) == (1, None, None)
    assert record.next_pull_at == pulling.now + timedelta(hours=24)
    assert pulling.world.puller.answers.committed == {}
    assert pulling.world.puller.turns.rows == {}


def test_each_row_stands_in_the_folder_of_its_own_hour() -> None:
    """Also if the answer holds rows of hours around it; a later pull of these does not land them again."""
    pulling, before = Pulling(), HOUR.plus(-1)
    pulling.answers(answer([event(1), event(2, before)], [event(3, before), event(4, HOUR.plus(1))]))
    pulling.answers(answer([event(2, before), event(9, before)], hour=before), hour=before)
    pulling.save(replace(pulling.source, start=before))

    pulling.pull()
    pulling.pull(before)

    assert numbers(landed(pulling.world)) == [1]
    assert numbers(landed(pulling.world, before)) == [2, 3, 9]
    assert numbers(landed(pulling.world, HOUR.plus(1))) == [4]
    assert "amplitude-187520_2026-11-01_5-627.json.gz" in landed_blobs(pulling.world, before)


def test_a_row_that_is_sent_twice_lands_once() -> None:
    """In one file or in two: the first one counts."""
    pulling = Pulling()
    pulling.answers(answer([event(1, v=1), event(1, v=2)], [event(1, v=3), event(2)]))

    pulling.pull()

    assert [(row["uuid"], row.get("v")) for row in landed(pulling.world)] == [
        (event(1)["uuid"], 1),
        (event(2)["uuid"], None),
    ]


def test_lines_that_are_no_rows_land_in_the_hour_that_was_asked_for() -> None:
    """The exporter rejects them where they are seen. What is blank is no line."""
    pulling = Pulling()
    bad = [
        b"no json",
        b"[1]",
        b'{"app": 187520}',
        b'{"server_upload_time": "yesterday"}',
        b'{"server_upload_time": "1970-01-01 00:00:00.000000"}',
        b'{"server_upload_time": "2970-01-01 00:00:00.000000"}',
        b"\xff\xfe",
        b'{"uuid": "x", "server_upload_time": "2026-11-01 05:00:00"}',
    ]
    pulling.answers(answer([b"", *bad, b"  "], [*bad, event(1)]))

    pulling.pull()

    assert list(filter(bytes.strip, landed_lines(pulling.world))) == [*bad, json.dumps(event(1)).encode()]


def test_files_of_other_names_are_ignored_and_counted() -> None:
    """Folders are not counted."""
    pulling = Pulling()
    rows = gzip.compress(lines([event(1)]))
    pulling.answers(zipped({"187520/": b"", member(1): rows, "README.txt": b"x", "other.json": rows}))

    pulling.pull()

    assert numbers(landed(pulling.world)) == [1]
    assert pulling.record.ignored == 2


def test_files_of_one_name_in_two_folders_all_land() -> None:
    """The name is free for one of them."""
    pulling = Pulling()
    name = "187520_2026-11-01_5#1.json.gz"
    files = {f"{folder}/{name}": gzip.compress(lines([event(n)])) for n, folder in enumerate("abc")}
    pulling.answers(zipped(files))

    pulling.pull()

    assert numbers(landed(pulling.world)) == [0, 1, 2]
    assert pulling.record.rows == 3


def test_a_second_pull_lands_only_what_is_new() -> None:
    """As one further blob, whatever files the rows are in; none if nothing is new."""
    pulling = Pulling()
    rows = [event(number) for number in range(5)]
    pulling.answers(
        answer(rows[:2], rows[2:]),
        answer([event(10), *rows[:2]], [*rows[2:], event(11)], [event(12)]),
        answer(rows, [event(10), event(11), event(12, changed=True)]),
    )
    pulling.pull()
    first = landed_blobs(pulling.world)

    pulling.wait(hours=24)
    assert pulling.pull() is PullOutcome.SETTLED

    again = {name: body for name, body in landed_blobs(pulling.world).items() if name not in first}
    assert list(again) == ["amplitude-again-2026-11-01T05-2-1.json.gz"]
    assert gzip.decompress(*again.values()) == lines([event(10), event(11), event(12)])
    assert (pulling.record.new_rows, pulling.record.rows, pulling.record.pulls) == (3, 8, 2)

    pulling.wait(hours=72)
    pulling.pull()

    assert landed_blobs(pulling.world) == first | again
    assert (pulling.record.new_rows, pulling.record.next_pull_at) == (0, None)


def test_without_tables_nothing_lands_twice() -> None:
    """What stands in the folder is looked at, and rows that were missing are added."""
    pulling = Pulling()
    pulling.answers(answer([event(1)], [event(2)]), answer([event(1), event(7)], [event(2)]))
    pulling.pull()
    pulling.world.puller.hours.clear()

    assert pulling.pull() is PullOutcome.SETTLED

    assert numbers(landed(pulling.world)) == [1, 2, 7]
    assert pulling.record.rows == 3


def test_rows_of_another_project_fail_the_hour_before_anything_lands() -> None:
    """Its number may be a text; a value that is no number is the exporter's business."""
    pulling = Pulling()
    pulling.answers(answer([event(1), event(2, app="x"), event(3, app=None)], [event(4, app="99")]))

    assert pulling.pull() is PullOutcome.FAILED

    assert pulling.world.landed.committed == {}
    assert pulling.record.status is PullStatus.FAILED
    assert pulling.record.error is not None
    assert pulling.record.error.code == "wrong_project"
    assert "99" in pulling.record.error.message
    assert pulling.record.next_pull_at is None
    assert pulling.world.puller.answers.committed == {}
    assert pulling.pull() is PullOutcome.NOT_DUE


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"<html>Too many requests</html>", "no_zip"),
        (b"", "no_zip"),
        (zipped({}), "no_zip"),
        (answer([event(1)])[:-3], "no_zip"),
        (answer([event(1)]) + b"x", "no_zip"),
        (429, "rate_limited"),
        (500, "export_api_unavailable"),
        (502, "export_api_unavailable"),
        (503, "export_api_unavailable"),
        (504, "export_api_unavailable"),
        (302, "export_api_unavailable"),
        (Transient("no route"), "export_api_unreachable"),
        (zipped({member(1): gzip.compress(lines([event(1)]))[:-5]}), "damaged_answer"),
        (zipped({member(1): b"\x1f\x8bxx"}), "damaged_answer"),
        (answer([event(1)], [event(2)]).replace(b"\x1f\x8b", b"\x1f\x8c", 1), "damaged_answer"),
    ],
)
def test_what_is_no_answer_is_asked_again_with_longer_and_longer_waits(bad: object, code: str) -> None:
    """1, 2, 4 and 8 minutes; then the source is failing. An answer heals it."""
    pulling = Pulling()
    pulling.answers(bad, bad, bad, bad, answer([event(1)]))

    for wait in (1, 2, 4, 8):
        assert pulling.pull() is PullOutcome.PUT_OFF
        assert pulling.record.status is PullStatus.OWED
        assert pulling.record.next_pull_at == pulling.now + wait * MINUTES
        assert pulling.record.error is not None
        assert pulling.record.error.code == code
        assert pulling.world.puller.queue.delayed[-1] == (PullTask("acme", HOUR), wait * MINUTES)
        health = pulling.world.puller.gateways.health.get("acme")
        assert not health.failing
        assert pulling.world.landed.committed == {}
        pulling.wait(minutes=wait, seconds=-1)
        assert pulling.pull() is PullOutcome.NOT_DUE
        pulling.wait(seconds=1)

    assert pulling.pull() is PullOutcome.SETTLED
    assert numbers(landed(pulling.world)) == [1]
    assert pulling.world.puller.gateways.health.get("acme") == HEALTHY
    assert pulling.record.error is None
    assert pulling.world.puller.answers.committed == {}


def test_after_five_failures_the_source_is_failing_and_goes_on_every_hour() -> None:
    """In the end."""
    pulling = Pulling()
    pulling.answers(503)
    waits = []
    for _ in range(9):
        pulling.pull()
        failing = pulling.world.puller.gateways.health.get("acme").failing
        waits.append(((pulling.record.next_pull_at or pulling.now) - pulling.now, failing))
        pulling.now = pulling.record.next_pull_at or pulling.now

    minutes = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert waits == [(wait * MINUTES, number >= 4) for number, wait in enumerate(minutes)]


def test_a_zip_that_can_never_be_read_fails_its_hour() -> None:
    """The fifth time; the hours after it are not held up any longer."""
    pulling = Pulling()
    pulling.answers(zipped({member(1): b"\x1f\x8bxx"}))
    for _ in range(4):
        assert pulling.pull() is PullOutcome.PUT_OFF
        pulling.now = pulling.record.next_pull_at or pulling.now

    assert pulling.pull() is PullOutcome.FAILED
    assert pulling.record.status is PullStatus.FAILED


def test_an_answer_that_was_deleted_is_asked_for_again() -> None:
    """The worker that found it damaged died before the ledger knew of that."""
    world = World(moment="after")
    pulling = Pulling(world)
    pulling.answers(zipped({member(1): b"\x1f\x8bxx"}), answer([event(1)]))
    world.writes.after = lambda: _die_after(world, "discard acme/")
    with pytest.raises(Crash):
        pulling.pull()
    world.writes.after = None
    assert pulling.record.answer is not None
    pulling.wait(minutes=2)

    assert pulling.pull() is PullOutcome.SETTLED
    assert numbers(landed(world)) == [1]


def _die_after(world: World, what: str) -> None:
    """Die if the latest write is this one."""
    if world.writes.log[-1].startswith(what):
        raise Crash


def test_the_answer_may_say_when_to_ask_again() -> None:
    """Its wait counts, longer or shorter, also for the other hours of the source."""
    pulling = Pulling()
    pulling.answers((429, timedelta(minutes=17)), (429, timedelta(seconds=5)), answer([event(1)]))
    pulling.answers(answer([event(2, HOUR.plus(1))], hour=HOUR.plus(1)), hour=HOUR.plus(1))
    pulling.wait(hours=1)

    pulling.pull()
    assert pulling.record.next_pull_at == pulling.now + 17 * MINUTES
    assert pulling.pull(HOUR.plus(1)) is PullOutcome.NOT_DUE
    pulling.wait(minutes=17)
    pulling.pull()
    assert pulling.record.next_pull_at == pulling.now + timedelta(seconds=5)
    pulling.wait(seconds=5)
    assert pulling.pull() is PullOutcome.SETTLED


def test_an_answer_that_is_cut_off_is_no_answer() -> None:
    """Even if what has arrived looks like a zip."""
    pulling = Pulling()
    whole = answer([event(number) for number in range(500)])
    pulling.world.puller.api.cut[HOUR] = 2000
    pulling.answers(whole)

    assert pulling.pull() is PullOutcome.PUT_OFF
    assert pulling.record.error is not None
    assert pulling.record.error.code == "export_api_unreachable"
    assert pulling.world.puller.answers.committed == {}


def test_an_hour_without_data_waits_and_is_empty_after_four_hours() -> None:
    """It is asked for every half an hour: its data may be late."""
    pulling = Pulling()
    asked = []
    for _ in range(8):
        assert pulling.pull() is PullOutcome.WAITING
        assert pulling.record.status is PullStatus.WAITING
        assert not pulling.record.closed
        asked.append(pulling.now)
        pulling.now = pulling.record.next_pull_at or pulling.now

    assert pulling.pull() is PullOutcome.SETTLED
    due = HOUR.end + timedelta(hours=2)
    assert asked == [due + number * 30 * MINUTES for number in range(8)]
    assert pulling.now == due + timedelta(hours=4)
    assert (pulling.record.status, pulling.record.closed) == (PullStatus.EMPTY, True)
    assert pulling.record.next_pull_at == pulling.now + timedelta(hours=24)
    assert pulling.world.puller.gateways.health.get("acme") == HEALTHY


def test_the_data_of_an_hour_may_come_late() -> None:
    """After answers without any."""
    pulling = Pulling()
    pulling.answers(404, 404, 404, answer([event(1)]))
    for _ in range(3):
        pulling.pull()
        pulling.wait(minutes=30)

    assert pulling.pull() is PullOutcome.SETTLED
    assert numbers(landed(pulling.world)) == [1]


def test_an_hour_of_long_ago_is_empty_at_once() -> None:
    """Its data cannot be late any more."""
    pulling = Pulling(now=HOUR.end + timedelta(days=30))

    assert pulling.pull() is PullOutcome.SETTLED
    assert pulling.record.status is PullStatus.EMPTY


def test_an_hour_that_was_pulled_stays_pulled_if_there_is_no_data_any_more() -> None:
    """Nothing is deleted, and nothing waits."""
    pulling = Pulling()
    pulling.answers(answer([event(1)]), 404)
    pulling.pull()
    pulling.wait(hours=24)

    assert pulling.pull() is PullOutcome.SETTLED
    assert (pulling.record.status, pulling.record.new_rows) == (PullStatus.PULLED, 0)
    assert pulling.record.rows == 1
    assert numbers(landed(pulling.world)) == [1]


def test_an_hour_that_is_too_large_fails_and_is_not_asked_again() -> None:
    """The API answers; the source is not failing."""
    pulling = Pulling()
    pulling.answers(400)

    assert pulling.pull() is PullOutcome.FAILED
    assert pulling.record.error is not None
    assert pulling.record.error.code == "too_large"
    assert pulling.record.next_pull_at is None
    assert pulling.world.puller.gateways.health.get("acme") == HEALTHY


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_make_the_source_fail_at_once_and_heal_by_themselves(status: int) -> None:
    """After a wait it is asked again."""
    pulling = Pulling()
    pulling.answers(status, answer([event(1)]))

    assert pulling.pull() is PullOutcome.PUT_OFF
    health = pulling.world.puller.gateways.health.get("acme")
    assert health.failing
    assert health.error is not None
    assert health.error.code == "credentials"
    pulling.wait(minutes=1)
    assert pulling.pull() is PullOutcome.SETTLED
    assert pulling.world.puller.gateways.health.get("acme") == HEALTHY


def test_no_hour_is_asked_for_before_it_is_due() -> None:
    """The end of the hour and the lag have passed."""
    pulling = Pulling(now=HOUR.end + timedelta(minutes=119, seconds=59))
    pulling.answers(answer([event(1)]))

    assert pulling.pull() is PullOutcome.NOT_DUE
    assert pulling.pull(HOUR.plus(-1)) is PullOutcome.NOT_DUE
    assert pulling.world.puller.api.requests == []
    pulling.wait(seconds=1)
    assert pulling.pull() is PullOutcome.SETTLED


def test_a_message_that_comes_again_asks_nothing() -> None:
    """The ledger decides."""
    pulling = Pulling()
    pulling.answers(answer([event(1)]))

    assert [pulling.pull(), pulling.pull(), pulling.pull()] == [
        PullOutcome.SETTLED,
        PullOutcome.NOT_DUE,
        PullOutcome.NOT_DUE,
    ]
    assert pulling.world.puller.api.requests == [HOUR]


@pytest.mark.parametrize("status", [SourceStatus.PAUSED, SourceStatus.DELETED])
def test_a_source_that_is_not_active_is_not_asked(status: SourceStatus) -> None:
    """Messages outlive what they were sent for."""
    pulling = Pulling(source=a_source(status=status))

    assert pulling.pull() is PullOutcome.NOT_WANTED
    assert pulling.tick().queued == 0


def test_no_more_workers_ask_a_source_than_it_has_slots() -> None:
    """The slot of a worker that died is free again when its claim has run out."""
    pulling = Pulling(slots_max=1, now=HOUR.end + timedelta(hours=5))
    pulling.answers(answer([event(1)]))
    outcomes = []
    pulling.world.puller.api.asking = lambda _source, hour: (
        outcomes.append(pulling.pull(HOUR.plus(1))) if hour == HOUR else None
    )

    pulling.pull()
    assert outcomes == [PullOutcome.NO_SLOT]
    assert pulling.pull(HOUR.plus(1)) is PullOutcome.WAITING

    pulling.world.puller.gateways.slots.put(
        PullSlots("acme", (Claim.begun("of a dead worker", pulling.now),)),
        _etag(pulling),
    )
    pulling.wait(seconds=89)
    assert pulling.pull(HOUR.plus(2)) is PullOutcome.NO_SLOT
    pulling.wait(seconds=1)
    assert pulling.pull(HOUR.plus(2)) is PullOutcome.WAITING


def _etag(pulling: Pulling) -> str:
    found = pulling.world.puller.gateways.slots.get("acme")
    assert found is not None
    return found.etag


def test_an_hour_that_another_worker_has_is_left_to_it() -> None:
    """A message that is delivered again comes back when the lease ends: its worker may have died."""
    pulling = Pulling()
    pulling.answers(answer([event(1)]))
    outcomes = []
    pulling.world.puller.api.asking = lambda *_: outcomes.append(pulling.pull(redelivered=True))

    assert pulling.pull() is PullOutcome.SETTLED
    assert outcomes == [PullOutcome.LEFT]
    assert pulling.world.puller.queue.delayed == [(PullTask("acme", HOUR), timedelta(seconds=90))]


def test_an_answer_waits_while_another_one_lands_in_the_same_hour() -> None:
    """Two answers with the same rows would not know of each other."""
    pulling = Pulling()
    pulling.answers(answer([event(1)]))
    puller = pulling.world.puller
    other = FolderTurn(PROJECT, HOUR, "acme/2026-11-01T06/000000-20261101T090000-other.zip")
    puller.answers.set(other.answer, b"PK")
    etag = puller.turns.put(other, None)

    assert pulling.pull() is PullOutcome.RELEASED
    assert pulling.world.landed.committed == {}
    assert pulling.record.error is None
    # The hour of the other answer comes first: its worker may have died.
    assert puller.queue.take() == [PullTask("acme", HOUR.plus(1))]
    puller.turns.discard(other, etag)
    pulling.wait(seconds=30)
    assert pulling.pull() is PullOutcome.SETTLED
    assert puller.api.requests == [HOUR]


def test_the_turn_of_an_answer_that_is_gone_is_free() -> None:
    """It was deleted after everything had landed."""
    pulling = Pulling()
    pulling.answers(answer([event(1)]))
    pulling.world.puller.turns.put(FolderTurn(PROJECT, HOUR, "acme/gone.zip"), None)

    assert pulling.pull() is PullOutcome.SETTLED


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("again", [False, True])
def test_whatever_dies_each_row_stands_there_once_and_the_zip_is_asked_for_once(
    moment: str, *, again: bool
) -> None:
    """At every write there is: the next worker goes on from what is there, and a tick tidies up."""
    before = HOUR.plus(-1)
    content = answer([event(1), event(2)], [event(3), event(4, before)], [event(5), event(1)])
    for crash_at in range(1, 100):
        world = World(moment=moment)
        pulling = Pulling(world, source=a_source(start=before))
        if again:
            pulling.answers(answer([event(2)]))
            pulling.pull()
            pulling.wait(hours=24)
        pulling.answers(content)
        world.puller.api.requests.clear()
        world.writes.crash_at = len(world.writes.log) + crash_at
        try:
            pulling.pull()
        except Crash:
            pulling.wait(minutes=2)
            pulling.pull()
            crashed = True
        else:
            crashed = False

        assert numbers(landed(world)) == [1, 2, 3, 5], world.writes.log
        assert numbers(landed(world, before)) == [4]
        assert (pulling.record.status, pulling.record.rows) == (PullStatus.PULLED, 4)
        committed = f"commit acme/{HOUR}"
        stored = [line for line in world.writes.log if line.startswith(committed)]
        # The answer is asked for again only if its zip was not stored yet.
        assert len(stored) - again <= 2
        assert len(world.puller.api.requests) <= 2
        world.writes.crash_at = None
        pulling.tick()
        assert world.puller.answers.committed == {}
        if not crashed:
            assert crash_at > 10
            return
    raise AssertionError("there is no end of writes")


def test_a_zip_that_was_stored_is_not_asked_for_again() -> None:
    """The worker died before the ledger knew of it."""
    world = World(moment="after")
    pulling = Pulling(world)
    pulling.answers(answer([event(1)]))
    commit = next(
        number for number, line in enumerate(_writes_of_a_pull(), 1) if line.startswith(f"commit acme/{HOUR}")
    )
    world.writes.crash_at = commit
    with pytest.raises(Crash):
        pulling.pull()
    pulling.wait(minutes=2)

    assert pulling.pull() is PullOutcome.SETTLED
    assert world.puller.api.requests == [HOUR]
    assert numbers(landed(world)) == [1]


def _writes_of_a_pull() -> list[str]:
    pulling = Pulling()
    pulling.answers(answer([event(1)]))
    pulling.pull()
    return pulling.world.writes.log


def test_an_error_of_our_own_is_recorded_and_raised() -> None:
    """The hour is due again later."""
    pulling = Pulling()

    def fail(_source: object, _hour: Hour) -> None:
        raise ZeroDivisionError

    pulling.world.puller.api.asking = fail
    with pytest.raises(ZeroDivisionError):
        pulling.pull()

    assert pulling.record.error is not None
    assert pulling.record.error.code == "internal_error"
    assert pulling.record.next_pull_at == pulling.now + MINUTES
    slots = pulling.world.puller.gateways.slots.get("acme")
    assert slots is not None
    assert slots.value.taken(pulling.now) == 0


def test_busy_is_no_failure() -> None:
    """Nor is storage that does not answer: the hour goes on where it was."""
    pulling = Pulling()
    pulling.answers(answer([event(1)]))
    pulling.world.landing.there = False

    assert pulling.pull() is PullOutcome.RELEASED
    assert pulling.record.failures == 0
    assert pulling.record.answer is not None
    pulling.world.landing.there = True
    pulling.wait(minutes=1)
    assert pulling.pull() is PullOutcome.SETTLED
    assert pulling.world.puller.api.requests == [HOUR]
    assert issubclass(Busy, Transient)


@pytest.mark.parametrize("again", [False, True])
def test_an_hour_that_takes_long_is_pulled_in_steps(monkeypatch: pytest.MonkeyPatch, *, again: bool) -> None:
    """The answer is stored, then one file lands after the other, each in an attempt of its own at least."""
    monkeypatch.setattr("exporter.sources.pull_hour.STEP_MAX", timedelta())
    pulling = Pulling()
    if again:
        pulling.answers(answer([event(9)]))
        while pulling.pull() is not PullOutcome.SETTLED:
            pass
        pulling.wait(hours=24)
        pulling.outcomes.clear()
        pulling.world.puller.api.requests.clear()
    pulling.answers(answer([event(1), event(2)], [event(3)], [event(4), event(1)]))
    seen = []
    while not pulling.outcomes or pulling.outcomes[-1] is PullOutcome.RELEASED:
        pulling.pull()
        seen.append(len(numbers(landed(pulling.world))) - again)

    # The files are in the order of their shard numbers; those of a later pull land in one blob.
    assert seen == ([0, 4, 4] if again else [0, 2, 3, 4, 4])
    assert pulling.outcomes[-1] is PullOutcome.SETTLED
    assert pulling.record.failures == 0
    assert pulling.world.puller.api.requests == [HOUR]
    assert pulling.world.puller.answers.committed == {}
    assert numbers(landed(pulling.world)) == [1, 2, 3, 4, *([9] if again else [])]


@pytest.mark.parametrize("slow", ["slots", "pulled hour"])
def test_a_worker_whose_claim_took_longer_than_its_lease_does_not_ask(slow: str) -> None:
    """Another one may have its slot: so many ask at once as there are slots, and no more."""
    pulling = Pulling()
    pulling.answers(answer([event(1)]))

    def wait() -> None:
        if pulling.world.writes.log[-1].startswith(slow):
            pulling.wait(minutes=2)

    pulling.world.writes.after = wait
    assert pulling.pull() is PullOutcome.LEFT
    assert pulling.world.puller.api.requests == []
    pulling.world.writes.after = None
    pulling.wait(minutes=2)
    assert pulling.pull() is PullOutcome.SETTLED
