"""Previewing an hour: what a destination's filter leaves of it, and how that looks. Nothing is written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from exporter.domain.destination import Destination
from exporter.domain.errors import NotPossible
from exporter.domain.hour import Hour
from exporter.domain.hour_record import RowCounts
from exporter.domain.row_schema import RejectedRow
from exporter.domain.streams import LandingBlob
from exporter.export.stage import row_chain
from exporter.pipeline.chain import Tally
from exporter.pipeline.exported import Exported
from exporter.ports import Clock, Landing

EXAMPLES_MAX = 10
# Rows are 2 KB as a rule and 16 MiB at most: an answer is for people, in a browser, too.
EXAMPLES_BYTES_MAX = 1024 * 1024
# An answer over HTTP must come within 230 s; people wait for less.
TIME_MAX = timedelta(seconds=45)
# To tell duplicates, the keys of so many rows take 50 MB.
ROWS_MAX = 2_000_000


@dataclass(frozen=True, slots=True)
class Preview:
    """What becomes of the rows, and the first lines that would be exported, without their newlines.

    Unless it is ``complete``, that is what was read of the hour before it became too much.
    """

    rows: RowCounts
    examples: tuple[bytes, ...]
    complete: bool


def preview(destination: Destination, hour: Hour, landing: Landing, clock: Clock) -> Preview:
    """Return what would be exported of an hour's events, from what has landed of it until now."""
    stream = next((key.stream for key in destination.streams if key.stream.spec.filterable), None)
    if stream is None:
        raise NotPossible("no_events", "This destination gets no events, and merged ids are never filtered.")
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
    except _EnoughError:
        complete = False
    return Preview(limits.tally.counts(), tuple(examples.lines), complete)


class _EnoughError(Exception):
    """So much was read that the answer is due."""


class _Limits:
    """Bounds what one preview takes; asked wherever much may pass."""

    def __init__(self, clock: Clock, until: datetime) -> None:
        self.tally = Tally()
        self._clock = clock
        self._until = until

    def check(self) -> None:
        """Break off if it is enough."""
        if self._clock() >= self._until or self.tally.counts().read >= ROWS_MAX:
            raise _EnoughError

    def reject(self, _row: RejectedRow) -> None:
        """Take notice of a row that would be kept aside; it is counted, and that is all."""
        self.check()


class _Examples:
    """The first lines, as long as they are few and small."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._bytes_left = EXAMPLES_BYTES_MAX

    def add(self, found: Exported) -> None:
        """Keep as many of the lines as still fit."""
        if len(self.lines) == EXAMPLES_MAX:
            return
        for line in found.content.splitlines():
            if len(self.lines) < EXAMPLES_MAX and len(line) <= self._bytes_left:
                self.lines.append(line)
                self._bytes_left -= len(line)
