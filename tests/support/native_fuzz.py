"""Compares native code with the Python way on mutated lines, and sets of keys with built-in ones.

``python -m tests.support.native_fuzz LIBRARY LINES`` compares so many, and prints what they reached. If the
library counts its branches (coverage.c), a line that reaches a new one is mutated further.
"""

import ctypes
import json
import random
import sys
from collections.abc import Callable
from ctypes import POINTER, c_size_t, c_uint8
from dataclasses import dataclass
from pathlib import Path

import msgspec

from exporter.domain.destination import Output
from exporter.domain.row_schema import EVENT_FIELDS, Rejection
from exporter.domain.timestamps import TimestampFormat
from exporter.pipeline.events import Event, EventCodec
from exporter.pipeline.key_set import KEY_BYTES
from exporter.pipeline.native.keys import NativeKeys
from exporter.pipeline.native.scanner import Scanner, opened
from exporter.pipeline.normalize import Amended
from infra.local.sample import DataType, Fault, Sample, TimeFormat
from tests.support.builders import HOUR, PROJECT, event_line, lines_of_chunks
from tests.support.mutations import mutated

COVERAGE = Path(__file__).with_name("coverage.c")
type Decode = Callable[[bytes], Event | Amended[Event] | Rejection]

# One batch of keys for so many lines.
_LINES_A_BATCH = 100
_BATCH_KEYS_MAX = 60

_EVENT = msgspec.json.Decoder(Event)
# Each byte of the counters as zero or one.
_REACHED = bytes([0]) + bytes([1]) * 255


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """How many mutated lines were compared, how many native code accepted, and the branches it ran."""

    lines: int
    accepted: int
    branches: int
    all_branches: int


class TwoWays:
    """The Python way and native code for the same project, hour and output. ``decode`` is the codec's.

    With ``picks`` native code writes canonical values, as it does for filters.
    """

    def __init__(
        self, codec: EventCodec, native: ctypes.CDLL, decode: Decode | None = None, *, picks: bool = False
    ) -> None:
        self._codec, self._decode = codec, decode or codec.decode
        self._picks = picks
        self._scanner = Scanner(
            native,
            EVENT_FIELDS,
            codec.project_id,
            codec.hour_begins,
            iso8601=codec.iso8601 and not picks,
            lines_max=1,
        )
        self._scanner._scan = _in_memory_of_its_own(self._scanner)  # type: ignore[assignment]  # called alike

    def compare(self, line: bytes, found: Event | Amended[Event] | Rejection | None = None) -> bool:
        """Fail unless native code leaves the line to Python or writes the same; return whether it accepts it.

        ``found`` is what Python makes of the line, if that is known. It is not changed.
        """
        rows = self._scanner.scan(line + b"\n", 1)
        if not rows:
            return False
        if found is None or isinstance(found, Event):
            found = self._decode(line)
        assert isinstance(found, Event), line
        assert rows.keys == self._codec.keys([found]), line
        if self._picks:
            assert _EVENT.decode(rows.text) == found, line
        else:
            assert rows.text == self._codec.encode_all([found], [line]), line
        return True


def _in_memory_of_its_own(scanner: Scanner) -> Callable[..., int]:
    """Return the scanner's function with input, result and scratch that end where their memory ends.

    So sanitizers see a byte too many.
    """
    scan, to = scanner._scan, scanner._results

    def scan_exactly(settings: object, content: bytes, size: int, _to: object) -> int:
        exact = (ctypes.c_char * size).from_buffer_copy(content)
        room = size - len(b"\n") + scanner.line_extra
        scanner._out, scanner._scratch = ctypes.create_string_buffer(room), ctypes.create_string_buffer(room)
        to.out, to.scratch = ctypes.addressof(scanner._out), ctypes.addressof(scanner._scratch)
        to.out_bytes = to.scratch_bytes = room
        return int(scan(settings, exact, size, to))

    return scan_exactly


