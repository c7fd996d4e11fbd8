"""Plans: how a large hour is cut, and with which settings, so that all its workers do the same."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from exporter.domain.destination import Output
from exporter.domain.filter_parser import stored_filter
from exporter.domain.filters import EventFilter
from exporter.domain.hour_record import HourContent
from exporter.domain.slices import Slice
from exporter.domain.streams import LandingBlob


@dataclass(frozen=True, slots=True)
class Plan:
    """The slices of an hour, and the settings that it is exported with, whatever they become meanwhile.

    ``container`` is the account and container that its files go to, ``prefix`` begins their names. ``blobs``
    is the fingerprint of all landing blobs of the hour. ``spooled`` files go to a container of our own first.
    With a ``base`` the slices are added to an hour that is there: it is what stays as it is.
    """

    slices: tuple[Slice, ...]
    output: Output
    event_filter: EventFilter | None
    container: str
    prefix: str
    blobs: tuple[LandingBlob, ...]
    spooled: bool = False
    base: HourContent | None = None

    def slice(self, first: int) -> Slice:
        """Return the slice whose first part has that number."""
        return next(each for each in self.slices if each.first == first)


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


_STORED = msgspec.json.Decoder(_Stored)


def encode(plan: Plan) -> bytes:
    """Return the plan as it is stored."""
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


def decode(pieces: Iterable[bytes]) -> Plan:
    """Read a stored plan; ValueError if it is none."""
    try:
        stored = _STORED.decode(zlib.decompress(b"".join(pieces)))
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(f"not a plan: {error}") from error
    if stored.v != 1:
        raise ValueError(f"a plan of version {stored.v}, and only 1 is known here")
    chosen = stored_filter(stored.event_filter) if stored.event_filter else None
    return Plan(
        slices=stored.slices,
        output=stored.output,
        event_filter=chosen,
        container=stored.container,
        prefix=stored.prefix,
        blobs=stored.blobs,
        spooled=stored.spooled,
        base=stored.base,
    )
