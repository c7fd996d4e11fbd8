import gzip
import tracemalloc
import zlib
from itertools import chain, repeat

import pytest

from exporter.domain.row_schema import Reason
from exporter.pipeline.gunzip import FEED_BYTES, UNFOLDED_BYTES_MIN
from exporter.pipeline.lines import LINE_BYTES_MAX, LINE_KEPT_BYTES_MAX, LINES_MAX, Lines, Unfit, lines
from tests.support.builders import Line, bomb, chunks, cut, gzipped, lines_of, lines_of_chunks

MIB = 1024 * 1024
BOM = b"\xef\xbb\xbf"


def read(content: bytes, chunk_bytes: int = 1 << 20) -> list[Line]:
    """Return the lines of a blob that arrives in such chunks."""
    return lines_of_chunks(chunks(content, chunk_bytes))


def numbered(content: bytes, chunk_bytes: int = 1 << 20) -> list[tuple[int, bytes]]:
    """Return number and content of its lines."""
    return [(line.number, line.content) for line in read(content, chunk_bytes)]


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 1 << 20])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", []),
        (b"\n\n\n", []),
        (b"a", [(1, b"a")]),
        (b"a\n", [(1, b"a")]),
        (b"a\nb", [(1, b"a"), (2, b"b")]),
        (b"a\nb\n", [(1, b"a"), (2, b"b")]),
        (b"\na\n\n\nb\n\n", [(2, b"a"), (5, b"b")]),
        (b"a\n  \n\t\n\r\nb", [(1, b"a"), (5, b"b")]),
        (b"  \t ", []),
        (b" a \n", [(1, b" a ")]),
        (b"a\x0bb\x0cc\x85d\xe2\x80\xa8e\n", [(1, b"a\x0bb\x0cc\x85d\xe2\x80\xa8e")]),
        (b"a\0\n\0\n", [(1, b"a\0"), (2, b"\0")]),
        (b"a\rb\n", [(1, b"a\rb")]),
    ],
)
def test_lines_are_counted_from_one_and_blank_ones_are_skipped(
    content: bytes, expected: list[tuple[int, bytes]], chunk_bytes: int
) -> None:
    """Only a newline ends a line; blank ones count; a last one needs no newline."""
    assert numbered(content, chunk_bytes) == expected
    assert numbered(gzipped(content), chunk_bytes) == expected


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
def test_a_carriage_return_before_the_newline_is_white_space(chunk_bytes: int) -> None:
    """It stays with the line, where JSON does not mind it; a line of nothing else is blank."""
    assert numbered(b"a\r\n\r\nb\r\n", chunk_bytes) == [(1, b"a\r"), (3, b"b\r")]


@pytest.mark.parametrize("places", [[], [1], [2], [1, 2], [3], [0, 1, 1, 2, 3, 4], [6, 7]])
def test_a_byte_order_mark_at_the_beginning_of_a_line_is_skipped(places: list[int]) -> None:
    """Also when it arrives in parts, or comes twice; within a line it stays."""
    content = BOM + b"a\n" + BOM + b"b" + BOM + b"\n"

    for marks in (b"", BOM):
        found = lines_of_chunks(cut(marks + content, places))
        assert [(line.number, line.content) for line in found] == [(1, b"a"), (2, b"b" + BOM)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (BOM, []),
        (BOM + b"\n", []),
        (BOM + b"a", [(1, b"a")]),
        (BOM[:2], [(1, BOM[:2])]),
        (BOM[:1] + b"\n", [(1, BOM[:1])]),
    ],
)
def test_a_blob_may_be_a_byte_order_mark_and_little_else(
    content: bytes, expected: list[tuple[int, bytes]]
) -> None:
    """Alone it is no line; half of it is one."""
    assert numbered(content) == numbered(gzipped(content), 1) == expected


def test_the_longest_line_that_is_allowed_is_a_line() -> None:
    """To the byte, with and without a newline at its end."""
    longest = b"x" * LINE_BYTES_MAX
    for content in (longest, longest + b"\n"):
        (line,) = read(content)

        assert (line.number, line.rejection, len(line.content)) == (1, None, LINE_BYTES_MAX)


@pytest.mark.parametrize("end", [b"", b"\n", b"\nb\n"])
def test_a_line_that_is_longer_is_rejected_in_pieces(end: bytes) -> None:
    """All of them together are the line, under one number, and the next line is read as ever."""
    too_long = b"x" * (LINE_BYTES_MAX + 3 * MIB)
    found = read(b"a\n" + too_long + end)
    pieces = [line for line in found if line.rejection]

    assert b"".join(line.content for line in pieces) == too_long
    assert {line.number for line in pieces} == {2}
    assert [line.piece for line in pieces] == list(range(1, len(pieces) + 1))
    assert {line.rejection.reason for line in pieces if line.rejection} == {Reason.TOO_LONG}
    assert [line.content for line in found if not line.rejection] == [b"a", *end.split()]
    assert all(line.content for line in pieces)


def test_one_byte_too_much_is_too_much() -> None:
    """Found when the last byte comes."""
    found = read(b"x" * (LINE_BYTES_MAX + 1) + b"\nb\n")

    assert [(line.number, line.rejection is None) for line in found] == [(1, False), (2, True)]


