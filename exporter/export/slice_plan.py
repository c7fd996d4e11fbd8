"""The plan of a sliced export: how the hour is cut, and with which settings all workers export it."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec

from exporter.domain.destination import Output
from exporter.domain.filter_parser import stored_filter
from exporter.domain.filters import EventFilter
from exporter.domain.hour_content import HourContent
from exporter.domain.hour_record import SlicedExport
from exporter.domain.slices import Slice
from exporter.domain.streams import LandingBlob
from exporter.export.attempt import Attempt
from exporter.pipeline.exact_json import ExactDecoder
from exporter.ports import State


@dataclass(frozen=True, slots=True)
class SlicePlan:
    """The slices of an hour, and the settings that it is exported with, even if they are changed meanwhile.

    ``container`` is the account and container that its files go to, ``prefix`` begins their names. ``blobs``
    are all landing blobs of the hour. ``spooled`` files go to a container of our own first. With a ``base``
    the slices are appended to an hour that is there: the base stays as it is.
    """

    slices: tuple[Slice, ...]
    output: Output
    event_filter: EventFilter | None
    container: str
    prefix: str
    blobs: tuple[LandingBlob, ...]
    spooled: bool = False
    base: HourContent | None = None

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
        planned = replace(destination, storage=storage, output=self.output, event_filter=self.event_filter)
        return replace(attempt, destination=planned)


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    v: int
    slices: tuple[Slice, ...]
    output: Output
    event_filter: str | None
    container: str
    prefix: str
    blobs: tuple[LandingBlob, ...]
    spooled: bool
    base: HourContent | None


_STORED = ExactDecoder(_Stored)


def encode(plan: SlicePlan) -> bytes:
    """Return a plan as it is stored."""
    text = plan.event_filter.text if plan.event_filter else None
    stored = _Stored(
        v=1,
        slices=plan.slices,
        output=plan.output,
        event_filter=text,
        container=plan.container,
        prefix=plan.prefix,
        blobs=plan.blobs,
        spooled=plan.spooled,
        base=plan.base,
    )
    return zlib.compress(msgspec.json.encode(stored))


def decode(pieces: Iterable[bytes]) -> SlicePlan:
    """Return a stored plan; ``ValueError`` if it is none."""
    try:
        stored = _STORED.decode(zlib.decompress(b"".join(pieces)))
    except (zlib.error, ValueError) as error:
        raise ValueError(f"not a plan: {error}") from error
    if stored.v != 1:
        raise ValueError(f"a plan of version {stored.v}; this exporter knows version 1 only")
    chosen = stored_filter(stored.event_filter) if stored.event_filter else None
    return SlicePlan(
        slices=stored.slices,
        output=stored.output,
        event_filter=chosen,
        container=stored.container,
        prefix=stored.prefix,
        blobs=stored.blobs,
        spooled=stored.spooled,
        base=stored.base,
    )


def read_plan(state: State, sliced: SlicedExport) -> SlicePlan | None:
    """Return the plan of a sliced export; None if it is gone."""
    pieces = state.read(sliced.plan)
    return None if pieces is None else decode(pieces)
