"""Passthrough: a landing blob whose lines are all exported unchanged becomes a file as it is.

Compression is the most expensive step, and such a blob is compressed already. Its bytes are kept in memory
while its lines are checked. If a line changes, the lines before it are read again from these bytes; no line
is checked twice.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple

from exporter.pipeline.exported import Exported, WholeFile
from exporter.pipeline.gunzip import Members
from exporter.pipeline.gzip_writer import HEADER
from exporter.pipeline.lines import Lines, lines

_DEFLATE, _NAMED = 8, 8
_SIZE_BYTES = 4


class Checked(NamedTuple):
    """Some lines of a blob, None if they are unfit, and the rows exported from them."""

    found: Lines | None
    exported: Exported

    @property
    def passes(self) -> bool:
        """Whether the lines are exported unchanged."""
        return self.found is not None and self.exported.content == self.found.text


def whole_or_lines(
    chunks: Iterable[bytes], check: Callable[[Iterable[bytes], Members], Iterator[Checked]]
) -> Iterator[Exported | WholeFile]:
    """Yield a blob as one file if all of its lines pass, or else its exported rows.

    ``check`` is called once, because it counts rows.
    """
    held, members, passed, rows, plain_bytes = Held(chunks), Members(), 0, 0, 0
    checked = check(held, members)
    for each in checked:
        if not each.passes:
            yield from _again(held, passed)
            yield from exported(chain([each], checked))
            return
        passed, rows = passed + 1, rows + each.exported.rows
        plain_bytes += len(each.exported.content)
    pieces = held.file(plain_bytes) if rows and members.count == 1 else None
    if pieces:
        yield WholeFile(rows, pieces)
    else:
        yield from _again(held, passed)


def exported(checked: Iterable[Checked]) -> Iterator[Exported]:
    """Yield the exported rows."""
    return (each.exported for each in checked if each.exported.rows)


def _again(held: "Held", count: int) -> Iterator[Exported]:
    """Yield the first groups of lines again, from the bytes in memory."""
    for found in islice(lines(held.give_up()), count):
        if isinstance(found, Lines):
            yield Exported(len(found), found.text)


class Held:
    """Keeps the compressed bytes of a blob in memory while they are read."""

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
        """Stop keeping, and return all chunks that were read so far."""
        self._keeps = False
        kept, self._kept = self._kept, []
        return kept

    def file(self, plain_bytes: int) -> list[bytes] | None:
        """Return the bytes of the file; None unless its content has exactly ``plain_bytes`` bytes.

        Only for a blob of one intact gzip member, read to its end: its trailer states the size of the
        content.
        """
        size = b"".join(self._kept[-2:])[-_SIZE_BYTES:]
        if int.from_bytes(size, "little") != plain_bytes:
            return None
        rest = _without_header(self._kept[0])
        return None if rest is None else [HEADER + rest, *self._kept[1:]]


def _without_header(beginning: bytes) -> bytes | None:
    """Return the first bytes of a gzip file without its header; None if the header has rare fields."""
    if len(beginning) < len(HEADER) or beginning[2] != _DEFLATE or beginning[3] not in {0, _NAMED}:
        return None
    if beginning[3] == 0:
        return beginning[len(HEADER) :]
    _, end, rest = beginning[len(HEADER) :].partition(b"\0")
    return rest if end else None
