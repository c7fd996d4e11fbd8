"""Requesting a backfill: what is checked, which hours it has, and what is stored."""

from dataclasses import replace

import pytest

from exporter.backfill.lifecycle import cancel, retry
from exporter.backfill.progress import BackfillProgress
from exporter.backfill.requests import (
    PLAN_TIME_MAX,
    BackfillRequest,
    create,
    create_once,
    create_repair,
    id_of_key,
    plan,
)
from exporter.domain.backfill import Backfill, BackfillStatus
from exporter.domain.data_types import DataType
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Invalid, NotPossible, Transient
from exporter.domain.hour import Hour, count_between
from exporter.schedule.ledger_view import AsOf
from tests.support.backfill_life import (
    DAY,
    FIRST,
    LAST,
    ONLY_EVENTS,
    TEN_YEARS,
    THREE_HOURS,
    Life,
    a_life,
    begins_with,
    export,
)
from tests.support.worlds import (
    ACME,
    EVENTS,
    HOUR,
    NOW,
    SETTLE,
    a_merge,
    a_world,
    acme,
    attempt,
    the_record,
)


def test_a_request_is_stored_and_answered_however_long_it_is() -> None:
    """Two writes for ten years: a row and a message. Of landing and ledger only the first hours are read."""
    life = a_life()
    life.world.land(ACME.streams[1].stream, TEN_YEARS.first.plus(-1), b"")

    begun = life.request(TEN_YEARS)

    assert life.world.writes.log == [life.world.writes.log[0], "send b1 0 in 0:00:00"]
    assert begun.total == 2 * 24 * 3653
    assert life.progress() == BackfillProgress(begun.tally, (), begun.total)
    assert begun.status is BackfillStatus.QUEUED


def test_both_data_types_are_exported_unless_one_is_named() -> None:
    """Each hour of each data type counts."""
    life = a_life()
    life.world.land(ACME.streams[1].stream, HOUR.plus(-2), b"")
    life.world.land(ACME.streams[1].stream, HOUR, [a_merge(1)])

    life.request()
    life.request(replace(THREE_HOURS, data_types=(DataType.MERGED_IDS,)), "b2")
    life.until_ended("b1", "b2")

    assert (life.backfill("b1").total, life.progress("b1").tally.done) == (6, 3)
    assert (life.backfill("b2").total, life.progress("b2").tally.done) == (3, 1)


@pytest.mark.parametrize(
    ("request_", "destination", "fields"),
    [
        (BackfillRequest("2026-01-31T13", "2026-02-01", HOUR.plus(1), LAST.plus(48)), ONLY_EVENTS, ["start"]),
        (
            BackfillRequest("2026-01-31T13", DAY, HOUR.plus(1), LAST.plus(48), (DataType.MERGED_IDS,)),
            ONLY_EVENTS,
            ["data_types", "start"],
        ),
    ],
)
def test_all_problems_of_a_request_are_named(
    request_: BackfillRequest, destination: Destination, fields: list[str]
) -> None:
    """All problems are named, and nothing is stored."""
    life = a_life(destination)

    with pytest.raises(Invalid) as caught:
        life.request(request_)

    assert [problem.field for problem in caught.value.problems] == fields
    assert life.world.writes.log == []


def test_hours_that_are_not_closed_yet_are_left_out() -> None:
    """The answer names the last hour."""
    life = a_life(ONLY_EVENTS)

    begun = life.request(
        BackfillRequest("2026-01-31", "2026-01-31", Hour.parse("2026-01-31T00"), HOUR.plus(11))
    )

    assert (begun.last, begun.total, begun.clamped) == (HOUR, 13, True)
    assert (begun.start, begun.end) == ("2026-01-31", "2026-01-31")


def test_a_repair_is_a_backfill_of_single_hours() -> None:
    """Hours between them are not touched; the same request is the same backfill."""
    life = a_life()
    hours = [(DataType.EVENTS, HOUR), (DataType.EVENTS, HOUR.plus(-1500)), (DataType.MERGED_IDS, HOUR)]

    for _ in range(2):
        assert create_repair(life.world.gateways, ACME, hours, "r1", life.now) == "r1"
    assert life.until_ended("r1") == [BackfillStatus.SUCCEEDED]

    assert life.backfill("r1").total == 3
    assert life.world.markers_a_reader_sees().keys() == {
        "187520_2025-11-30_0_complete",
        "187520_2026-01-31_12_complete",
        "-189524_2026-01-31_12_complete",
    }
    assert {record.work.requested_by for record in life.world.ledger.between(EVENTS, HOUR, HOUR)} == {
        "backfill:r1"
    }


