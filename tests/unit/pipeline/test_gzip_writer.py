import base64
import gzip
import hashlib
import platform
import random
import zlib
from collections.abc import Iterable

import pytest

from exporter.domain.destination import MIB, Compression
from exporter.pipeline.exported import Exported
from exporter.pipeline.gzip_writer import BLOCK_BYTES, GzipWriter

NOISE = random.Random(1)  # noqa: S311  noise that does not compress, the same each time


def noise(size: int) -> bytes:
    """Return a line that compression cannot make much smaller."""
    return NOISE.randbytes(size).replace(b"\n", b" ")[:-1] + b"\n"


def written(lines: Iterable[bytes], compression: Compression = Compression.BALANCED) -> list[bytes]:
    """Return the blocks of a file of these lines."""
    writer = GzipWriter(compression)
    blocks: list[bytes] = []
    for line in lines:
        blocks += writer.add(Exported(1, line))
    return blocks + list(writer.finish())


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("count", [0, 1, 5000])
def test_a_file_holds_its_lines_in_order(count: int, compression: Compression) -> None:
    """One gzip member, whatever the compression."""
    lines = [b'{"n":%d}\n' % number for number in range(count)]
    member = zlib.decompressobj(wbits=31)

    assert member.decompress(b"".join(written(lines, compression))) == b"".join(lines)
    assert member.eof
    assert member.unused_data == b""


def test_a_file_without_lines_is_a_valid_gzip_of_nothing() -> None:
    """The file of an hour of merged ids, of which all were rejected, say."""
    (block,) = written([])

    assert gzip.decompress(block) == b""


@pytest.mark.parametrize("compression", Compression)
def test_the_header_holds_neither_time_nor_name(compression: Compression) -> None:
    """Bytes 4 to 7 are the time, the flags before them announce a name."""
    (block,) = written([b"{}\n"], compression)

    assert block[:3] == b"\x1f\x8b\x08"
    assert block[3:8] == bytes(5)


@pytest.mark.skipif(
    platform.machine() not in {"x86_64", "AMD64"}, reason="not compared with other processors"
)
@pytest.mark.parametrize(
    ("compression", "digest"),
    [
        (Compression.BALANCED, "37405b8828f660f9"),
        (Compression.FAST, "4e41a1eb3199a8f5"),
        (Compression.SMALL, "95ed138637ed69e7"),
    ],
)
def test_the_bytes_do_not_depend_on_the_processor(compression: Compression, digest: str) -> None:
    """The digests are of processors without AVX, with AVX2 and with AVX-512: two attempts may run on any.

    A new version of a library may change them: decision 2 says how they are made.
    """
    values = random.Random(7)  # noqa: S311  the same each time
    words = [values.randbytes(values.randrange(2, 9)).hex() for _ in range(300)]
    lines = [" ".join(values.choices(words, k=90)).encode() + b"\n" for _ in range(1500)]

    assert hashlib.sha256(b"".join(written(lines, compression))).hexdigest()[:16] == digest


@pytest.mark.parametrize("compression", Compression)
def test_the_same_lines_give_the_same_bytes(compression: Compression) -> None:
    """So that a retry overwrites a file with itself."""
    lines = [noise(500) for _ in range(2000)]

    assert written(lines, compression) == written(lines, compression)


def test_a_smaller_file_is_what_small_compression_gives() -> None:
    """And a larger one the fast one."""
    lines = [b'{"event_type":"purchase","n":%d,"square":%d}\n' % (n, n * n) for n in range(20_000)]
    sizes = {each: sum(map(len, written(lines, each))) for each in Compression}

    assert sizes[Compression.SMALL] < sizes[Compression.BALANCED] < sizes[Compression.FAST]


def test_blocks_are_full_but_the_last() -> None:
    """However large the lines are, and even if one fills several blocks."""
    blocks = written([noise(100_000) for _ in range(60)] + [noise(3 * BLOCK_BYTES)] + [noise(9)])

    assert [len(block) for block in blocks[:-1]] == [BLOCK_BYTES] * (len(blocks) - 1)
    assert len(blocks) >= 4
    assert 0 < len(blocks[-1]) <= BLOCK_BYTES


def test_size_rows_and_md5_are_those_of_the_whole_file() -> None:
    """As the storage service will check them."""
    writer = GzipWriter()
    lines = [noise(50_000) for _ in range(200)]
    content = b"".join(
        [block for line in lines for block in writer.add(Exported(1, line))] + list(writer.finish())
    )
    digest = hashlib.md5(content, usedforsecurity=False).digest()

    assert writer.rows == 200
    assert writer.size == len(content)
    assert writer.md5 == base64.b64encode(digest).decode()


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("line_bytes", [200, 60_000])
@pytest.mark.parametrize("mib", [1, 6])
def test_a_file_is_full_just_before_its_limit(mib: int, line_bytes: int, compression: Compression) -> None:
    """Whatever the compressor still holds back fits, and not much room is left over."""
    writer, size = GzipWriter(compression, mib * MIB), 0
    while not writer.full:
        size += sum(map(len, writer.add(Exported(1, noise(line_bytes)))))
    size += sum(map(len, writer.finish()))

    assert writer.size == size
    assert (mib - 0.6) * MIB < size <= mib * MIB


def test_a_file_without_a_limit_is_never_full() -> None:
    """Merged ids have one file an hour, however many they are."""
    writer = GzipWriter()
    for _ in range(10):
        list(writer.add(Exported(1, noise(MIB))))

    assert not writer.full


def test_a_new_file_is_not_full() -> None:
    """Not even the smallest: every file takes at least one line."""
    assert not GzipWriter(bytes_max=MIB).full


def test_a_block_is_handed_out_as_soon_as_it_is_complete() -> None:
    """So that no more than one stays in memory."""
    writer, waiting = GzipWriter(), 0
    for _ in range(200):
        line = noise(100_000)
        waiting += len(line)
        waiting -= sum(map(len, writer.add(Exported(1, line))))
        assert waiting < BLOCK_BYTES + MIB
