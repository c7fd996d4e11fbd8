"""Plans: how a large hour is cut, and with which settings, so that all its workers do the same."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from exporter.domain.destination import Output
from exporter.domain.filter_reading import stored_filter
from exporter.domain.filters import EventFilter
from exporter.domain.slices import Slice


@dataclass(frozen=True, slots=True)
class Plan:
    """The slices of an hour, and the settings that it is exported with, whatever they become meanwhile."""

    slices: tuple[Slice, ...]
    output: Output
    event_filter: EventFilter | None

    def slice(self, first: int) -> Slice:
        """Return the slice whose first part has that number."""
        return next(each for each in self.slices if each.first == first)


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    v: int
    slices: tuple[Slice, ...]
    output: Output
    event_filter: str | None


_STORED = msgspec.json.Decoder(_Stored)


def encode(plan: Plan) -> bytes:
    """Return the plan as it is stored."""
    text = plan.event_filter.text if plan.event_filter else None
    return zlib.compress(msgspec.json.encode(_Stored(1, plan.slices, plan.output, text)))


def decode(pieces: Iterable[bytes]) -> Plan:
    """Read a stored plan; ValueError if it is none."""
    try:
        stored = _STORED.decode(zlib.decompress(b"".join(pieces)))
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(f"not a plan: {error}") from error
    if stored.v != 1:
        raise ValueError(f"a plan of version {stored.v}, and only 1 is known here")
    chosen = stored_filter(stored.event_filter) if stored.event_filter else None
    return Plan(stored.slices, stored.output, chosen)
