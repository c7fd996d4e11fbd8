"""Clocks: how far those of different hosts may be apart, and how to compare times that they wrote."""

from datetime import datetime, timedelta

# Two hosts whose clocks are wrong by five minutes, one ahead and one behind. If they are further apart, an
# hour may be exported once more than needed.
CLOCKS_APART_MAX = timedelta(minutes=10)


def stands_still(moved_at: datetime, now: datetime, after: timedelta) -> bool:
    """Whether something last moved at least ``after`` ago, by the clock of this host.

    A time in the future is from a clock that is ahead. How long ago it was is not known: it counts as long
    ago.
    """
    return not timedelta() <= now - moved_at < after
