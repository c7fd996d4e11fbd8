"""The plan of a sliced export: how the hour is cut, and with which settings all workers export it."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec

from exporter.domain.destination import Output
from exporter.domain.filter_parser import stored_filter
from exporter.domain.hour_content import HourContent
from exporter.domain.hour_record import SlicedExport
from exporter.domain.slices import Slice
from exporter.domain.streams import LandingBlob
from exporter.export.attempt import Attempt
from exporter.pipeline.exact_json import ExactDecoder
from exporter.ports import BlobStore


@dataclass(frozen=True, slots=True)
class SlicePlan:
    """The slices of an hour, and the settings that it is exported with, even if they are changed meanwhile.

    ``event_filter`` is the text of the filter. ``container`` is the account and container that the files go
    to, ``prefix`` begins their names. ``blobs`` are all landing blobs of the hour. ``spooled`` files go to a
    container of our own first. With a ``base`` the slices are appended to an hour that is there.
    """

    slices: tuple[Slice, ...]
    output: Output
    event_filter: str | None
    container: str
    prefix: str
    blobs: tuple[LandingBlob, ...]
    spooled: bool
    base: HourContent | None

    @property
    def base_digests(self) -> tuple[str, ...]:
        """The digests of what the hour has already."""
        return self.base.origin.digests if self.base else ()

    def slice(self, first: int) -> Slice | None:
        """Return the slice whose first part has that number; None if the plan has none."""
        return next((each for each in self.slices if each.first == first), None)

    def applied_to(self, attempt: Attempt) -> Attempt:
        """Return the attempt with the names and settings that the sliced export was begun with."""
        destination = attempt.destination
        storage = replace(destination.storage, prefix=self.prefix)
        event_filter = stored_filter(self.event_filter) if self.event_filter else None
        planned = replace(destination, storage=storage, output=self.output, event_filter=event_filter)
        return replace(attempt, destination=planned)


_PLAN = ExactDecoder(SlicePlan)


def encode(plan: SlicePlan) -> bytes:
    """Return a plan as it is stored."""
    return zlib.compress(msgspec.json.encode(plan))


def decode(pieces: Iterable[bytes]) -> SlicePlan:
    """Return a stored plan; ``ValueError`` if it is none."""
    try:
        return _PLAN.decode(zlib.decompress(b"".join(pieces)))
    except (zlib.error, ValueError) as error:
        raise ValueError(f"not a plan: {error}") from error


def read_plan(state: BlobStore, sliced: SlicedExport) -> SlicePlan | None:
    """Return the plan of a sliced export; None if it is gone."""
    pieces = state.read(sliced.plan)
    return None if pieces is None else decode(pieces)
