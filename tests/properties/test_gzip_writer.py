import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib
from zlib_ng import zlib_ng

from exporter.domain.destination import Compression
from exporter.pipeline.exported import Exported
from exporter.pipeline.gzip_writer import GzipWriter
from exporter.pipeline.threads import Threads
from tests.support.builders import cut
from tests.support.late_threads import LateThreads

# Pieces of 4 KiB: the contents below have up to seventy.
SMALL_PIECES = 32 * 1024
THREADS = [Threads(1), Threads(2), Threads(5), LateThreads(2), LateThreads(5)]

# What repeats within a piece, across pieces, and not at all.
contents = st.lists(
    st.builds(
        bytes.__mul__,
        st.binary(min_size=1, max_size=400),
        st.integers(min_value=1, max_value=150),
    ),
    max_size=6,
).map(b"".join)
places = st.lists(st.integers(min_value=0, max_value=100_000), max_size=12)
compressions = st.sampled_from(Compression)


def written(parts: list[bytes], compression: Compression, threads: Threads) -> bytes:
    """Return the file of a content that comes in these parts."""
    writer = GzipWriter(compression, SMALL_PIECES, threads)
    blocks = [block for part in parts for block in writer.add(Exported(1, part))]
    return b"".join([*blocks, *writer.finish()])


@given(contents, compressions, places)
def test_the_bytes_depend_on_the_content_alone(
    content: bytes, compression: Compression, at: list[int]
) -> None:
    """Not on the number of threads, on their speed, or on the parts in which the content comes."""
    file = written([content], compression, THREADS[0])

    for threads in THREADS:
        assert written(cut(content, at), compression, threads) == file


@given(contents, compressions)
def test_every_library_reads_what_is_written(content: bytes, compression: Compression) -> None:
    """The file is one gzip member, and nothing follows it."""
    file = written([content], compression, THREADS[1])
    member = zlib.decompressobj(wbits=31)

    assert member.decompress(file) == content
    assert (member.eof, member.unused_data) == (True, b"")
    assert gzip.decompress(file) == content
    assert zlib_ng.decompress(file, wbits=31) == content
    assert isal_zlib.decompress(file, wbits=31) == content
    assert file[-8:] == zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")


@given(
    st.lists(st.binary(min_size=1, max_size=3000) | st.just(bytes(3000)), min_size=1, max_size=60),
    compressions,
    st.integers(min_value=300_000, max_value=400_000),
)
def test_a_file_is_full_after_the_same_rows(
    groups: list[bytes], compression: Compression, bytes_max: int
) -> None:
    """Whatever the number and the speed of the threads."""
    writers = [GzipWriter(compression, bytes_max, threads) for threads in THREADS]
    full = [[False] for _ in writers]
    for group in groups * 3:
        for writer, found in zip(writers, full, strict=True):
            list(writer.add(Exported(1, group)))
            found.append(writer.full)

    assert all(one == other for one, other in pairwise(full))


@pytest.mark.parametrize("compression", Compression)
def test_pieces_of_the_usual_size_give_the_same_bytes(compression: Compression) -> None:
    """Here with a content of several pieces, in parts of two sizes."""
    content = b"".join(b'{"n":%d,"square":%d}\n' % (n, n * n) for n in range(90_000))
    files = set[bytes]()
    for threads in THREADS:
        for part_bytes in (70_001, 2_000_000):
            writer = GzipWriter(compression, threads=threads)
            blocks = [
                block
                for start in range(0, len(content), part_bytes)
                for block in writer.add(Exported(1, content[start : start + part_bytes]))
            ]
            files.add(b"".join([*blocks, *writer.finish()]))

    assert [gzip.decompress(file) for file in files] == [content]
