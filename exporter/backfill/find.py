"""Reading backfills."""

from exporter.destinations.edit import find_history
from exporter.domain.backfill import Backfill
from exporter.domain.errors import NotFound
from exporter.domain.versioned import Versioned
from exporter.ports import Backfills, Gateways


def find_backfill(gateways: Gateways, destination_id: str, backfill_id: str) -> Backfill:
    """Return a backfill, also of a deleted destination, or raise ``NotFound``."""
    find_history(gateways, destination_id)
    return find_versioned(gateways.backfills, destination_id, backfill_id).value


def find_versioned(backfills: Backfills, destination_id: str, backfill_id: str) -> Versioned[Backfill]:
    """Return a backfill with its ETag, or raise ``NotFound``."""
    found = backfills.get(destination_id, backfill_id)
    if found is None:
        raise NotFound("backfill_not_found", "This destination has no such backfill.")
    return found


def list_backfills(gateways: Gateways, destination_id: str) -> list[Backfill]:
    """Return the backfills of a destination, also of a deleted one, the newest first."""
    find_history(gateways, destination_id)
    found = gateways.backfills.of(destination_id)
    return sorted(found, key=lambda backfill: (backfill.created_at, backfill.id), reverse=True)
