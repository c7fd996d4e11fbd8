import base64
import gzip
import hashlib
import platform
import random
import shutil
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from isal import isal_zlib
from zlib_ng import zlib_ng

from exporter.domain.destination import MIB, Compression
from exporter.pipeline.exported import Exported
from exporter.pipeline.gunzip import PIECE_BYTES_MAX
from exporter.pipeline.gzip_writer import BLOCK_BYTES, PIECE_BYTES, GzipWriter, trailer
from exporter.pipeline.threads import Threads
from tests.support.late_threads import LateThreads

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
        (Compression.BALANCED, "d9ec558b47e2416e"),
        (Compression.FAST, "ae013d472770eff9"),
        (Compression.SMALL, "1f1a3463eb746d87"),
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
def test_a_small_file_is_compressed_at_once(compression: Compression) -> None:
    """No thread is used below the size of a piece, and the file is as small as the library makes it."""

    class NoThreads(Threads):
        submit = None  # type: ignore[assignment]  # a call fails

    content = b"".join(b'{"n":%d,"square":%d}\n' % (n, n * n) for n in range(20_000))[: PIECE_BYTES - 1]
    assert len(content) == PIECE_BYTES - 1
    writer = GzipWriter(compression, threads=NoThreads(2))
    file = b"".join([*writer.add(Exported(1, content)), *writer.finish()])
    alone = {
        Compression.BALANCED: zlib_ng.compress(content, 5, 31),
        Compression.SMALL: zlib_ng.compress(content, 8, 31),
        Compression.FAST: isal_zlib.compress(content, 2, 31),
    }

    assert file[10:] == alone[compression][10:]


@pytest.mark.parametrize("compression", Compression)
def test_a_piece_refers_to_the_one_before(compression: Compression) -> None:
    """What a piece ends with costs nothing at the beginning of the next one."""
    first = NOISE.randbytes(PIECE_BYTES)
    writer = GzipWriter(compression)
    blocks = [*writer.add(Exported(1, first + first[-30_000:])), *writer.finish()]

    assert sum(map(len, blocks)) < PIECE_BYTES + 3000


def test_a_large_file_is_as_small_as_that_of_zlib() -> None:
    """Cutting it into pieces costs less than a thousandth, here and with real rows."""
    content = b"".join(b'{"event_type":"purchase","n":%d,"square":%d}\n' % (n, n * n) for n in range(90_000))
    assert len(content) > 8 * PIECE_BYTES
    writer = GzipWriter()
    size = sum(map(len, [*writer.add(Exported(1, content)), *writer.finish()]))
    alone = zlib_ng.compressobj(5, zlib_ng.DEFLATED, 31)

    assert size < len(alone.compress(content) + alone.flush()) * 1.001
    assert size < len(zlib.compress(content, 6)) * 1.01


@pytest.mark.parametrize("compression", Compression)
def test_gzip_itself_finds_no_fault(compression: Compression, tmp_path: Path) -> None:
    """The program that most readers have."""
    program = shutil.which("gzip")
    if program is None:
        pytest.skip("this system has no gzip")
    file = tmp_path / "part.json.gz"
    file.write_bytes(b"".join(written([noise(100_000) for _ in range(30)], compression)))

    subprocess.run([program, "-t", str(file)], check=True)  # noqa: S603  the system's own program


@pytest.mark.parametrize(
    ("plain_bytes", "length"),
    [(0, 0), (1, 1), (2**32 - 1, 2**32 - 1), (2**32, 0), (5 * 2**32 + 7, 7)],
)
def test_the_trailer_has_checksum_and_length_modulo_4_gib(plain_bytes: int, length: int) -> None:
    """As RFC 1952 wants it, both with the least byte first."""
    assert trailer(0x01020304, plain_bytes) == b"\x04\x03\x02\x01" + length.to_bytes(4, "little")


def test_the_length_is_that_of_all_pieces() -> None:
    """And the checksum."""
    content = b"".join(noise(PIECE_BYTES) for _ in range(4)) + b"{}\n"
    file = b"".join(written([content]))

    assert file[-8:] == trailer(zlib.crc32(content), len(content))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_pieces_are_in_memory(count: int) -> None:
    """One more than there are threads, however slow these are."""
    threads = LateThreads(count)
    writer = GzipWriter(threads=threads)
    for _ in range(10):
        list(writer.add(Exported(1, noise(3 * PIECE_BYTES))))

    assert threads.waiting_most == count + 1


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
@pytest.mark.parametrize("line_bytes", [200, 60_000, PIECE_BYTES_MAX])
@pytest.mark.parametrize("mib", [1, 6])
def test_a_file_is_full_just_before_its_limit(mib: int, line_bytes: int, compression: Compression) -> None:
    """Whatever the compressor still holds back fits, and not much room is left over."""
    writer, size = GzipWriter(compression, mib * MIB), 0
    while not writer.full:
        size += sum(map(len, writer.add(Exported(1, noise(line_bytes)))))
    size += sum(map(len, writer.finish()))

    assert writer.size == size
    assert (mib - 0.8) * MIB < size <= mib * MIB


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
    """So that no more than one stays in memory, and the pieces that the threads have."""
    threads, waiting = Threads(2), 0
    writer = GzipWriter(threads=threads)
    for _ in range(200):
        line = noise(100_000)
        waiting += len(line)
        waiting -= sum(map(len, writer.add(Exported(1, line))))
        assert waiting < BLOCK_BYTES + (threads.count + 2) * PIECE_BYTES
