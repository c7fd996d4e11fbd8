"""Sources in memory worlds, and zips for their API to answer."""

from exporter.domain.hour import Hour
from exporter.domain.pulls import PulledHour, PullStatus
from exporter.domain.source import Region, SourceType
from exporter.sources.edit import SourceDraft
from infra.local.export_api import Member, zipped
from tests.support.fakes.world import World
from tests.support.worlds import HOUR, NOW

DRAFT_SOURCE = SourceDraft(
    id="acme",
    type=SourceType.AMPLITUDE_EXPORT,
    project_id=187520,
    region=Region.US,
    base_url=None,
    api_key="the-api-key",
    secret_key="hunter2",  # noqa: S106  a made-up one, which tests look for
    start=Hour.parse("2026-01-31T00"),
    lag_minutes=120,
    repull_hours=(24, 72),
)
# At 13:15, with a lag of two hours.
LAST_DUE = HOUR.plus(-2)


def a_zip(*rows: bytes) -> bytes:
    """Return a zip with one member that has these rows."""
    return b"".join(zipped([Member.of_rows("187520/187520_2026-01-31_10#0.json.gz", rows)]))


def pulled(world: World, first: Hour, last: Hour) -> None:
    """Enter hours of the source as pulled, with three rows each."""
    source = world.puller.sources.get("acme")
    assert source is not None
    hour = first
    while hour <= last:
        record = PulledHour(
            "acme", hour, status=PullStatus.PULLED, closed_at=NOW, rows=3, new_rows=3, pulls=1
        )
        world.puller.hours.put(record, None)
        hour = hour.plus(1)
