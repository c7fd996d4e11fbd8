"""Worlds with exported hours, and their verification at a fixed time."""

from datetime import datetime

from exporter.domain.data_types import DataType
from exporter.domain.destination import Destination
from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask
from exporter.domain.verification import Code
from exporter.schedule.ledger_view import AsOf
from exporter.verify.range import (
    Hours,
    VerifyResult,
    span_of,
    verify_at_once,
)
from tests.support.fakes.world import World
from tests.support.worlds import (
    ACME,
    EVENTS,
    HOUR,
    MERGED_IDS,
    NOW,
    SETTLE,
    a_merge,
    a_world,
    acme,
    an_event,
    attempt,
)

AS_OF = AsOf(NOW, SETTLE)
PART, MARKER = "187520_2026-01-31_12#1.json.gz", "187520_2026-01-31_12_complete"


class Repairs:
    """Creates no backfill, and keeps the hours that it was to repair."""

    def __init__(self) -> None:
        self.hours: list[tuple[str, Hours]] = []

    def __call__(self, destination: Destination, hours: Hours, request_id: str) -> str:
        """Name the backfill after its request."""
        self.hours.append((destination.id, hours))
        return f"b-{request_id}"


def verify(  # noqa: PLR0913  each by its name
    world: World,
    destination: Destination = ACME,
    requested: tuple[Hour, Hour] = (HOUR, HOUR),
    *,
    data_types: tuple[DataType, ...] | None = (DataType.EVENTS,),
    now: datetime = NOW,
    repair: Repairs | None = None,
) -> VerifyResult:
    """Verify hours at a fixed time."""
    as_of = AsOf(now, SETTLE)
    span = span_of(world.gateways, destination, requested, data_types, as_of)
    found = verify_at_once(
        world.gateways, destination, span, clock=lambda: now, as_of=as_of, repair=repair, request_id="r1"
    )
    assert found is not None
    return found


def findings(world: World, destination: Destination = ACME) -> list[tuple[Code, str]]:
    """Return the findings of the hour's events: codes and names."""
    return [(each.code, each.name) for wrong in verify(world, destination).wrong for each in wrong.findings]


def an_exported_world(**changes: object) -> World:
    """Make a world whose hour of three events is exported."""
    world = a_world(acme(**changes))
    world.land(EVENTS.stream, HOUR, [an_event(number) for number in range(3)])
    attempt(world)
    return world


def a_merged_world() -> World:
    """Make a world whose hour of events and hour of merged ids are exported."""
    world = an_exported_world()
    world.land(MERGED_IDS.stream, HOUR, [a_merge(1)])
    attempt(world, task=HourTask(MERGED_IDS, HOUR))
    return world
