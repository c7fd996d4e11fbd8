import gzip
import io
import zipfile

import pytest

from exporter.pipeline.zip_beginning import UNFOLDED_BYTES_MAX, first_line, up_to
from infra.local.export_api import Member, zipped

ROWS = [b'{"app": 1, "city": "Z\xc3\xbcrich"}', b'{"app": 2}']


def a_zip(*, compressed: bool) -> bytes:
    """Return a zip with two members."""
    members = [Member.of_rows("1/1_2026-01-31_5#7.json.gz", ROWS), Member.of_rows("1/b.json.gz", [b"{}"])]
    return b"".join(zipped(members, compressed=compressed))


@pytest.mark.parametrize("compressed", [True, False], ids=["deflated", "stored"])
def test_the_first_line_is_read_from_as_little_as_it_needs(*, compressed: bool) -> None:
    """From a cut zip as from a whole one."""
    whole = a_zip(compressed=compressed)

    assert first_line(whole) == ROWS[0]
    known = [first_line(whole[:size]) for size in range(len(whole))]
    assert set(known) == {None, ROWS[0]}
    assert known == sorted(known, key=lambda line: line is not None)


def test_a_zip_that_was_written_with_sizes_in_front() -> None:
    """As writers to a file do it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.json.gz", gzip.compress(b"\n".join(ROWS) + b"\n"))

    assert first_line(file.getvalue()) == ROWS[0]


def test_what_is_no_zip_or_no_gzip_has_no_line() -> None:
    """Neither has one without a whole line, or with a line that unfolds to more than a line may have."""
    endless = Member.of_rows("a.gz", [b"a" * (UNFOLDED_BYTES_MAX + 1)])
    bodies = [
        b"",
        b"PK",
        b"<html>" * 99,
        b"".join(zipped([])),
        b"".join(zipped([Member.of_bytes("a.txt", b"plain\n")])),
        b"".join(zipped([Member.of_bytes("a.gz", gzip.compress(b"no end"))])),
        b"".join(zipped([endless])),
        b"PK\3\4" + bytes(4) + b"\x08" + bytes(40),
    ]

    assert [first_line(body) for body in bodies] == [None] * len(bodies)


def test_no_more_is_read_than_needed() -> None:
    """The rest of the pieces is left."""
    pieces = iter([b"abc", b"def", b"ghi"])

    assert up_to(4, pieces) == b"abcd"
    assert list(pieces) == [b"ghi"]
    assert up_to(4, iter([b"a"])) == b"a"