def test_a_line_that_goes_on_is_kept_up_to_a_bound_and_its_length_told() -> None:
    """In pieces that fill no memory; the next line is read as ever, and the landing blob holds the rest."""
    blob = chain([b"a\n"], repeat(bytes(MIB), 100), [b"\nb\n"])
    found: list[tuple[int, bytes]] = []
    pieces: list[Unfit] = []
    kept = 0
    tracemalloc.start()
    try:
        for each in lines(blob):
            if isinstance(each, Lines):
                found += enumerate(each.contents, each.number)
            else:
                kept, pieces = kept + len(each.content), [each]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found == [(1, b"a"), (3, b"b")]
    assert LINE_KEPT_BYTES_MAX <= kept < LINE_KEPT_BYTES_MAX + MIB
    assert pieces[0].cut
    assert pieces[0].rejection.detail == (
        f"The line is {100 * MIB} bytes long; only its beginning is kept here, in pieces; the landing blob"
        " holds all of it."
    )
    assert peak < 3 * LINE_BYTES_MAX


@pytest.mark.parametrize(
    "content", [bytes(MIB), b"\n" * MIB, b" " * MIB], ids=["zeros", "newlines", "blanks"]
)
def test_of_gzip_that_unfolds_beyond_all_rows_little_is_read(content: bytes) -> None:
    """A megabyte of it may unfold to a gigabyte: it is given up, whatever it unfolds to, and that is said."""
    taken, blob = [], bomb(content, 400)

    def counted(chunk: bytes) -> bytes:
        taken.append(len(chunk))
        return chunk

    *pieces, last = (each for each in lines(map(counted, chunks(blob, 1000))) if isinstance(each, Unfit))
    kept = sum(len(each.content) for each in pieces)

    assert last.rejection.reason is Reason.UNREADABLE
    assert "decompresses to more than 500 times its size" in last.rejection.detail
    assert kept <= LINE_KEPT_BYTES_MAX + MIB
    assert sum(taken) < len(blob) / 2


def test_rows_that_compress_well_are_rows() -> None:
    """Rows that differ in nothing but their number, and zeros below the bound."""
    rows = [b'{"number":%d,"text":"%b"}' % (number, b"a" * 2000) for number in range(40_000)]
    content = lines_of(*rows)
    assert len(content) > UNFOLDED_BYTES_MIN
    found = read(zlib.compress(content, 9, 31))

    assert [line.content for line in found] == rows
    assert all(
        line.rejection is None or line.rejection.reason is Reason.TOO_LONG
        for line in read(bomb(bytes(MIB), 60))
    )


@pytest.mark.parametrize(
    ("content", "whole", "rest"),
    [
        (b"a\nb\nc", [(1, b"a"), (2, b"b")], (3, b"c")),
        (b"a\nb\n", [(1, b"a"), (2, b"b")], (3, b"")),
        (b"abc", [], (1, b"abc")),
        (b"ab", [], (1, b"ab")),
        (b"\xef\xbb", [], (1, b"\xef\xbb")),
        (BOM, [], (1, b"")),
        (b"", [], (1, b"")),
        (b"\n\n  ", [], (3, b"  ")),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
def test_of_a_damaged_blob_the_rest_is_one_rejected_line(
    content: bytes, whole: list[tuple[int, bytes]], rest: tuple[int, bytes], chunk_bytes: int
) -> None:
    """Whatever comes after the last whole line: even if it is nothing, something is missing there."""
    *good, last = read(gzip.compress(content)[:-8], chunk_bytes)

    assert [(line.number, line.content) for line in good] == whole
    assert (last.number, last.content) == rest
    assert last.rejection is not None
    assert last.rejection.reason is Reason.UNREADABLE
    assert last.rejection.detail == "The rest of this blob cannot be read: the gzip data ends too early."
    assert last.piece == 1


def test_a_line_that_is_too_long_and_then_breaks_off_is_still_one_line() -> None:
    """Its last piece says why there is no more."""
    too_long = b"x" * (LINE_BYTES_MAX + MIB)
    found = read(gzip.compress(too_long)[:-8])

    assert b"".join(line.content for line in found) == too_long
    assert [line.piece for line in found] == list(range(1, len(found) + 1))
    assert [line.rejection.reason for line in found if line.rejection][-2:] == [
        Reason.TOO_LONG,
        Reason.UNREADABLE,
    ]


def test_lines_are_read_as_they_come() -> None:
    """The first ones are there before the second chunk is asked for."""
    source = iter([b"a\nb\n".ljust(FEED_BYTES), b"c\n"])
    found = lines(source)

    assert next(found) == Lines(1, [b"a", b"b"])
    assert next(source) == b"c\n"


def test_tiny_lines_come_in_groups_of_bounded_size() -> None:
    """What is said about each of them takes more memory than they do."""
    groups = list(lines(chunks(b"x\n" * 3000 + b"\n" + b"y\n" * 10, 1 << 20)))

    assert all(isinstance(group, Lines) and len(group.contents) <= LINES_MAX for group in groups)
    assert sum(len(group.contents) for group in groups if isinstance(group, Lines)) == 3010
    assert groups[-1] == Lines(3002, [b"y"] * 10)


@pytest.mark.parametrize("packed", [False, True])
def test_the_groups_do_not_depend_on_how_the_blob_is_cut(packed: bool) -> None:  # noqa: FBT001
    """Nor does, then, where a part ends."""
    content = b"".join(b"%d\n" % (number * 7919) for number in range(30_000))
    blob = gzipped(content) if packed else content
    groups = list(lines([blob]))

    assert groups == list(lines(chunks(blob, 1000)))
    assert groups == list(lines(chunks(blob, FEED_BYTES + 1)))
