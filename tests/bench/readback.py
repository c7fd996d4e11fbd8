"""Read a container in bounded memory, to prove that no row was lost."""

from collections.abc import Iterable, Iterator

import msgspec
from azure.storage.blob import ContainerClient
from zlib_ng import zlib_ng

from infra.local.sample import Digest, number_of
from tests.bench.emulator import OUR_TIMEOUT

_GZIP_WRAPPED = 31
_DIGEST_MODULUS = 1 << 128


class _Row(msgspec.Struct):
    uuid: str


def digest_of(lines: Iterable[bytes]) -> Digest:
    """Return the digest of the rows' uuids, to be compared with the generator's."""
    decode = msgspec.json.Decoder(_Row).decode
    count, total, xor = 0, 0, 0
    for line in lines:
        number = number_of(decode(line).uuid)
        count, total, xor = count + 1, total + number, xor ^ number
    return Digest(count, total % _DIGEST_MODULUS, xor)


def parts_digest(container: ContainerClient) -> Digest:
    """Return the digest of all rows in a customer's container, file after file."""
    return digest_of(
        line for name in _names(container, ".json.gz") for line in _lines(_plain(container, name))
    )


def plain_bytes(container: ContainerClient) -> int:
    """Return the number of decompressed bytes in a container."""
    return sum(len(piece) for name in _names(container, "") for piece in _plain(container, name))


def _names(container: ContainerClient, ending: str) -> list[str]:
    return [name for name in container.list_blob_names(timeout=OUR_TIMEOUT) if name.endswith(ending)]


def _plain(container: ContainerClient, name: str) -> Iterator[bytes]:
    """Yield the content of a gzip blob of one member."""
    member = zlib_ng.decompressobj(wbits=_GZIP_WRAPPED)
    for chunk in container.download_blob(name, timeout=OUR_TIMEOUT).chunks():
        yield member.decompress(chunk)
    yield member.flush()


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    tail = b""
    for piece in pieces:
        *whole, tail = (tail + piece).split(b"\n")
        yield from whole
    if tail:
        raise ValueError("the last line has no end")
