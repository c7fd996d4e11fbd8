"""The one place where the host looks at the wall clock; everything that measures a duration is monotonic."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time in UTC, the time zone of every schedule: Flex Consumption knows no other."""
    return datetime.now(UTC)  # noqa: TID251  the host is no part of the product: this is its own clock
