"""Trying a destination again at once, because somebody has repaired or changed what failed."""

from datetime import datetime

from exporter.ports import Gateways


def trust(gateways: Gateways, destination_id: str, now: datetime) -> None:
    """Let everything that a destination owes be due with the next tick."""
    standing = gateways.standings.get(destination_id)
    if standing.trusted(now) != standing:
        gateways.standings.put(destination_id, standing.trusted(now))
