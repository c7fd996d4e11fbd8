"""Which hours are closed: by the clock, or by the source that pulls them."""

from datetime import timedelta

from exporter.domain.closing import BY_CLOCK, Closing, Closings, PulledStream
from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour
from exporter.domain.streams import Stream

EVENTS = Stream(DataType.EVENTS, 187520)
OTHER = Stream(DataType.MERGED_IDS, 187520)
SETTLE = timedelta(minutes=10)
# By the clock, this hour is the last closed one.
CLOCK = Hour.parse("2026-11-01T05")
NOW = CLOCK.end + timedelta(minutes=30)


def closing(start: int, until: int, *failed: int) -> Closing:
    """Return the closed hours of a stream whose source is so far; hours count from that of the clock."""
    hours = frozenset(CLOCK.plus(hour) for hour in failed)
    source = PulledStream("acme", CLOCK.plus(start), CLOCK.plus(until), hours)
    return Closings({EVENTS: source}).of(EVENTS, NOW, SETTLE)


def test_without_a_source_the_clock_closes_hours() -> None:
    """Also those of other streams of the same number."""
    known = Closings({EVENTS: PulledStream("acme", CLOCK.plus(-9), CLOCK.plus(-9))})

    assert BY_CLOCK.of(EVENTS, NOW, SETTLE) == Closing(CLOCK, CLOCK)
    assert known.of(OTHER, NOW, SETTLE) == Closing(CLOCK, CLOCK)
    assert BY_CLOCK.of(EVENTS, NOW, timedelta(minutes=31)).last == CLOCK.plus(-1)


def test_from_the_start_of_a_source_the_source_closes_hours() -> None:
    """Those before it are closed by the clock."""
    assert closing(-5, -2) == Closing(CLOCK.plus(-3), CLOCK, held_by="acme")
    assert closing(-5, -5) == Closing(CLOCK.plus(-6), CLOCK, held_by="acme")
    assert closing(3, 3) == Closing(CLOCK, CLOCK)
    assert closing(-5, 1) == Closing(CLOCK, CLOCK)


def test_a_source_may_close_an_hour_before_the_clock_does() -> None:
    """If the clock is told to wait for longer than the source."""
    assert closing(-5, 2) == Closing(CLOCK.plus(1), CLOCK.plus(1))


def test_an_hour_that_has_failed_is_open() -> None:
    """The others around it are closed; what failed before a later start is no concern of the source."""
    found = closing(-5, 1, -7, -3)

    assert found == Closing(CLOCK, CLOCK, frozenset({CLOCK.plus(-3)}), "acme")
    assert [found.closed(CLOCK.plus(hour)) for hour in (-7, -4, -3, -2, 0, 1)] == [
        *(True, True, False, True, True),
        False,
    ]
