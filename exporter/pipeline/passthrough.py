"""Landing blobs that pass whole: the compressed bytes that came are the file that is sent.

Compressing is the most expensive step of all, and a blob of which every line is exported as it came has been
compressed already. Its bytes are held while its lines are looked at: if one of them does not pass, those
before it are read again from what is held, and nothing else is done twice.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple

from exporter.pipeline.exported import Exported, WholeFile
from exporter.pipeline.gunzip import GZIP_MAGIC, Members
from exporter.pipeline.lines import Lines, lines

_DEFLATE, _NAMED = 8, 8
_SIZE_BYTES = 4
# As our own files begin: no name, no time, from a system like Unix.
_HEADER = GZIP_MAGIC + bytes([_DEFLATE, 0, 0, 0, 0, 0, 0, 3])


class Look(NamedTuple):
    """Some lines of a blob, or None for what is no line, and what is exported of them."""

    found: Lines | None
    exported: Exported

    @property
    def passes(self) -> bool:
        """Whether the lines are exported as they came."""
        return self.found is not None and self.exported.content == end_to_end(self.found)


def whole_or_lines(
    chunks: Iterable[bytes], look: Callable[[Iterable[bytes], Members], Iterator[Look]]
) -> Iterator[Exported | WholeFile]:
    """Yield a blob as one file if all its lines pass, or else what is exported of it.

    Each line is looked at once: a ``look`` counts.
    """
    held, members, passed, rows, plain_bytes = Held(chunks), Members(), 0, 0, 0
    looks = look(held, members)
    for each in looks:
        if not each.passes:
            yield from _again(held, passed)
            yield from exported(chain([each], looks))
            return
        passed, rows = passed + 1, rows + each.exported.rows
        plain_bytes += len(each.exported.content)
    pieces = held.file(plain_bytes) if rows and members.count == 1 else None
    if pieces:
        yield WholeFile(rows, pieces)
    else:
        yield from _again(held, passed)


def exported(looks: Iterable[Look]) -> Iterator[Exported]:
    """Yield what is exported."""
    return (each.exported for each in looks if each.exported.rows)


def _again(held: "Held", count: int) -> Iterator[Exported]:
    """Yield the first groups of lines once more: the same ones, from what is held."""
    for found in islice(lines(held.give_up()), count):
        if isinstance(found, Lines):
            yield Exported(len(found.contents), end_to_end(found))


def end_to_end(found: Lines) -> bytes:
    """Return lines with their newlines."""
    return b"\n".join(found.contents) + b"\n"


class Held:
    """The compressed bytes of a blob, kept while they are read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._kept: list[bytes] = []
        self._keeps = True

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if self._keeps:
                self._kept.append(chunk)
            yield chunk

    def give_up(self) -> list[bytes]:
        """Keep no more, and return what was kept: all chunks that were read so far."""
        self._keeps = False
        kept, self._kept = self._kept, []
        return kept

    def file(self, plain_bytes: int) -> list[bytes] | None:
        """Return the file that holds so many plain bytes and no other; None if it holds more than that.

        For a blob of one gzip member that was read to its end, unharmed: that end names its content's size.
        """
        size = b"".join(self._kept[-2:])[-_SIZE_BYTES:]
        if int.from_bytes(size, "little") != plain_bytes:
            return None
        rest = _without_header(self._kept[0])
        return None if rest is None else [_HEADER + rest, *self._kept[1:]]


def _without_header(beginning: bytes) -> bytes | None:
    """Return the beginning of a gzip file without its header; None if that has parts that are rarely used."""
    if len(beginning) < len(_HEADER) or beginning[2] != _DEFLATE or beginning[3] not in {0, _NAMED}:
        return None
    if beginning[3] == 0:
        return beginning[len(_HEADER) :]
    _, end, rest = beginning[len(_HEADER) :].partition(b"\0")
    return rest if end else None
