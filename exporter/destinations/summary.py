"""All destinations in a few numbers: how many there are of each status, what they owe, what they exported."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from exporter.destinations.overview import EVERY_DESTINATION, Overview, overviews
from exporter.destinations.recent_rows import RECENT_HOURS
from exporter.domain.destination import Status
from exporter.domain.hour import Hour, last_closed_hour
from exporter.domain.hour_content import HourFigures
from exporter.domain.streams import StreamKey
from exporter.ports import Clock, Gateways, Ledger
from exporter.schedule.ledger_view import AsOf

# Azure ends a request after 230 s; people wait less. Some thousand streams take so long.
TIME_MAX = timedelta(seconds=30)
# If more are behind, there is one cause for many of them.
BEHIND_MAX = 100
# Many may owe hours: the list is cut from time to time.
_BEHIND_KEPT = 10 * BEHIND_MAX


@dataclass(slots=True)
class Summary:
    """The numbers of all destinations that are not deleted, as of a time.

    ``behind`` counts the destinations that owe hours, ``oldest`` is the stream that owes the oldest one.
    ``owing`` has up to ``BEHIND_MAX`` of those, the ones that owe the most hours.
    ``rows``, ``rejected`` and ``bytes`` are of the last ``RECENT_HOURS`` closed hours. ``complete`` is false
    if the time was not enough for all destinations.
    """

    at: datetime
    statuses: Counter[Status] = field(default_factory=Counter)
    owed: int = 0
    behind: int = 0
    oldest: tuple[Hour, StreamKey] | None = None
    rows: int = 0
    rejected: int = 0
    bytes: int = 0
    running_backfills: int = 0
    unreadable: int = 0
    complete: bool = True
    owing: list[Overview] = field(default_factory=list)

    def most_behind(self, limit: int) -> list[Overview]:
        """Return the destinations that owe the most hours, most first; of equal ones, by id."""
        return self.owing[:limit]


def summarize(gateways: Gateways, as_of: AsOf, clock: Clock) -> Summary:
    """Count the destinations. Each stream costs a ledger query, and another one if it owes hours."""
    until, found = clock() + TIME_MAX, Summary(as_of.now)
    unfinished = gateways.backfills.unfinished()
    found.running_backfills = len(unfinished)
    unreadable = set(unfinished.unreadable)
    last = last_closed_hour(as_of.now, as_of.settle)
    for overview, _ in overviews(gateways, as_of, EVERY_DESTINATION, unreadable):
        if clock() >= until:
            found.complete = False
            break
        _count(found, overview)
        for key in overview.destination.streams if overview.status is not Status.DRAFT else ():
            for each in _recent(gateways.ledger, key, last):
                found.rows += each.rows
                found.rejected += each.rejected
                found.bytes += each.bytes
    found.unreadable = len(unreadable)
    found.owing = sorted(found.owing, key=_most_owed_first)[:BEHIND_MAX]
    return found


def _count(found: Summary, overview: Overview) -> None:
    found.statuses[overview.status] += 1
    owing = [(state.owed_since, state) for state in overview.states if state.owed_since is not None]
    found.behind += bool(owing)
    if owing:
        found.owing.append(overview)
    if len(found.owing) == _BEHIND_KEPT:
        found.owing = sorted(found.owing, key=_most_owed_first)[:BEHIND_MAX]
    for since, state in owing:
        found.owed += state.owed
        if found.oldest is None or since < found.oldest[0]:
            found.oldest = since, state.key


def _most_owed_first(overview: Overview) -> tuple[int, str]:
    return -sum(state.owed for state in overview.states), overview.destination.id


def _recent(ledger: Ledger, key: StreamKey, last: Hour) -> list[HourFigures]:
    """Return the figures of the recent hours that are done."""
    recent = ledger.figures(key, last.plus(1 - RECENT_HOURS), last)
    return [figures for record, figures in recent if record.done]
