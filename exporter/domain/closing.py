"""When the hours of a stream are closed: by the clock, or by the source that pulls them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from exporter.domain.hour import Hour, last_closed_hour
from exporter.domain.streams import Stream


@dataclass(frozen=True, slots=True)
class Closing:
    """The closed hours of a stream: all up to ``last`` but those that are ``open``.

    No hour after ``newest`` was ever closed. ``held_by`` is the source that holds hours open which the clock
    would have closed, if there is one.
    """

    last: Hour
    newest: Hour
    open: frozenset[Hour] = frozenset()
    held_by: str | None = None

    def closed(self, hour: Hour) -> bool:
        """Whether an hour is closed: only late data can still land in it."""
        return hour <= self.last and hour not in self.open


@dataclass(frozen=True, slots=True)
class PulledStream:
    """What a source says of its stream: the hours from ``start`` to before ``until`` are closed or failed.

    The ``failed`` ones are not closed.
    """

    source_id: str
    start: Hour
    until: Hour
    failed: frozenset[Hour] = frozenset()


_NONE: Mapping[Stream, PulledStream] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Closings:
    """The streams that sources pull. Hours of others, and hours before the start, are closed by the clock.

    ``noted`` says that there is, or was, a source which may have noted late landings.
    """

    pulled: Mapping[Stream, PulledStream] = field(default=_NONE)
    noted: bool = False

    def of(self, stream: Stream, now: datetime, settle: timedelta) -> Closing:
        """Return the closed hours of a stream; ``settle`` is how long after its end the clock closes one."""
        by_clock, source = last_closed_hour(now, settle), self.pulled.get(stream)
        if source is None:
            return Closing(by_clock, by_clock)
        before = source.until.plus(-1)
        last = before if source.until > source.start else min(by_clock, before)
        failed = frozenset(hour for hour in source.failed if source.start <= hour <= last)
        held = last < by_clock or bool(failed)
        return Closing(last, max(last, by_clock), failed, source.source_id if held else None)


BY_CLOCK = Closings()