class _Branches:
    """The counters of a library, one byte a branch; none if it has none."""

    def __init__(self, native: ctypes.CDLL) -> None:
        self._reached = 0
        try:
            native.counters.restype = POINTER(c_uint8)
            native.counter_count.restype = c_size_t
        except AttributeError:
            self.count = 0
            return
        self.count = native.counter_count()
        self._counters = (c_uint8 * self.count).from_address(
            ctypes.addressof(native.counters().contents) if self.count else 0
        )

    def new(self) -> bool:
        """Whether a branch ran since the last call that never ran before."""
        if not self.count:
            return False
        reached = int.from_bytes(bytes(self._counters).translate(_REACHED), "little")
        ctypes.memset(self._counters, 0, self.count)
        if reached | self._reached == self._reached:
            return False
        self._reached |= reached
        return True

    @property
    def reached(self) -> int:
        """The number of branches that ran."""
        return self._reached.bit_count()


def first_lines() -> list[bytes]:
    """Return lines of every kind that the generator makes, and some short ones."""
    sample = Sample(
        events_per_hour=60, faults=frozenset(Fault) - {Fault.HUGE_LINE}, extra_keys=True, real_shaped=True
    )
    usual = Sample(events_per_hour=100, time_format=TimeFormat.ISO8601)
    files = (file for each in (sample, usual) for file in each.hour(HOUR.start).files(DataType.EVENTS))
    lines = [
        line.content for file in files for line in lines_of_chunks([file.content()]) if line.rejection is None
    ]
    short = [event_line(number, app=PROJECT, city='\\"\n', session_id=number) for number in range(50)]
    floats = [event_line(number, location_lat=0.25, sample_rate=0.01) for number in range(50)]
    texts = [event_line(number, amplitude_attribution_ids=["a", "b"], paying=True) for number in range(50)]
    ascii_only = [json.dumps(json.loads(line), ensure_ascii=True).encode() for line in lines[-50:]]
    return lines + short + floats + texts + ascii_only


class _Sets:
    """An exact set, and approximate ones of all widths, beside a built-in set of the same keys."""

    def __init__(self, native: ctypes.CDLL) -> None:
        self._exact, self._known = NativeKeys(native), set[bytes]()
        self._approximate = [NativeKeys(native, hash_bytes) for hash_bytes in range(1, 9)]

    def compare(self, chance: random.Random) -> None:
        """Add some keys, random ones and ones that are alike; fail unless all sets answer as they must."""
        batch = [
            chance.choice((chance.randbytes(KEY_BYTES), chance.randrange(5000).to_bytes(KEY_BYTES)))
            for _ in range(chance.randint(0, _BATCH_KEYS_MAX))
        ]
        joined = b"".join(batch)
        new = [key not in self._known and key not in batch[:place] for place, key in enumerate(batch)]
        assert self._exact.find(joined) == bytes(key in self._known for key in batch)
        assert self._exact.add(joined) == bytes(new)
        self._known.update(batch)
        for each in self._approximate:
            each.add(joined)
            assert each.find(joined) == b"\1" * len(batch)

    def close(self) -> None:
        """Fail unless the exact set returns its keys."""
        joined = b"".join(self._exact.pieces())
        found = [joined[at : at + KEY_BYTES] for at in range(0, len(joined), KEY_BYTES)]
        assert sorted(found) == sorted(self._known)
        assert sum(self._exact.counts()) == len(self._known)


def fuzz(native: ctypes.CDLL, lines: int, seed: int = 1) -> Fuzzed:
    """Compare both ways on so many mutated lines."""
    chance, branches = random.Random(seed), _Branches(native)  # noqa: S311  repeatable
    codecs = [EventCodec(PROJECT, HOUR, Output(timestamp_format=each)) for each in TimestampFormat]
    ways = [TwoWays(codec, native, picks=picks) for codec in codecs for picks in (False, True)]
    corpus, accepted, sets = first_lines(), 0, _Sets(native)
    for line in corpus:
        ways[0].compare(line)
        branches.new()
    for number in range(lines):
        line = mutated(chance.choice(corpus), corpus, chance)
        accepted += ways[number % len(ways)].compare(line)
        if branches.new():
            corpus.append(line)
        if number % _LINES_A_BATCH == 0:
            sets.compare(chance)
    sets.close()
    branches.new()
    return Fuzzed(lines, accepted, branches.reached, branches.count)


def main() -> None:
    """Compare, and print the counts."""
    library, lines, *seed = sys.argv[1:]
    native = opened(Path(library))
    if native is None:
        raise SystemExit(f"{library} cannot be opened")
    print(fuzz(native, int(lines), *map(int, seed)))  # noqa: T201  the test reads it


if __name__ == "__main__":
    main()
