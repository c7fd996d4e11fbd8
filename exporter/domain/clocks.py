"""Times that different hosts have written: how far their clocks may be apart, and what follows from that."""

from datetime import datetime, timedelta

# Two hosts whose clocks are off by five minutes, one ahead and one behind. Where they are further apart, an
# hour may be exported once more than needed.
CLOCKS_APART_MAX = timedelta(minutes=10)


def stands_still(moved_at: datetime, now: datetime, after: timedelta) -> bool:
    """Whether something has not moved for a while, as far as that can be told by another host's clock.

    A time in the future is that of a clock that is ahead: how long ago it was is not known, so it counts as
    long ago.
    """
    return not timedelta() <= now - moved_at < after
