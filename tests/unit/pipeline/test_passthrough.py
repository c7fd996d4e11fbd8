import gzip
import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.destination import Output
from exporter.domain.hour_content import RowCounts
from exporter.domain.row_schema import Reason, RejectedRow
from exporter.domain.streams import LandingBlob
from exporter.domain.timestamps import TimestampFormat
from exporter.pipeline.chain import RowChain, accept_all
from exporter.pipeline.codec import Codec
from exporter.pipeline.events import EventCodec
from exporter.pipeline.exported import WholeFile
from exporter.pipeline.lines import Lines
from tests.support.builders import HOUR, PROJECT, Landing, event, event_line, lines_of
from tests.support.filters import Keep, row_by_row
from tests.support.two_ways import codec_of_events

pytestmark = pytest.mark.usefixtures("each_way")

AMPLITUDE = Output(timestamp_format=TimestampFormat.AMPLITUDE)
ANY_SIZE = range(1, 1 << 30)
NAMED = bytes([8])


def _codec(keep: Keep) -> Codec[Any]:
    return codec_of_events(AMPLITUDE, read=() if keep is accept_all else ("event_type", "uuid"))


def exported(*numbers: int) -> list[bytes]:
    """Return events as lines in the very form in which they are exported."""
    codec = EventCodec(PROJECT, HOUR, AMPLITUDE)
    lines = [event_line(number) for number in numbers]
    return codec.encode_all(codec.decode_all(Lines(1, lines)).rows, lines).splitlines()


def packed(content: bytes, level: int = 6) -> bytes:
    """Return one gzip member with a time in its header."""
    return gzip.compress(content, level, mtime=1_700_000_000)


class Sent:
    """What becomes of blobs that may pass whole: files, lines, counts and rejected rows."""

    def __init__(
        self, landing: dict[str, bytes], keep: Keep = accept_all, chunk_bytes: int = 1 << 20
    ) -> None:
        self.rejected: list[RejectedRow] = []
        self.read: list[str] = []
        source = Landing(landing, chunk_bytes)

        def read(blob: LandingBlob) -> Iterator[bytes]:
            self.read.append(blob.name)
            return source.read(blob)

        chain = RowChain(_codec(keep), self.rejected.append, keep)
        found = list(chain.exported_or_whole(source.blobs, read, ANY_SIZE))
        self.files = [b"".join(each.pieces) for each in found if isinstance(each, WholeFile)]
        self.file_rows = [each.rows for each in found if isinstance(each, WholeFile)]
        contents = [
            gzip.decompress(b"".join(each.pieces)) if isinstance(each, WholeFile) else each.content
            for each in found
        ]
        self.lines = b"".join(contents).splitlines()
        self.counts = chain.tally.counts()


def test_a_blob_of_which_every_line_is_exported_as_it_came_passes_whole() -> None:
    """Its compressed bytes are the file's, but for the time in the header."""
    lines = exported(*range(2000))
    blob = packed(lines_of(*lines))
    sent = Sent({"a": blob})

    assert sent.files == [blob[:4] + bytes(4) + b"\0\3" + blob[10:]]
    assert sent.file_rows == [2000]
    assert sent.lines == lines
    assert sent.counts == RowCounts(exported=2000)


def test_a_name_in_the_header_is_left_out() -> None:
    """It is a name at the source, and does not concern readers."""
    blob = packed(lines_of(*exported(1, 2)))
    named = blob[:3] + NAMED + blob[4:10] + b"a secret name\0" + blob[10:]

    assert Sent({"a": named}).files == Sent({"a": blob}).files != []


