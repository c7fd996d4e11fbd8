"""The preview of an hour: what the filter keeps of it, with examples. Nothing is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from exporter.destinations.seen_properties import PropertySample, SeenProperty
from exporter.domain.data_types import DataType
from exporter.domain.destination import Credentials, CredentialsType, Destination, StorageTarget
from exporter.domain.errors import NotPossible
from exporter.domain.filters import EventFilter
from exporter.domain.hour import Hour
from exporter.domain.hour_content import RowCounts
from exporter.domain.row_schema import RejectedRow
from exporter.domain.streams import LandingBlob, Stream
from exporter.export.stage import row_chain
from exporter.pipeline.chain import RowChain, Tally
from exporter.pipeline.exported import Exported
from exporter.ports import Clock, Landing

EXAMPLES_MAX = 10
# A row has 2 KB as a rule, 16 MiB at most; people read the answer, some in a browser.
EXAMPLES_BYTES_MAX = 1024 * 1024
# Azure ends a request after 230 s; people wait less.
TIME_MAX = timedelta(seconds=45)
# The keys of so many rows, needed to find duplicates, take 50 MB.
ROWS_MAX = 2_000_000
# Rows whose properties are collected: these show what a project sends.
SAMPLE_ROWS_MAX = 2_000
SAMPLE_TIME_MAX = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Preview:
    """Row counts, and the first lines that would be exported, without newlines.

    ``complete`` is false if a limit ended the preview before the whole hour was read.
    """

    rows: RowCounts
    examples: tuple[bytes, ...]
    complete: bool


def preview(destination: Destination, hour: Hour, landing: Landing, clock: Clock) -> Preview:
    """Preview the export of an hour of events, from what has landed until now.

    Raise ``NotPossible`` (``no_events``) if the destination gets no events.
    """
    stream = next((key.stream for key in destination.streams if key.stream.spec.filterable), None)
    if stream is None:
        raise NotPossible("no_events", "This destination exports no events; merged ids are never filtered.")
    return _previewed(destination, stream, hour, landing, clock)


def preview_unsaved(
    project_id: int, event_filter: EventFilter | None, hour: Hour, landing: Landing, clock: Clock
) -> tuple[Preview, list[SeenProperty]]:
    """Preview a filter on an hour of a project before there is a destination, with default output settings.

    Also return the properties that rows of the hour have, whether the filter keeps these rows or not.
    """
    destination = Destination(
        id="unsaved",
        name="unsaved",
        storage=StorageTarget("unsaved"),
        credentials=Credentials(CredentialsType.MANAGED_IDENTITY, ""),
        created_at=hour.start,
        project_id=project_id,
        event_filter=event_filter,
    )
    stream = Stream(DataType.EVENTS, project_id)
    seen = _seen(replace(destination, event_filter=None), stream, hour, landing, clock)
    return _previewed(destination, stream, hour, landing, clock), seen


def _previewed(
    destination: Destination, stream: Stream, hour: Hour, landing: Landing, clock: Clock
) -> Preview:
    limits, examples = _Limits(clock, clock() + TIME_MAX), _Examples()
    chain = row_chain(destination, stream, hour, limits.reject)
    complete = _read_rows(chain, landing.blobs(stream, hour), landing, limits, examples.add)
    return Preview(limits.tally.counts(), tuple(examples.lines), complete)


def _seen(
    destination: Destination, stream: Stream, hour: Hour, landing: Landing, clock: Clock
) -> list[SeenProperty]:
    limits = _Limits(clock, clock() + SAMPLE_TIME_MAX, SAMPLE_ROWS_MAX)
    properties = PropertySample()

    def add(found: Exported) -> None:
        for line in found.content.splitlines():
            properties.add(line)

    chain = row_chain(destination, stream, hour, limits.reject)
    _read_rows(chain, landing.blobs(stream, hour), landing, limits, add)
    return properties.seen()


def _read_rows(
    chain: RowChain[Any],
    blobs: Iterator[LandingBlob],
    landing: Landing,
    limits: "_Limits",
    add: Callable[[Exported], None],
) -> bool:
    """Pass the exported rows of an hour to ``add``; return False if a limit ended this early."""

    def read(blob: LandingBlob) -> Iterator[bytes]:
        limits.check()
        for chunk in landing.read(blob):
            yield chunk
            limits.check()

    try:
        for found in replace(chain, tally=limits.tally).exported(blobs, read):
            add(found)
            limits.check()
    except _LimitReachedError:
        return False
    return True


class _LimitReachedError(Exception):
    """The preview ends here, incomplete."""


class _Limits:
    """Bounds the time and the rows of one preview."""

    def __init__(self, clock: Clock, until: datetime, rows_max: int = ROWS_MAX) -> None:
        self.tally = Tally()
        self._clock = clock
        self._until = until
        self._rows_max = rows_max

    def check(self) -> None:
        """Raise if a limit is reached."""
        if self._clock() >= self._until or self.tally.counts().read >= self._rows_max:
            raise _LimitReachedError

    def reject(self, _row: RejectedRow) -> None:
        """Drop a rejected row; the tally has counted it."""
        self.check()


class _Examples:
    """The first lines, up to ``EXAMPLES_MAX`` and ``EXAMPLES_BYTES_MAX``."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._bytes_left = EXAMPLES_BYTES_MAX

    def add(self, found: Exported) -> None:
        """Add the lines that still fit."""
        if len(self.lines) == EXAMPLES_MAX:
            return
        for line in found.content.splitlines():
            if len(self.lines) < EXAMPLES_MAX and len(line) <= self._bytes_left:
                self.lines.append(line)
                self._bytes_left -= len(line)
