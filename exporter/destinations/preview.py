"""The preview of an hour: what the filter keeps of it, with examples. Nothing is written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from exporter.domain.destination import Destination
from exporter.domain.errors import NotPossible
from exporter.domain.hour import Hour
from exporter.domain.hour_content import RowCounts
from exporter.domain.row_schema import RejectedRow
from exporter.domain.streams import LandingBlob
from exporter.export.stage import row_chain
from exporter.pipeline.chain import Tally
from exporter.pipeline.exported import Exported
from exporter.ports import Clock, Landing

EXAMPLES_MAX = 10
# A row has 2 KB as a rule, 16 MiB at most; people read the answer, some in a browser.
EXAMPLES_BYTES_MAX = 1024 * 1024
# Azure ends a request after 230 s; people wait less.
TIME_MAX = timedelta(seconds=45)
# The keys of so many rows, needed to find duplicates, take 50 MB.
ROWS_MAX = 2_000_000


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
    limits = _Limits(clock, clock() + TIME_MAX)

    def read(blob: LandingBlob) -> Iterator[bytes]:
        limits.check()
        for chunk in landing.read(blob):
            yield chunk
            limits.check()

    chain = replace(row_chain(destination, stream, hour, limits.reject), tally=limits.tally)
    examples, complete = _Examples(), True
    try:
        for found in chain.exported(landing.blobs(stream, hour), read):
            examples.add(found)
            limits.check()
    except _LimitReachedError:
        complete = False
    return Preview(limits.tally.counts(), tuple(examples.lines), complete)


class _LimitReachedError(Exception):
    """The preview ends here, incomplete."""


class _Limits:
    """Bounds the time and the rows of one preview."""

    def __init__(self, clock: Clock, until: datetime) -> None:
        self.tally = Tally()
        self._clock = clock
        self._until = until

    def check(self) -> None:
        """Raise if a limit is reached."""
        if self._clock() >= self._until or self.tally.counts().read >= ROWS_MAX:
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