def test_a_request_that_is_stored_is_answered_though_its_step_cannot_be_sent() -> None:
    """An error would make people request it twice; a tick sends the step."""
    life = a_life(ONLY_EVENTS)
    queue = life.world.backfill_steps

    class Busy:
        """Takes no message."""

        def send(self, *_: object, **__: object) -> None:
            """Fail in passing."""
            raise Transient("the queue is busy")

        def waiting(self) -> int:
            """Return how many there are."""
            return 0

        def oldest(self) -> None:
            """Return None: there are none."""

    busy = replace(life.world.gateways, backfill_steps=Busy())
    begun = create(busy, "acme", THREE_HOURS, as_of=AsOf(life.now, SETTLE), new_id="b1")

    assert begun == life.backfill()
    assert queue.messages == []
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]


def test_a_person_may_accept_that_hours_hold_less_and_it_reaches_every_attempt() -> None:
    """Every message of an hour has it; if a message lacks it, the backfill's row counts."""
    life = a_life(ONLY_EVENTS)
    begun = life.request(replace(THREE_HOURS, allow_loss=True))
    life.step()
    tasks = life.world.backfill_hours.take()
    assert begun.allow_loss
    assert {task.allow_loss for task in tasks} == {True}
    cancel(life.world.gateways, "acme", "b1", now=life.now)
    retry(life.world.gateways, "acme", "b1", now=life.now)

    attempt(life.world, life.now, "noted", replace(tasks[0], allow_loss=False))

    assert the_record(life.world, hour=HOUR.plus(-2)).work.round == 1
    create_repair(life.world.gateways, ONLY_EVENTS, [(DataType.EVENTS, HOUR)], "r1", life.now)
    assert not life.backfill("r1").allow_loss


@pytest.mark.parametrize("damaged", [None, b"no list", b"events:187520:2026-01-31T12\n"])
def test_a_repair_whose_list_is_lost_says_so(damaged: bytes | None) -> None:
    """It can neither continue nor be retried: its hours are not known any more."""
    life = a_life()
    hours = [(DataType.EVENTS, HOUR), (DataType.EVENTS, HOUR.plus(-1)), (DataType.MERGED_IDS, HOUR)]
    create_repair(life.world.gateways, ACME, hours, "r1", life.now)
    life.step()
    life.deliver(1)
    life.world.own.committed.clear()
    if damaged is not None:
        life.world.own.set("acme/backfills/r1/hours", damaged)
    assert life.progress("r1").left == 3

    life.step()

    found, progress = life.backfill("r1"), life.progress("r1")
    assert (found.status, found.error and found.error.code) == (BackfillStatus.FAILED, "hours_lost")
    assert progress.tally.hours + len(progress.failed) + progress.left == 3
    assert progress.left > 0
    with pytest.raises(NotPossible, match="lost"):
        retry(life.world.gateways, "acme", "r1", now=life.now)


def test_a_backfill_begins_where_its_streams_do() -> None:
    """Each stream has its own first hour; the answer names the earliest."""
    life = a_life()
    life.world.land(ACME.streams[1].stream, HOUR.plus(-1), [a_merge(1, HOUR.plus(-1))])
    far = BackfillRequest("0001-01-01", HOUR.key, Hour.parse("0001-01-01T00"), HOUR)

    begun = life.request(far)
    only = life.request(replace(far, data_types=(DataType.MERGED_IDS,)), "b2")

    assert (begun.first, begun.clamped_start, begun.start) == (TEN_YEARS.first, True, "0001-01-01")
    assert begun.total == count_between(TEN_YEARS.first, HOUR) + 2
    assert (only.first, only.clamped_start, only.total) == (HOUR.plus(-1), True, 2)
    assert not life.request(THREE_HOURS, "b3").clamped_start
    assert life.until_ended("b2") == [BackfillStatus.SUCCEEDED]
    merged = life.world.markers_a_reader_sees(prefix="-189524")
    assert sorted(merged) == [f"-189524_{HOUR.date}_{number}_complete" for number in (11, 12)]


