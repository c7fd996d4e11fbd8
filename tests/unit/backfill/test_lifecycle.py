"""Finding, cancelling and retrying a backfill."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.backfill.lifecycle import cancel, list_backfills, retry
from exporter.backfill.requests import BackfillRequest, create
from exporter.domain.backfill import BackfillStatus
from exporter.domain.destination import Status
from exporter.domain.errors import NotFound, NotPossible
from exporter.domain.hour import hours_between
from exporter.domain.hour_record import (
    HourStatus,
)
from exporter.schedule.ledger_view import AsOf
from tests.support.backfill_life import (
    DAY,
    FIRST,
    LAST,
    ONLY_EVENTS,
    THREE_HOURS,
    a_life,
    expected,
    export,
    fail,
    uuids,
)
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.worlds import (
    EVENTS,
    HOUR,
    SETTLE,
    acme,
    an_event,
    attempt,
    the_record,
)


def test_a_draft_has_no_backfills() -> None:
    """A draft was never tested. Unknown destinations and ids are not found."""
    life = a_life(acme(status=Status.DRAFT))

    with pytest.raises(NotPossible, match="draft"):
        life.request()
    with pytest.raises(NotFound, match="no such backfill"):
        life.backfill("none")
    with pytest.raises(NotFound, match="no destination"):
        list_backfills(life.world.gateways, "other")


def test_the_newest_backfill_is_listed_first() -> None:
    """Backfills of other destinations are not listed."""
    life = a_life()
    life.world.destinations.put(acme(id="other"), None)
    life.request()
    life.now += timedelta(seconds=1)
    life.request(name="b2")
    create(life.world.gateways, "other", THREE_HOURS, as_of=AsOf(life.now, SETTLE), new_id="b3")

    assert [each.id for each in list_backfills(life.world.gateways, "acme")] == ["b2", "b1"]


def test_a_cancelled_backfill_begins_no_further_hour() -> None:
    """Queued hours are dropped; hours that are done stay, and so do their counts."""
    life = a_life(ONLY_EVENTS)
    life.request(BackfillRequest(DAY, DAY, FIRST, LAST))
    life.step()
    life.deliver(5)

    cancelled = cancel(life.world.gateways, "acme", "b1", now=life.now)
    for _ in range(20):
        life.pass_time()

    assert life.backfill() == cancelled == cancel(life.world.gateways, "acme", "b1", now=life.now)
    assert (cancelled.status, life.progress().tally.empty) == (BackfillStatus.CANCELLED, 5)
    notices = [each.notification for each in life.world.notifications.messages]
    notices = [each for each in notices if each.kind == "backfill_ended"]
    assert [each.facts["status"] for each in notices] == ["cancelled"]
    assert (life.progress().left, life.progress().estimated_finish_at) == (19, None)
    assert len(life.world.markers_a_reader_sees(prefix=f"187520_{DAY}")) == 5
    assert life.world.backfill_steps.messages == []


def test_an_hour_that_a_cancelled_backfill_was_replacing_is_finished() -> None:
    """The next attempt finishes it: the container is not left between two exports."""
    life = a_life(ONLY_EVENTS, World())
    export(life, [HOUR])
    life.tick()
    life.deliver()
    life.now += timedelta(minutes=1)
    life.world.land(EVENTS.stream, HOUR, [an_event(7)])
    life.request(replace(THREE_HOURS, first=HOUR, allow_loss=True))
    life.step()
    (task,) = life.world.backfill_hours.take()

    def dies_without_marker() -> None:
        if life.world.writes.log[-1] == f"delete 187520_{HOUR.date}_12_complete":
            raise Crash

    life.world.writes.after = dies_without_marker
    with pytest.raises(Crash):
        attempt(life.world, life.now, "dies", task)
    life.world.writes.after = None
    assert life.world.markers_a_reader_sees(prefix=f"187520_{HOUR.date}_12") == {}

    cancel(life.world.gateways, "acme", "b1", now=life.now)
    for _ in range(10):
        life.pass_time()

    assert the_record(life.world).status is HourStatus.EXPORTED
    assert life.world.markers_a_reader_sees(prefix=f"187520_{HOUR.date}_12") != {}
    assert uuids(life.world) == expected(0, 7)


def test_a_cancelled_one_goes_on_where_it_was() -> None:
    """Hours that were done are not exported again."""
    life = a_life(ONLY_EVENTS)
    life.request(BackfillRequest(DAY, DAY, FIRST, LAST))
    life.step()
    life.deliver(5)
    cancel(life.world.gateways, "acme", "b1", now=life.now)

    again = retry(life.world.gateways, "acme", "b1", now=life.now)

    assert again.status is BackfillStatus.QUEUED
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]
    assert life.progress().tally.empty == 24
    assert [the_record(life.world, hour=hour).attempts for hour in hours_between(FIRST, LAST)] == [1] * 24


def test_failed_hours_are_listed_and_tried_again_alone() -> None:
    """The backfill ends when nothing else is left; a retry exports the failed hour only."""
    life = a_life(ONLY_EVENTS)
    life.request(BackfillRequest(DAY, DAY, FIRST, LAST))
    life.step()
    life.world.backfill_hours.messages = [
        task for task in life.world.backfill_hours.messages if task.hour != FIRST.plus(3)
    ]
    fail(life, FIRST.plus(3))
    life.deliver()
    life.step()
    life.step()

    found = life.progress()
    assert life.backfill().status is BackfillStatus.FAILED
    assert [(each.hour, each.error.code) for each in found.failed] == [(FIRST.plus(3), "internal_error")]
    assert (found.tally.empty, found.left) == (23, 0)

    life.now += timedelta(minutes=1)
    retry(life.world.gateways, "acme", "b1", now=life.now)
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]
    assert life.progress().tally.empty == 24
    assert max(the_record(life.world, hour=hour).attempts for hour in hours_between(FIRST, LAST)) == 2


def test_only_what_has_ended_unfinished_is_tried_again() -> None:
    """Only a backfill that has not ended can be cancelled."""
    life = a_life(ONLY_EVENTS)
    life.request()
    with pytest.raises(NotPossible, match="has not ended"):
        retry(life.world.gateways, "acme", "b1", now=life.now)
    life.until_ended()

    with pytest.raises(NotPossible, match="is done"):
        retry(life.world.gateways, "acme", "b1", now=life.now)
    with pytest.raises(NotPossible, match="ended already"):
        cancel(life.world.gateways, "acme", "b1", now=life.now)
