"""Times written by different hosts: how far their clocks may be apart, and what follows from that."""

from datetime import datetime, timedelta

# Two hosts whose clocks are off by five minutes, one ahead and one behind. If they are further apart, an hour
# may be exported once more than needed.
CLOCKS_APART_MAX = timedelta(minutes=10)


def stalled(moved_at: datetime, now: datetime, after: timedelta) -> bool:
    """Whether something has not moved for that long, as far as another host's clock can tell.

    A time in the future was written by a clock that is ahead. Its age is unknown, so it counts as old.
    """
    return not timedelta() <= now - moved_at < after
