"""A source in answers."""

from typing import TypedDict

from exporter.domain.pulls import PulledHour, PullStatus
from exporter.domain.source import Region, SourceStatus, SourceType
from exporter.domain.versioned import Page
from exporter.http.destination_view import UnreadableView
from exporter.http.schemas import (
    FaultView,
    HourKey,
    Moment,
    fault_or_null,
    fault_view,
    time_or_null,
    time_text,
)
from exporter.sources.overview import SourceOverview


class FailedPullView(TypedDict):
    """An hour that cannot be pulled, and why."""

    hour: HourKey
    error: FaultView


class SourceView(TypedDict):
    """A source without its secret key, and its progress.

    All hours before ``pulled_until`` are pulled, empty or failed. ``owed_hours`` is the number of hours that
    are due and none of these. ``failed_hours`` stay open until they are pulled on request.
    """

    id: str
    type: SourceType
    project_id: int
    region: Region
    base_url: str | None
    api_key: str
    start: HourKey
    lag_minutes: int
    repull_hours: list[int]
    status: SourceStatus
    created_at: Moment
    pulled_until: HourKey
    owed_hours: int
    failed_hours: list[FailedPullView]
    last_error: FaultView | None


class SourcesView(TypedDict):
    """A page of sources by id, and the stored rows about sources that cannot be read, for the operator.

    ``next`` is the value of ``after`` for the next page, null on the last page.
    """

    sources: list[SourceView]
    unreadable: list[UnreadableView]
    next: str | None


class PulledHourView(TypedDict):
    """An hour of the ledger of a source.

    ``rows``, ``blobs`` and ``bytes`` are what all pulls of the hour have landed, ``new_rows`` the rows of the
    latest one. ``pulls`` is the number of answers. ``ignored`` is the number of files in the latest answer
    that hold no events.
    """

    hour: HourKey
    status: PullStatus
    rows: int
    new_rows: int
    blobs: int
    bytes: int
    pulls: int
    ignored: int
    next_pull_at: Moment | None
    error: FaultView | None


class PulledHoursView(TypedDict):
    """Hours, oldest first."""

    hours: list[PulledHourView]


READ_ONLY = frozenset({"status", "created_at", "pulled_until", "owed_hours", "failed_hours", "last_error"})


def source_view(overview: SourceOverview) -> SourceView:
    """Return a source without its secret key, and its progress."""
    source = overview.source
    return {
        "id": source.id,
        "type": source.type,
        "project_id": source.project_id,
        "region": source.region,
        "base_url": source.base_url,
        "api_key": source.api_key,
        "start": source.start.key,
        "lag_minutes": source.lag_minutes,
        "repull_hours": list(source.repull_hours),
        "status": overview.status,
        "created_at": time_text(source.created_at),
        "pulled_until": overview.pulled_until.key,
        "owed_hours": overview.owed,
        "failed_hours": [
            {"hour": each.hour.key, "error": fault_view(each.error)} for each in overview.failed if each.error
        ],
        "last_error": fault_or_null(overview.error),
    }


def sources_view(page: Page[SourceOverview]) -> SourcesView:
    """Return a page of sources; of an unreadable row only its table, key and column."""
    return {
        "sources": [source_view(each) for each in page],
        "unreadable": [{"table": row.table, "key": row.key, "column": row.column} for row in page.unreadable],
        "next": page.next_after,
    }


def pulled_hour_view(record: PulledHour) -> PulledHourView:
    """Return an hour of the ledger of a source."""
    return {
        "hour": record.hour.key,
        "status": record.status,
        "rows": record.rows,
        "new_rows": record.new_rows,
        "blobs": record.blobs,
        "bytes": record.bytes,
        "pulls": record.pulls,
        "ignored": record.ignored,
        "next_pull_at": time_or_null(record.next_pull_at),
        "error": fault_or_null(record.error),
    }
