"""``GET /summary``: all destinations in a few numbers."""

from http import HTTPStatus
from typing import TypedDict

import azure.functions as func

from exporter import wiring
from exporter.destinations.summary import Summary, summarize
from exporter.domain.data_types import DataType
from exporter.domain.destination import Status
from exporter.http.response_cache import ResponseCache
from exporter.http.responses import answer
from exporter.http.routing import Operation, nothing, operation
from exporter.http.schemas import HourKey, Moment, time_text
from exporter.schedule.ledger_view import as_of_now

blueprint = func.Blueprint()

# A summary takes a ledger query for each stream.
_cache: ResponseCache[Summary] = ResponseCache()


class StatusCountsView(TypedDict):
    """The number of destinations by status; deleted ones are left out."""

    draft: int
    active: int
    paused: int
    failing: int


class OldestOwedView(TypedDict):
    """The oldest owed hour of all destinations."""

    destination: str
    data_type: DataType
    since: HourKey


class FiguresView(TypedDict):
    """Exported rows, rejected rows, and the compressed bytes of the files."""

    rows: int
    rejected: int
    bytes: int


class SummaryView(TypedDict):
    """All destinations in numbers, as of a time.

    ``behind`` is the number of destinations that owe hours, ``unreadable`` the number of stored rows that
    cannot be read. ``complete`` is false if the time was not enough to count all destinations.
    """

    at: Moment
    destinations: StatusCountsView
    behind: int
    owed_hours: int
    oldest_owed: OldestOwedView | None
    last_24_hours: FiguresView
    running_backfills: int
    unreadable: int
    complete: bool


@operation(
    blueprint,
    Operation(name="summary", method="GET", route="summary", answers={HTTPStatus.OK: SummaryView}),
    parse=nothing,
)
def summary(_: func.HttpRequest, __: None) -> func.HttpResponse:
    """Return how many destinations there are of each status, what they owe, and what they exported."""
    return answer(summary_view(current_summary()))


def current_summary() -> Summary:
    """Return the summary, a minute old at most."""
    app, now = wiring.app(), wiring.now()
    as_of = as_of_now(app.gateways, now, app.settings.settle)
    return _cache.get(lambda: summarize(app.gateways, as_of, wiring.now), now)


def summary_view(found: Summary) -> SummaryView:
    """Return the summary."""
    oldest: OldestOwedView | None = None
    if found.oldest is not None:
        since, key = found.oldest
        oldest = {
            "destination": key.destination_id,
            "data_type": key.stream.data_type,
            "since": since.key,
        }
    return {
        "at": time_text(found.at),
        "destinations": {
            "draft": found.statuses[Status.DRAFT],
            "active": found.statuses[Status.ACTIVE],
            "paused": found.statuses[Status.PAUSED],
            "failing": found.statuses[Status.FAILING],
        },
        "behind": found.behind,
        "owed_hours": found.owed,
        "oldest_owed": oldest,
        "last_24_hours": {"rows": found.rows, "rejected": found.rejected, "bytes": found.bytes},
        "running_backfills": found.running_backfills,
        "unreadable": found.unreadable,
        "complete": found.complete,
    }
