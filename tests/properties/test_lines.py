import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.row_schema import Reason
from exporter.pipeline.content_sniffing import SniffedContent
from tests.support.builders import cut, gzipped, lines_of_chunks

BOM = b"\xef\xbb\xbf"
pieces = st.sampled_from(
    [b"\n", b"\n", b"\r\n", b" ", b"\t", b"a", b"{}", BOM, BOM[:1], b"\0", b"\x0b", b"\xff", b"x" * 50]
)
JOINED = re.compile(rb"\}\s*(\xef\xbb\xbf)+\s*\{")


def has_plain_lines(content: bytes) -> bool:
    """Whether there is nothing to it but lines.

    Unit tests are about objects that a byte order mark joins, and about blobs of other kinds.
    """
    return not JOINED.search(content) and SniffedContent(iter([content])).looks_like is None


contents = (st.lists(pieces, max_size=30).map(b"".join) | st.binary(max_size=60)).filter(has_plain_lines)
places = st.lists(st.integers(min_value=0, max_value=200), max_size=12)


def naive(content: bytes) -> list[tuple[int, bytes]]:
    """Return number and content of each line that is not blank, without the byte order marks before it."""
    return [(number, line) for number, line in enumerate(split(content), 1) if line.strip()]


def split(content: bytes) -> list[bytes]:
    """Return every line, without the byte order marks before it."""
    return [re.sub(rb"^(\xef\xbb\xbf)+", b"", line) for line in content.split(b"\n")]


def found(chunks: list[bytes]) -> list[tuple[int, bytes]]:
    """Return the same as it is read."""
    return [(line.number, line.content) for line in lines_of_chunks(chunks)]


@given(contents, places)
def test_lines_are_what_a_plain_split_gives(content: bytes, at: list[int]) -> None:
    """Whatever the content and however it is cut into chunks; compressed or not."""
    if not content.startswith(b"\x1f\x8b"):
        assert found(cut(content, at)) == naive(content)
    assert found(cut(gzipped(content), at)) == naive(content)


@given(contents, places, st.integers(min_value=0, max_value=120))
def test_of_a_blob_that_is_cut_off_all_whole_lines_and_the_rest_are_kept(
    content: bytes, at: list[int], missing: int
) -> None:
    """The rest is one line, rejected; together they are all that could be read."""
    blob = gzipped(content)
    blob = blob[: max(2, len(blob) - 1 - missing)]
    *whole, rest = lines_of_chunks(cut(blob, at))
    readable = naive(content)

    assert rest.rejection is not None
    assert rest.rejection.reason is Reason.UNREADABLE
    for line, (number, expected) in zip(whole, readable, strict=False):
        assert (line.number, line.content, line.rejection) == (number, expected, None)
    assert len(whole) <= len(readable)
    last = split(content)[rest.number - 1]
    assert last.startswith(rest.content) or BOM.startswith(rest.content)
    assert [line.number for line in whole] == [
        n for n, _ in itertools.takewhile(lambda e: e[0] < rest.number, readable)
    ]
