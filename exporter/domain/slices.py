"""Slices: how a large hour is cut, so that several workers can stage it at the same time.

An hour is cut between landing blobs, by their sizes alone, so that the same listing always gives the same
slices. Landing blobs are about as large as the parts that are made of them: both are gzip of the same rows.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from exporter.domain.claims import Claim
from exporter.domain.hour import Hour
from exporter.domain.hour_content import RowCounts
from exporter.domain.marker import StagedFile
from exporter.domain.streams import LandingBlob, StreamKey
from exporter.domain.versioned import LEFT_OUT_AT_DEFAULT

# The missing keys of rows are filled in, and landing may be compressed better than our parts.
HEADROOM_PERCENT = 20


@dataclass(frozen=True, slots=True)
class Slice:
    """Consecutive landing blobs, and the part numbers that belong to them: ``numbers`` from ``first`` on.

    A slice is one part as a rule. A blob that is larger than a part has as many numbers as its parts may
    need. The last slice of an hour has no bound (None). A slice never goes beyond its bound: its last part
    grows over ``max_part_mib`` instead.
    """

    first: int
    numbers: int | None
    blobs: tuple[LandingBlob, ...]

    @property
    def landed_bytes(self) -> int:
        """The size of all its blobs, in bytes."""
        return sum(blob.size for blob in self.blobs)


def cut(blobs: Iterable[LandingBlob], part_bytes_max: int, first: int = 1) -> Iterator[Slice]:
    """Yield the slices of an hour's blobs, which are in landing order; part numbers begin with ``first``.

    An hour that fits into one part is one slice; so is an hour without blobs.
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
    """What a worker has staged of a slice.

    ``digest`` is our own blob that holds the keys of its rows; the rows of so many of these keys were
    ``excluded``, because earlier slices export them. ``rejected`` are the blobs of its rejected rows.
    ``excluded_sha256`` is the hash of the excluded keys; None if there are none, or if a release stored the
    result that excluded no key but those that it found in earlier slices.
    """

    rows: RowCounts
    files: tuple[StagedFile, ...]
    digest: str | None = None
    excluded: int = 0
    rejected: tuple[str, ...] = ()
    excluded_sha256: str | None = field(default=None, metadata=LEFT_OUT_AT_DEFAULT)

    def excludes(self, count: int, sha256: str | None) -> bool:
        """Whether the excluded keys are exactly these, given their number and hash."""
        return self.excluded == count and self.excluded_sha256 in {None, sha256}


@dataclass(frozen=True, slots=True)
class SliceRecord:
    """How far one slice of a sliced export is; ``number`` is its first part number.

    ``excluded_keys`` is our own blob that holds the keys of all rows that it must leave out, and no others.
    """

    key: StreamKey
    hour: Hour
    sliced_id: str
    number: int
    claim: Claim | None = None
    result: SliceResult | None = None
    excluded_keys: str | None = None

    @property
    def holder(self) -> str | None:
        """The id of the claim on the slice, which may have run out."""
        return self.claim.id if self.claim else None

    def claimed(self, now: datetime) -> bool:
        """Whether a worker stages the slice and its lease has not run out."""
        return self.claim is not None and now < self.claim.until

    def claimed_by(self, claim_id: str, now: datetime) -> "SliceRecord":
        """Return the record as claimed for a new attempt."""
        return replace(self, claim=Claim.begun(claim_id, now))

    def renewed(self, now: datetime) -> "SliceRecord":
        """Return the record with its lease extended."""
        if self.claim is None:
            raise ValueError(f"no worker holds slice {self.number} of {self.key} {self.hour}")
        return replace(self, claim=self.claim.renewed(now))

    def staged(self, result: SliceResult) -> "SliceRecord":
        """Return the record of a slice that is staged."""
        return replace(self, claim=None, result=result)

    def released(self) -> "SliceRecord":
        """Return the record of a slice that its worker gives back."""
        return replace(self, claim=None)

    def to_stage_without(self, excluded_keys: str) -> "SliceRecord":
        """Return the record of a slice that is to be staged again, without the rows of these keys."""
        return replace(self, result=None, excluded_keys=excluded_keys)
