import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from itertools import chain

import pytest

from exporter.domain.row_schema import Reason
from exporter.pipeline.content_sniffing import WINDOW_BYTES
from exporter.pipeline.lines import BLOB_KEPT_BYTES_MAX
from tests.support.builders import Line, chunks, event_line, gzipped, lines_of, lines_of_chunks

ROWS = [event_line(number) for number in range(400)]
ROW = ROWS[0]


def read(content: bytes, chunk_bytes: int = 1 << 20) -> list[Line]:
    """Return what a blob that arrives in such chunks is read as."""
    return lines_of_chunks(chunks(content, chunk_bytes))


def zipped() -> bytes:
    """Return rows in a zip archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("rows.json", lines_of(*ROWS))
    return content.getvalue()


def pretty(*rows: bytes, indent: int = 2) -> bytes:
    """Return rows as JSON over many lines."""
    return b"\n".join(json.dumps(json.loads(row), indent=indent).encode() for row in rows)


TEXT = lines_of(*ROWS).decode()
OTHERS: dict[str, tuple[bytes, str]] = {
    "zip": (zipped(), "a zip archive"),
    "an empty zip": (b"PK\x05\x06" + bytes(18), "a zip archive"),
    # What compressors write: the first frame of one row, made by zstd 1.5.
    "zstd": (b'\x28\xb5\x2f\xfd\x04\x00\x51\x00\x00{"a":1}\n', "zstd"),
    "bzip2": (bz2.compress(TEXT.encode()), "bzip2"),
    "bzip2 of nothing": (bz2.compress(b""), "bzip2"),
    "xz": (lzma.compress(TEXT.encode()), "xz"),
    "UTF-16": (TEXT.encode("utf-16"), "text in UTF-16"),
    "UTF-16, big end first": (b"\xfe\xff" + TEXT.encode("utf-16-be"), "text in UTF-16"),
    "UTF-16 without a mark": (TEXT.encode("utf-16-le"), "text in UTF-16"),
    "UTF-32": (TEXT.encode("utf-32"), "text in UTF-32"),
    "UTF-32 without a mark": (TEXT.encode("utf-32-be"), "text in UTF-32"),
    "Parquet": (b"PAR1\x15\x04\x15" + bytes(100), "Parquet"),
    "Avro": (b"Obj\x01\x04\x16avro.schema", "Avro"),
    "an array in one line": (b"[" + b",".join(ROWS) + b"]", "a JSON array"),
    "an array in one line with an end": (b"\n[" + b",".join(ROWS) + b"]\n \n", "a JSON array"),
    "an array over lines": (b"[\n" + b",\n".join(ROWS) + b"\n]\n", "a JSON array"),
    "an array of two": (b"[\n" + b",\n".join(ROWS[:2]) + b"\n]", "a JSON array"),
    "an array that begins in its first line": (b"[" + b",\n".join(ROWS) + b"]", "a JSON array"),
    "a pretty array": (json.dumps([json.loads(row) for row in ROWS], indent=1).encode(), "a JSON array"),
    "a pretty row": (pretty(ROW), "pretty-printed JSON"),
    "pretty rows": (pretty(*ROWS), "pretty-printed JSON"),
    "pretty rows of tabs and CR LF": (pretty(*ROWS[:9]).replace(b"\n", b"\r\n"), "pretty-printed JSON"),
    "a pretty row after a mark": (b"\xef\xbb\xbf" + pretty(ROW), "pretty-printed JSON"),
    "pretty rows that break off": (pretty(*ROWS[:9])[:-40], "pretty-printed JSON"),
}


@pytest.mark.parametrize("pack", [bytes, gzipped], ids=["plain", "gzip"])
@pytest.mark.parametrize("chunk_bytes", [7, 1 << 20])
@pytest.mark.parametrize(("content", "name"), OTHERS.values(), ids=OTHERS)
def test_a_blob_that_is_no_ndjson_is_one_record_that_names_it(
    content: bytes, name: str, chunk_bytes: int, pack: Callable[[bytes], bytes]
) -> None:
    """Kept byte for byte, as it was before gzip."""
    (found,) = read(pack(content), chunk_bytes)

    assert found.rejection is not None
    assert found.rejection.reason is Reason.NOT_NDJSON
    assert found.rejection.detail == f"The blob is not newline-delimited JSON: it looks like {name}."
    assert (found.number, found.content, found.cut) == (1, content, False)


def test_gzip_within_gzip_is_told() -> None:
    """Some pipelines compress twice."""
    (found,) = read(gzipped(gzipped(TEXT.encode())))

    assert found.rejection is not None
    assert "gzip within gzip" in found.rejection.detail


def test_of_a_large_blob_the_beginning_is_kept_and_no_more_is_read() -> None:
    """The landing blob holds the rest, and it is said so."""
    content = b"[\n" + b",\n".join(ROWS * 40) + b"\n]"
    assert len(content) > 2 * BLOB_KEPT_BYTES_MAX
    taken = []

    def counted(chunk: bytes) -> bytes:
        taken.append(len(chunk))
        return chunk

    (found,) = lines_of_chunks(map(counted, chunks(content, 10_000)))

    assert found.content == content[:BLOB_KEPT_BYTES_MAX]
    assert found.cut
    assert found.rejection is not None
    assert "Only its first 1048576 bytes are kept here" in found.rejection.detail
    assert sum(taken) < BLOB_KEPT_BYTES_MAX + 3 * WINDOW_BYTES


DAMAGED_BEGINNINGS = [
    b"[",
    b"{",
    b'{"a":',
    b'{"a":[',
    b"[1,2",
    b"[1,2,",
    b"[]",
    b"[1]",
    b"[{}]",
    b'{"a":1},',
    b'{"a":"x',
    b"{}",
    b"PKG",
    b"BZh",
    b"PAR1",
    b"ORC",
    ROW[:-1],
    ROW[:-5],
    b"[" + ROW + b"]",
    b"[" + ROW + b",",
]


@pytest.mark.parametrize("count", [1, 2, 3, 400])
@pytest.mark.parametrize("first", DAMAGED_BEGINNINGS)
@pytest.mark.parametrize("chunk_bytes", [1000, 1 << 20])
def test_a_first_line_that_is_wrong_costs_no_row_after_it(first: bytes, count: int, chunk_bytes: int) -> None:
    """Even if it looks as the beginning of an array or of pretty-printed JSON does."""
    found = read(lines_of(first, *ROWS[:count]), chunk_bytes)

    assert [(line.number, line.content) for line in found] == list(enumerate([first, *ROWS[:count]], 1))


def test_a_row_among_pretty_ones_is_read() -> None:
    """A file of rows was put behind a pretty one: its rows are rows."""
    found = read(pretty(ROWS[0]) + b"\n" + lines_of(*ROWS[1:4]))

    assert [line.content for line in found][-3:] == ROWS[1:4]


def test_a_large_first_row_is_a_row() -> None:
    """However far its end is."""
    row = event_line(1, data={"text": "x" * (3 * WINDOW_BYTES)})

    assert [line.content for line in read(lines_of(row, ROW))] == [row, ROW]
    assert [line.content for line in read(lines_of(row[:-2], ROW))] == [row[:-2], ROW]


def test_an_array_of_megabytes_in_one_line_is_one_record() -> None:
    """As long as a line may be that long."""
    content = b"[" + b",".join(ROWS * 20) + b"]"
    (found,) = read(content)

    assert found.rejection is not None
    assert found.rejection.reason is Reason.NOT_NDJSON


def test_what_is_nested_beyond_sense_is_left_to_the_lines() -> None:
    """No look at the whole may end the process."""
    found = read(b"[" * 300_000 + b"\n" + ROW)

    assert [line.rejection for line in found] == [None, None]


def test_damage_within_the_beginning_is_told_as_ever() -> None:
    """The pieces before it are read once, in order."""
    torn = gzip.compress(lines_of(*ROWS[:3]) + b"[")[:-8]
    *rows, last = read(torn)

    assert [line.content for line in rows] == ROWS[:3]
    assert last.rejection is not None
    assert last.rejection.reason is Reason.UNREADABLE


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf"])
def test_byte_order_marks_of_joined_files_cost_no_row(mark: bytes) -> None:
    """At the beginning of a line, of a gzip member, and where the file before had no last newline."""
    joined = mark + lines_of(*ROWS[:2]) + mark + ROWS[2] + mark + ROWS[3] + b"\r\n" + mark + ROWS[4]
    members = gzipped(mark + lines_of(*ROWS[:2])) + gzipped(mark + ROWS[2]) + gzipped(mark + ROWS[3])

    for chunk_bytes in (1, 5, 1 << 20):
        found = read(joined, chunk_bytes)
        assert [line.content.strip() for line in found] == ROWS[:5]
        assert [line.number for line in found] == [1, 2, 3, 3, 4]
        assert [line.content for line in read(members, chunk_bytes)] == ROWS[:4]


def test_a_mark_within_a_string_stays() -> None:
    """It is a character there, even between braces."""
    rows = [event_line(1, city="}\ufeff{"), event_line(2, city="\ufeff")]

    assert [line.content for line in chain(read(lines_of(*rows)))] == rows
