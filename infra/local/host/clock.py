"""The host's wall clock. Durations are measured with the monotonic clock instead."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time in UTC, the time zone of every schedule: Flex Consumption supports no other."""
    return datetime.now(UTC)  # noqa: TID251  the host is not part of the product: this is its own clock
