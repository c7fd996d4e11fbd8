"""Trying a destination again at once, because somebody has repaired or changed what failed."""

from datetime import datetime

from exporter.ports import Gateways


def reset_breaker(gateways: Gateways, destination_id: str, now: datetime) -> None:
    """Let everything that a destination owes be due with the next tick."""
    breaker = gateways.breakers.get(destination_id)
    if breaker.reset(now) != breaker:
        gateways.breakers.put(destination_id, breaker.reset(now))
