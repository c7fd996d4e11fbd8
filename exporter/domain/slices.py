"""Slices: how a large hour is cut, so that several workers can stage it at the same time.

An hour is cut between landing blobs, by their sizes alone, so that everybody who has the same listing cuts it
the same way. What has landed is about as large as what is exported of it: both are gzip of the same rows.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from exporter.domain.hour import Hour
from exporter.domain.hour_record import Claim, RowCounts
from exporter.domain.marker import StagedFile
from exporter.domain.streams import LandingBlob, StreamKey

# Rows get their missing keys filled in, and may be compressed less well than they came.
HEADROOM_PERCENT = 20


@dataclass(frozen=True, slots=True)
class Slice:
    """Some landing blobs in a row, and the part numbers that belong to them: ``numbers`` from ``first`` on.

    A slice is one part as a rule. A blob that is larger than a part has as many numbers as it may take; the
    last slice of an hour has no bound (None), and no slice that has one goes beyond it: its last part then
    grows over ``max_part_mib``.
    """

    first: int
    numbers: int | None
    blobs: tuple[LandingBlob, ...]

    @property
    def landed_bytes(self) -> int:
        """The size of its blobs together."""
        return sum(blob.size for blob in self.blobs)


def cut(blobs: Iterable[LandingBlob], part_bytes_max: int, first: int = 1) -> Iterator[Slice]:
    """Yield the slices of an hour's blobs, which are in landing order; part numbers begin with ``first``.

    An hour that fits into one part is one slice, and so is one without any blob.
    """
    everything = tuple(blobs)
    if sum(blob.size for blob in everything) <= part_bytes_max:
        yield Slice(first, None, everything)
        return
    target = part_bytes_max * (100 - HEADROOM_PERCENT) // 100
    groups = list(_groups(everything, target))
    for place, group in enumerate(groups, start=1):
        numbers = max(1, -(-sum(blob.size for blob in group) // target))
        yield Slice(first, numbers if place < len(groups) else None, group)
        first += numbers


def _groups(blobs: tuple[LandingBlob, ...], target: int) -> Iterator[tuple[LandingBlob, ...]]:
    group: list[LandingBlob] = []
    size = 0
    for blob in blobs:
        if group and size + blob.size > target:
            yield tuple(group)
            group, size = [], 0
        group.append(blob)
        size += blob.size
    if group:
        yield tuple(group)


@dataclass(frozen=True, slots=True)
class SliceResult:
    """What a worker has staged of a slice. ``digest`` is the blob of our own that holds the keys of its rows.

    Of these, so many were ``dropped``, because slices before it export them. ``rejected`` are the blobs that
    keep its rejected rows.
    """

    rows: RowCounts
    sent: tuple[StagedFile, ...]
    digest: str | None = None
    dropped: int = 0
    rejected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SliceRecord:
    """How far a slice of a run is. ``drops`` is the blob that holds the keys that it must leave out."""

    key: StreamKey
    hour: Hour
    run: str
    number: int
    claim: Claim | None = None
    result: SliceResult | None = None
    drops: str | None = None

    def claimed(self, now: datetime) -> bool:
        """Whether some worker is staging it and its lease has not run out."""
        return self.claim is not None and now < self.claim.until
