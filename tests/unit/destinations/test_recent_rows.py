from datetime import timedelta

from exporter.destinations.overview import list_destinations, overview_of
from exporter.destinations.recent_rows import RECENT_HOURS, RecentRows, recent_rows
from exporter.domain.destination import Status
from exporter.domain.hour import Hour
from exporter.domain.hour_content import RowCounts
from exporter.domain.hour_record import HourStatus
from exporter.domain.hour_task import HourTask
from exporter.domain.row_schema import Reason
from exporter.http.destination_view import RecentRowsView, destination_view
from exporter.http.hours import hour_view
from exporter.schedule.ledger_view import AsOf
from tests.support.fakes.world import World
from tests.support.worlds import (
    ACME,
    EVENTS,
    HOUR,
    MERGED_IDS,
    NOW,
    SETTLE,
    a_world,
    acme,
    an_event,
    attempt,
    the_record,
)

VIEW = AsOf(NOW, SETTLE)
BAD = b'nonsense\n{"uuid":5}\n'


def exported(world: World, hour: Hour, content: bytes | list[dict[str, object]]) -> None:
    """Land rows of an hour, and export it."""
    world.land(EVENTS.stream, hour, content)
    attempt(world, task=HourTask(EVENTS, hour), claim_id=hour.key)


def shown(world: World) -> dict[str, RecentRowsView]:
    """Return the shown counts of the last 24 hours."""
    return destination_view(overview_of(world.gateways, ACME, VIEW))["last_24_hours"]


def warning(world: World) -> str | None:
    """Return the shown warning."""
    return destination_view(overview_of(world.gateways, ACME, VIEW))["warning"]


def test_a_destination_shows_the_counts_of_its_last_24_hours_together() -> None:
    """For each data type, with amended and rejected rows, without older hours."""
    world = a_world()
    exported(world, HOUR, [an_event(1), an_event(2, paying="yes"), an_event(3, event_type=None)])
    first = HOUR.plus(1 - RECENT_HOURS)
    exported(world, first, BAD)
    exported(world, first.plus(-1), BAD)

    assert recent_rows(world.gateways.ledger, ACME, VIEW) == [
        RecentRows(
            EVENTS,
            RowCounts(2, 0, 0, 3, 1, ((Reason.FIELD_MISSING, 2), (Reason.NOT_JSON, 1))),
            the_record(world, hour=first),
        ),
        RecentRows(MERGED_IDS, RowCounts()),
    ]
    assert shown(world) == {
        "events": {
            "read": 5,
            "exported": 2,
            "filtered": 0,
            "duplicate": 0,
            "rejected": 3,
            "amended": 1,
            "rejected_by_reason": {"field_missing": 2, "not_json": 1},
        },
        "merged_ids": {
            **dict.fromkeys(("read", "exported", "filtered", "duplicate", "rejected"), 0),
            "amended": 0,
            "rejected_by_reason": {},
        },
    }


def test_an_hour_that_lost_all_of_its_rows_warns_and_so_does_its_destination() -> None:
    """With the reasons, while the hour is one of the last 24."""
    world = a_world()
    exported(world, HOUR.plus(-1), [an_event(1, HOUR.plus(-1))])
    assert warning(world) is None
    exported(world, HOUR, BAD)

    hour = hour_view(the_record(world))
    assert hour["status"] == HourStatus.EMPTY
    assert hour["rejected_by_reason"] == {"field_missing": 1, "not_json": 1}
    assert hour["warning"] is not None
    assert "rejected: all of them (field_missing 1, not_json 1)" in hour["warning"]
    assert warning(world) == f"{HOUR} (events): {hour['warning']}"

    later = AsOf(NOW + timedelta(hours=RECENT_HOURS), SETTLE)
    assert destination_view(overview_of(world.gateways, ACME, later))["warning"] is None


def test_a_draft_and_a_list_of_destinations_need_no_ledger_query() -> None:
    """A draft has no exported hours; a list would need a query for each stream."""
    world = a_world()
    exported(world, HOUR, BAD)
    draft = acme(status=Status.DRAFT)

    assert recent_rows(world.gateways.ledger, draft, VIEW) == [
        RecentRows(EVENTS, RowCounts()),
        RecentRows(MERGED_IDS, RowCounts()),
    ]
    (listed,) = list_destinations(world.gateways, VIEW)
    assert listed.recent is None