@pytest.mark.parametrize(("landed", "first"), [(None, None), (HOUR, HOUR)])
def test_a_backfill_of_an_empty_past_is_done_at_once_and_writes_nothing(
    landed: Hour | None, first: Hour | None
) -> None:
    """No marker is written for such hours; this holds for a paused destination, too."""
    life = Life(a_world(acme(org_id=None, status=Status.PAUSED)))
    begins_with(life.world, landed)

    begun = life.request(TEN_YEARS)

    assert (begun.status, begun.total, begun.finished_at) == (BackfillStatus.SUCCEEDED, 0, NOW)
    assert (begun.first if begun.clamped_start else None) == first
    assert life.progress() == BackfillProgress(begun.tally, (), 0)
    assert life.world.backfill_steps.messages == []
    assert life.world.notifications.messages[-1].notification.kind == "backfill_ended"
    for _ in range(10):
        life.pass_time()
    assert life.world.markers_a_reader_sees(prefix=f"187520_{DAY}") == {}


def test_what_was_exported_from_blobs_that_are_gone_is_not_passed_over() -> None:
    """Such an hour is requested like all others, so that its failure is shown."""
    life = a_life(ONLY_EVENTS)
    export(life, [FIRST])
    begins_with(life.world, HOUR)

    begun = life.request(TEN_YEARS)

    assert (begun.first, begun.total) == (FIRST, 24)


def test_a_dry_run_shows_what_would_be_exported_and_writes_nothing() -> None:
    """The hours of the range with what the ledger knows of them; hours that are not done have no rows."""
    life = a_life()
    life.request()
    life.until_ended("b1")
    life.world.writes.log.clear()

    found = plan(
        life.world.gateways,
        "acme",
        THREE_HOURS,
        as_of=AsOf(life.now, SETTLE),
        new_id="b2",
        clock=lambda: life.now,
    )

    done = life.progress("b1").tally
    assert found.backfill.total == life.backfill("b1").total
    assert (found.exported, found.rows, found.bytes, found.complete) == (
        done.hours,
        done.rows,
        done.bytes,
        True,
    )
    assert done.rows > 0
    assert life.world.writes.log == []


def test_a_dry_run_ends_in_time_and_says_that_it_is_not_complete() -> None:
    """However long the range is."""
    life = a_life()
    life.request()
    life.until_ended("b1")
    times = iter([life.now, life.now + PLAN_TIME_MAX])

    found = plan(
        life.world.gateways,
        "acme",
        THREE_HOURS,
        as_of=AsOf(life.now, SETTLE),
        new_id="b2",
        clock=lambda: next(times),
    )

    assert (found.exported, found.complete) == (0, False)


def asked(life: Life, request: BackfillRequest = THREE_HOURS, key: str = "k") -> Backfill:
    """Request a backfill with an idempotency key."""
    return create_once(life.world.gateways, "acme", request, as_of=AsOf(NOW, SETTLE), key=key)


def test_a_request_that_is_sent_twice_with_a_key_is_one_backfill() -> None:
    """Also after its end. Another key is another backfill."""
    life = a_life()
    first = asked(life)
    life.world.backfill_steps.take()

    assert asked(life) == first
    named = tuple(each.data_type for each in first.streams)
    assert asked(life, replace(THREE_HOURS, data_types=named)) == first
    assert life.world.backfill_steps.messages == []
    assert asked(life, key="other").id != first.id
    assert id_of_key("acme", "k") == first.id != id_of_key("other", "k")


def test_two_requests_at_the_same_time_are_one_backfill() -> None:
    """The second one finds no backfill, and cannot write its own any more."""
    life = a_life()
    backfills = life.world.backfills
    look, looks = backfills.get, iter([None])
    first = asked(life)
    backfills.get = lambda *key: next(looks, look(*key))  # type: ignore[method-assign]  # the first look is early

    assert asked(life) == first


@pytest.mark.parametrize(
    "other",
    [
        replace(THREE_HOURS, allow_loss=True),
        replace(THREE_HOURS, start="2026-01-31T00"),
        replace(THREE_HOURS, data_types=(DataType.MERGED_IDS,)),
    ],
)
def test_a_key_that_was_used_for_another_request_is_refused(other: BackfillRequest) -> None:
    """Or the caller believes that it was done."""
    life = a_life()
    asked(life, replace(THREE_HOURS, data_types=(DataType.EVENTS,)))

    with pytest.raises(Invalid) as refused:
        asked(life, other)

    assert refused.value.code == "idempotency_key_used"
    assert [problem.field for problem in refused.value.problems] == ["Idempotency-Key"]