LINES = exported(*range(300))
CONTENT = lines_of(*LINES)
CHECKED = b"\x1f\x8b\x08\x02" + packed(CONTENT)[4:10]
CHECKSUM = zlib.crc32(CHECKED).to_bytes(4, "little")[:2]
ODD: dict[str, bytes] = {
    "plain": CONTENT,
    "two members": packed(lines_of(*LINES[:100])) + packed(lines_of(*LINES[100:])),
    "an empty member before": packed(b"") + packed(CONTENT),
    "an empty member after": packed(CONTENT) + packed(b""),
    "zeros after": packed(CONTENT) + bytes(20),
    "one zero after": packed(CONTENT) + bytes(1),
    "no last newline": packed(CONTENT[:-1]),
    "a blank line": packed(lines_of(*LINES[:50], b"", *LINES[50:])),
    "a last blank line": packed(CONTENT + b"\n"),
    "carriage returns": packed(CONTENT.replace(b"\n", b"\r\n")),
    "a byte order mark": packed(b"\xef\xbb\xbf" + CONTENT),
    "a header with a checksum": CHECKED
    + zlib.crc32(CHECKED).to_bytes(4, "little")[:2]
    + packed(CONTENT)[10:],
    "a header with an extra field": b"\x1f\x8b\x08\x04"
    + packed(CONTENT)[4:10]
    + b"\x02\0ab"
    + packed(CONTENT)[10:],
    "a header with a comment": b"\x1f\x8b\x08\x10" + packed(CONTENT)[4:10] + b"hi\0" + packed(CONTENT)[10:],
    "times of another form": packed(CONTENT.replace(b"2026-01-31 13", b"2026-01-31T13")),
    "a space": packed(CONTENT.replace(b',"uuid":', b', "uuid":', 1)),
    "another order": packed(
        CONTENT.replace(b'{"$insert_id":null,"$schema":null', b'{"$schema":null,"$insert_id":null')
    ),
    "an unknown key": packed(CONTENT.replace(b'{"$insert_id"', b'{"x":1,"$insert_id"', 1)),
    "a number written otherwise": packed(CONTENT.replace(b'"location_lat":null', b'"location_lat":1.50', 1)),
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_a_blob_that_is_not_just_that_does_not_pass(content: bytes) -> None:
    """All its rows are exported all the same, once each, and it is read once."""
    sent = Sent({"a": content})

    assert sent.files == []
    assert sent.lines == [line.replace(b'"location_lat":1.50', b'"location_lat":1.5') for line in sent.lines]
    assert [line[-60:] for line in sent.lines] == [line[-60:] for line in LINES]
    assert sent.counts == RowCounts(exported=300)
    assert sent.read == ["a"]


def test_the_headers_with_rare_parts_are_some_that_readers_accept() -> None:
    """Or else the cases above would be about damaged blobs."""
    for name in ("a header with a checksum", "a header with an extra field", "a header with a comment"):
        assert gzip.decompress(ODD[name]) == CONTENT


@pytest.mark.parametrize("place", [0, 1, 150, 299, 300])
@pytest.mark.parametrize(
    ("line", "counts"),
    [
        (b"nonsense", RowCounts(exported=300, rejected=1, rejected_by_reason=((Reason.NOT_JSON, 1),))),
        (event_line(301, paying="yes"), RowCounts(exported=301, amended=1)),
        (LINES[0], RowCounts(exported=300, duplicate=1)),
        (
            exported(7777)[0].replace(b'"event_type":"', b'"event_type":"skip'),
            RowCounts(exported=300, filtered=1),
        ),
        (event_line(301), RowCounts(exported=301)),
    ],
    ids=["rejected", "amended", "duplicate", "filtered", "changed"],
)
def test_one_line_that_does_not_pass_keeps_the_blob_from_passing(
    line: bytes, counts: RowCounts, place: int
) -> None:
    """Wherever it stands; the lines before it are exported as they came, and counted once."""
    sent = Sent(
        {"a": packed(lines_of(*LINES[:place], line, *LINES[place:]))},
        keep=row_by_row(lambda row: not row.event_type.startswith("skip")),
    )

    assert sent.files == []
    assert sent.counts == counts
    assert len(sent.lines) == counts.exported == len(set(sent.lines))
    assert set(LINES) <= set(sent.lines)


def test_a_damaged_blob_does_not_pass() -> None:
    """What can be read of it is exported, and the rest is kept aside."""
    blob = packed(CONTENT)
    for broken in (blob[:-9], blob[:-1], blob[:-8] + bytes(8), blob[:-4] + bytes(4)):
        sent = Sent({"a": broken})

        assert sent.files == []
        assert sent.lines == LINES[: len(sent.lines)] != []
        assert sent.counts.rejected == len(sent.rejected) == 1


@pytest.mark.parametrize("content", [b"", packed(b"")])
def test_an_empty_blob_is_no_file(content: bytes) -> None:
    """A part without a row would be one too many."""
    sent = Sent({"a": content})

    assert (sent.files, sent.lines) == ([], [])


def test_blobs_pass_in_landing_order_between_others() -> None:
    """Each is looked at by itself, but duplicates count across all of them."""
    landing = {
        "a": packed(lines_of(*LINES[:10])),
        "b": packed(lines_of(event_line(5000))),
        "c": packed(lines_of(*LINES[10:20])),
        "d": packed(lines_of(*LINES[15:25])),
    }
    sent = Sent(landing)

    assert sent.file_rows == [10, 10]
    assert sent.counts == RowCounts(exported=26, duplicate=5)
    assert [line for line in sent.lines if line in LINES] == LINES[:25]


kinds: dict[str, Callable[[int], list[bytes]]] = {
    "as exported": exported,
    "to be changed": lambda number: [event_line(number)],
    "no row": lambda _: [b"nonsense"],
    "blank": lambda _: [b""],
    "filtered": lambda number: [event_line(number, event_type="skip")],
}
blobs = st.lists(
    st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from(sorted(kinds) + ["as exported"] * 20)), max_size=12
    ),
    max_size=4,
)


@given(blobs, st.sampled_from([7, 100, 1 << 20]), st.booleans())
def test_passing_changes_nothing_but_the_files(
    made: list[list[tuple[int, str]]],
    chunk_bytes: int,
    members: bool,  # noqa: FBT001
) -> None:
    """The same lines in the same order, the same counts, the same rows kept aside."""
    landing: dict[str, Any] = {}
    for name, lines in zip("abcd", made, strict=False):
        content = lines_of(*itertools.chain.from_iterable(kinds[kind](number) for number, kind in lines))
        landing[name] = packed(content) + (packed(b"") if members else b"")

    keep = row_by_row(lambda row: row.event_type != "skip")
    sent = Sent(landing, keep, chunk_bytes)
    rejected: list[RejectedRow] = []
    chain = RowChain(_codec(keep), rejected.append, keep)
    source = Landing(landing, chunk_bytes)
    plain = b"".join(some.content for some in chain.exported(source.blobs, source.read))

    assert sent.lines == plain.splitlines()
    assert sent.counts == chain.tally.counts()
    assert sent.rejected == rejected
    assert not (sent.files and members)


def test_the_rows_of_these_tests_are_as_exported() -> None:
    """Or else nothing above would pass."""
    assert event(1)["uuid"].encode() in exported(1)[0]
    assert (
        exported(1)
        == EventCodec(PROJECT, HOUR, AMPLITUDE)
        .encode_all(EventCodec(PROJECT, HOUR, AMPLITUDE).decode_all(Lines(1, exported(1))).rows, exported(1))
        .splitlines()
    )
