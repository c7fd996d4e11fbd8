"""The status and progress of sources, and their ledger as people see it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from exporter.domain.errors import Fault
from exporter.domain.hour import Hour, hours_between
from exporter.domain.hour_record import UNREADABLE
from exporter.domain.pulls import HEALTHY, PulledHour, PullProgress, PullStatus, SourceHealth
from exporter.domain.source import Source, SourceStatus
from exporter.domain.versioned import Page, Rows, Unreadable, UnreadableRowError
from exporter.notify.log_events import log_unreadable
from exporter.ports import PulledHours, PullGateways

LIMIT_DEFAULT = 50
# The ledger of each source on a page is read.
LIMIT_MAX = 100


@dataclass(frozen=True, slots=True)
class SourceOverview:
    """A source and its progress.

    Every hour before ``pulled_until`` is closed or has failed. ``owed`` is the number of hours that are due
    and neither closed nor failed; ``failed`` are the hours that have failed, oldest first.
    """

    source: Source
    pulled_until: Hour
    owed: int
    failed: tuple[PulledHour, ...]
    health: SourceHealth

    @property
    def status(self) -> SourceStatus:
        """The status; an active source whose answers are failures is failing."""
        failing = self.source.status is SourceStatus.ACTIVE and self.health.failing
        return SourceStatus.FAILING if failing else self.source.status

    @property
    def error(self) -> Fault | None:
        """The error of its latest answer, or else that of the newest failed hour, or None."""
        if self.health.error:
            return self.health.error
        return self.failed[-1].error if self.failed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceQuery:
    """Which sources to list, by id: up to ``limit`` with a status, after the id ``after``."""

    status: SourceStatus | None = None
    deleted: bool = False
    after: str = ""
    limit: int = LIMIT_DEFAULT


def source_overview(pulls: PullGateways, source: Source, now: datetime) -> SourceOverview:
    """Return the status and progress of a source."""
    try:
        progress, health = pulls.progress.get(source.id), pulls.health.get(source.id)
    except UnreadableRowError as error:
        log_unreadable([error.row])
        progress, health = None, SourceHealth(error=_unreadable_fault(error.row), failing=True)
    return _overview(pulls, source, progress, health, now)


def list_sources(pulls: PullGateways, query: SourceQuery, now: datetime) -> Page[SourceOverview]:
    """Return the status and progress of the selected sources, page by page.

    ``unreadable`` has the stored rows of sources that cannot be read, on the first page.
    """
    stored, progress, health = pulls.sources.all(), pulls.progress.all(), pulls.health.all()
    unreadable = () if query.after else (*stored.unreadable, *progress.unreadable, *health.unreadable)
    log_unreadable(unreadable)
    found = list[SourceOverview]()
    for each in sorted((row.value for row in stored), key=lambda source: source.id):
        if each.id <= query.after or (each.status is SourceStatus.DELETED) is not query.deleted:
            continue
        overview = _overview(pulls, each, progress.get(each.id), health.get(each.id, HEALTHY), now)
        if query.status not in {None, overview.status}:
            continue
        if len(found) == query.limit:
            return Page(found, unreadable, found[-1].source.id)
        found.append(overview)
    return Page(found, unreadable)


def list_pulled_hours(
    hours: PulledHours, source: Source, span: tuple[Hour, Hour], now: datetime
) -> Iterator[PulledHour]:
    """Yield the hours of a span that are due or were pulled, oldest first.

    An hour without a record is owed from the start of the source on. A deleted source owes none: only hours
    with a record are listed.
    """
    first, last = span
    records = _by_hour(hours.between(source.id, first, last))
    owed_until = first.plus(-1) if source.status is SourceStatus.DELETED else source.last_due(now)
    for hour in hours_between(first, last):
        record = records.get(hour)
        if record is not None:
            yield replace(record, status=record.shown_status(now))
        elif source.start <= hour <= owed_until:
            yield PulledHour(source.id, hour, next_pull_at=source.due_at(hour))


def _overview(
    pulls: PullGateways, source: Source, progress: PullProgress | None, health: SourceHealth, now: datetime
) -> SourceOverview:
    last = source.last_due(now)
    known = progress.starting_at(source.start) if progress else None
    until = max(known.pulled_until, source.start) if known else source.start
    failed = _still_failed(pulls.hours, source, known.failed if known else ())
    records = _by_hour(pulls.hours.between(source.id, until, last)) if until <= last else {}
    failed += [record for record in records.values() if record.status is PullStatus.FAILED]
    while until <= last and _passed(records.get(until)):
        until = until.plus(1)
    owed = sum(not _passed(records.get(hour)) for hour in hours_between(until, last))
    return SourceOverview(source, until, owed, tuple(failed), health)


def _unreadable_fault(row: Unreadable) -> Fault:
    return Fault(
        code=UNREADABLE,
        message="A stored record of this source cannot be read.",
        fix=f'Ask the operator of this exporter to search the log for "row unreadable": {row.key}.',
    )


def _passed(record: PulledHour | None) -> bool:
    """Whether an hour is closed or has failed."""
    return record is not None and (record.closed or record.status is PullStatus.FAILED)


def _still_failed(hours: PulledHours, source: Source, failed: tuple[Hour, ...]) -> list[PulledHour]:
    """Return the records of the hours that are noted as failed, as far as they still are."""
    if not failed:
        return []
    noted = frozenset(failed)
    records = _by_hour(hours.between(source.id, min(noted), max(noted)))
    return [each for each in records.values() if each.hour in noted and each.status is PullStatus.FAILED]


def _by_hour(records: Rows[PulledHour]) -> Mapping[Hour, PulledHour]:
    log_unreadable(records.unreadable)
    return {record.hour: record for record in records}
