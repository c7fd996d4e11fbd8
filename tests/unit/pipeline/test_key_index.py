import hashlib
import zlib
from collections.abc import Iterable, Iterator

import pytest

from exporter.pipeline.key_index import KeyIndex, KeysHash, encode_key_index, repeated, shared
from exporter.pipeline.key_set import KEY_BYTES, ApproximateKeySet, KeySet, split
from exporter.pipeline.native import scanner

COUNT = 2000
KEYS = [hashlib.md5(number.to_bytes(4), usedforsecurity=False).digest() for number in range(COUNT)]
NATIVE = scanner.library()


@pytest.fixture(
    params=[
        "python",
        pytest.param("native", marks=pytest.mark.skipif(NATIVE is None, reason="native code was not built")),
    ],
    autouse=True,
)
def _way(request: pytest.FixtureRequest) -> Iterator[None]:
    scanner.allow(request.param == "native")
    yield
    scanner.allow(NATIVE is not None)


def an_index(keys: Iterable[bytes], piece_bytes: int = 100) -> KeyIndex:
    """Return an index of these keys, to be read in pieces."""
    body = b"".join(encode_key_index(["a.json"], None, KeySet(keys)))
    return KeyIndex(body[at : at + piece_bytes] for at in range(0, len(body), piece_bytes))


def together(*indexes: KeyIndex) -> list[list[bytes]]:
    """Return the repeated keys of each index."""
    found = zip(*repeated(indexes), strict=True)
    return [[key for part in parts for key in split(part)] for parts in found]


def hash_of(keys: Iterable[bytes]) -> tuple[int, str | None]:
    """Return number and hash of keys, by the definition."""
    found = KeysHash()
    for (part,) in (parts[1:] for parts in repeated([an_index(KEYS), an_index(keys)])):
        found.add(part)
    return found.count, found.sha256


@pytest.mark.parametrize("piece_bytes", [1, 100, 1_000_000])
def test_an_index_comes_back_as_it_was_written(piece_bytes: int) -> None:
    """In whatever pieces it is read."""
    index = an_index(KEYS, piece_bytes)
    parts = list(index.partitions())

    assert sorted(split(b"".join(parts))) == sorted(KEYS)
    assert [len(part) // KEY_BYTES for part in parts] == index.header.counts
    assert index.header.blobs == ["a.json"]


def test_a_damaged_index_is_refused() -> None:
    """One that ends too early, at the header or later, and one of an unknown version."""
    body = b"".join(encode_key_index([], None, KeySet(KEYS)))
    with pytest.raises(ValueError, match="too early"):
        KeyIndex(iter([body[:20]]))
    with pytest.raises(ValueError, match="too early"):
        list(KeyIndex(iter([body[:-1]])).partitions())
    with pytest.raises(ValueError, match="known version"):
        KeyIndex(iter([body.replace(b'"v":1', b'"v":2', 1)]))


def test_of_each_index_the_keys_are_found_that_an_earlier_one_has() -> None:
    """Not only the one right before it; a key that three have is found in two."""
    first, second, third = KEYS[:1000], KEYS[500:1500], KEYS[400:600]

    found = together(an_index(first), an_index(second), an_index(third))

    assert found[0] == []
    assert sorted(found[1]) == sorted(KEYS[500:1000])
    assert sorted(found[2]) == sorted(KEYS[400:600])


def test_equal_sets_of_keys_have_equal_hashes_and_others_do_not() -> None:
    """In whatever order they were added, and of whichever set they are a part."""
    assert hash_of(KEYS[:300]) == hash_of(reversed(KEYS[:300]))
    assert hash_of(KEYS[:300]) != hash_of(KEYS[1:301])
    assert hash_of(KEYS[:300])[0] == hash_of(KEYS[1:301])[0]
    assert hash_of([]) == (0, None)


def test_the_hash_of_keys_is_the_same_in_every_process() -> None:
    """It is compared with that of another worker, which may have no native code."""
    by_partition = sorted(KEYS[:300], key=lambda key: (zlib.crc32(key) % 256, key))

    count, sha256 = hash_of(KEYS[:300])

    assert count == 300
    assert sha256 == hashlib.sha256(b"".join(by_partition)).hexdigest()


@pytest.mark.parametrize("others", [KeySet, ApproximateKeySet])
def test_what_a_slice_leaves_out_has_the_hash_that_the_join_compares(
    others: type[KeySet | ApproximateKeySet],
) -> None:
    """Both know the same keys in their own way."""
    known = others()
    known.add_joined(b"".join(KEYS[:300]))

    found = shared(KeySet(KEYS[200:]), known)

    assert (found.count, found.sha256) == hash_of(KEYS[200:300])
    nothing = shared(KeySet(KEYS[300:]), known)
    assert (nothing.count, nothing.sha256) == (0, None)
