import hashlib
import itertools
from collections.abc import Callable, Iterator

import pytest

from exporter.pipeline.key_set import (
    BUCKETS_A_PARTITION,
    FEW,
    KEY_BYTES,
    PARTITIONS,
    ApproximateKeySet,
    KeySet,
    PythonHashes,
    PythonKeys,
    partition,
    split,
)
from exporter.pipeline.native import scanner
from exporter.pipeline.native.keys import NativeKeys

ZERO = bytes(KEY_BYTES)
ONES = b"\xff" * KEY_BYTES
NATIVE = scanner.library()

type ExactKeys = PythonKeys | NativeKeys
type NewSet = Callable[[], ExactKeys]

needs_native = pytest.mark.skipif(NATIVE is None, reason="native code was not built, or is switched off")


def _bucket(key: bytes) -> tuple[int, int]:
    """Return where a key lies: the partition that is the same in every process, and the bucket in it."""
    return partition(key), hash(key) % BUCKETS_A_PARTITION


def key_in_the_bucket_of(other: bytes, head: bytes = b"", tail: bytes = b"") -> bytes:
    """Return a key with these ends that shares the other's bucket: found by trying, anew in each process."""
    free = KEY_BYTES - len(head) - len(tail)
    tries = (head + number.to_bytes(free) + tail for number in itertools.count())
    return next(key for key in tries if _bucket(key) == _bucket(other))


def _native() -> NativeKeys:
    assert NATIVE
    return NativeKeys(NATIVE)


@pytest.fixture(
    params=[
        pytest.param(lambda: PythonKeys(few_max=0), id="in buckets"),
        pytest.param(lambda: PythonKeys(few_max=100), id="in buckets soon"),
        pytest.param(lambda: PythonKeys(few_max=FEW), id="in a set"),
        pytest.param(_native, id="native", marks=needs_native),
    ]
)
def new_set(request: pytest.FixtureRequest) -> NewSet:
    """Return a function that makes an exact set, in one of the ways in which keys are kept."""
    made: NewSet = request.param
    return made


@pytest.fixture(params=[True, pytest.param(False, marks=needs_native)], ids=["python", "native"])
def python(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Make sets in Python, or natively; return whether it is in Python."""
    allowed = scanner.library() is not None
    scanner.allow(not request.param)
    yield request.param
    scanner.allow(allowed)


def int_key(number: int) -> bytes:
    """Return a number as a key."""
    return number.to_bytes(KEY_BYTES)


def random_keys(count: int) -> list[bytes]:
    """Return so many different keys, always the same ones."""
    return [hashlib.md5(number.to_bytes(4), usedforsecurity=False).digest() for number in range(count)]


def test_a_key_is_new_once(new_set: NewSet) -> None:
    """The first time only."""
    seen = new_set()

    assert [seen.add(key) for key in (ONES, ONES, b"0123456789abcdef", ONES)] == [b"\1", b"\0", b"\1", b"\0"]


def test_the_keys_of_zeros_and_of_ones_are_keys(new_set: NewSet) -> None:
    """An empty set does not hold them, and one that holds them returns them."""
    for key in (ZERO, ONES):
        seen = new_set()
        assert seen.find(key) == b"\0"
        assert seen.add(key + key) == b"\1\0"
        assert seen.find(key) == b"\1"
        assert (sum(seen.counts()), seen.counts()[partition(key)]) == (1, 1)
        assert list(seen.pieces())[partition(key)] == key


def test_keys_that_are_alike_are_told_apart(new_set: NewSet) -> None:
    """By any one of their 128 bits."""
    seen = new_set()
    keys = b"".join(int_key(1 << bit) for bit in range(128))

    assert seen.add(keys) == b"\1" * 128
    assert seen.add(keys) == b"\0" * 128


@pytest.mark.parametrize("shift", [4, 8, 11])
def test_a_key_across_the_border_of_two_others_is_new(shift: int, new_set: NewSet) -> None:
    """The keys of a bucket lie end to end; the end of one and the beginning of the next make no key."""
    across = b"0123456789abcdef"
    first = key_in_the_bucket_of(across, tail=across[:-shift])
    second = key_in_the_bucket_of(across, head=across[-shift:])
    seen = new_set()

    assert (first + second)[shift : shift + KEY_BYTES] == across
    assert [seen.add(key) for key in (first, second, across)] == [b"\1"] * 3
    assert [seen.add(key) for key in (first, second, across)] == [b"\0"] * 3


def test_a_key_one_byte_across_the_border_is_new_too(new_set: NewSet) -> None:
    """The three keys have little room to share a bucket, so what they share is found by trying, too."""
    across, first = next(
        (across, first)
        for common in map(int_key, itertools.count())
        for across in (common[1:] + bytes([last]) for last in range(256))
        for first in (bytes([head]) + common[1:] for head in range(256))
        if _bucket(first) == _bucket(across) and first != across
    )
    second = key_in_the_bucket_of(across, head=across[-1:])
    seen = new_set()

    assert (first + second)[1 : 1 + KEY_BYTES] == across
    assert [seen.add(key) for key in (first, second, across)] == [b"\1"] * 3
    assert [seen.add(key) for key in (first, second, across)] == [b"\0"] * 3


def test_a_key_is_found_right_behind_a_place_where_it_only_seems_to_be(new_set: NewSet) -> None:
    """The last byte of one and all but the last of the next look like a key of one byte repeated."""
    repeated = b"x" * KEY_BYTES
    before = key_in_the_bucket_of(repeated, tail=b"x")
    seen = new_set()

    assert [seen.add(key) for key in (before, repeated, repeated)] == [b"\1", b"\1", b"\0"]


def test_many_keys_are_each_new_once(new_set: NewSet) -> None:
    """Enough of them that many buckets hold several. Given alone or together, they come back once each."""
    seen, keys = new_set(), random_keys(80_000)
    alone, together = keys[:1000], b"".join(keys[1000:])

    assert b"".join(map(seen.add, alone)) + seen.add(together) == b"\1" * len(keys)
    assert b"".join(map(seen.add, alone)) + seen.add(together) == b"\0" * len(keys)
    assert seen.find(together) == b"\1" * (len(keys) - 1000)
    assert sum(seen.counts()) == len(keys)
    assert sorted(split(b"".join(seen.pieces()))) == sorted(keys)
    assert seen.add(together) == b"\0" * (len(keys) - 1000)


def test_a_piece_is_the_keys_of_a_partition(new_set: NewSet) -> None:
    """Of each of the 256, also of one without keys. The partition is the same in every process."""
    seen, keys = new_set(), random_keys(300)
    seen.add(b"".join(keys))
    pieces = list(seen.pieces())

    assert [len(piece) // KEY_BYTES for piece in pieces] == seen.counts()
    assert len(pieces) == PARTITIONS
    assert b"" in pieces
    assert all(partition(key) == number for number, piece in enumerate(pieces) for key in split(piece))


def test_keys_that_were_chosen_to_share_a_partition_take_no_more_time(new_set: NewSet) -> None:
    """The places in it go by a hash that is keyed, so this ends as soon as any other test here."""
    keys = [key for key in random_keys(200_000) if partition(key) == 0]
    many = [int_key(number) for number in range(1 << 16) if partition(int_key(number)) == 0]
    seen = new_set()

    assert seen.add(b"".join(keys + many)) == b"\1" * (len(keys) + len(many))
    assert seen.counts()[0] == len(keys) + len(many)


def test_keys_added_together_are_new_as_one_after_the_other(python: bool) -> None:  # noqa: FBT001, ARG001
    """Those that stand twice among them, too."""
    one, other, seen = int_key(1), int_key(2), KeySet()

    assert seen.add_all([one, other]) == [True, True]
    assert seen.add_all([one, one, ZERO, other, ZERO]) == [False, False, True, False, False]
    assert [key in seen for key in (one, other, ZERO, ONES)] == [True, True, True, False]
    assert seen.known([one, ONES, ZERO]) == [True, False, True]
    assert seen.known_joined(one + ONES + ZERO) == b"\1\0\1"
    assert seen.add_joined(ONES + one) == b"\1\0"
    assert seen.add(int_key(3))
    assert not seen.add(int_key(3))


def test_a_set_is_made_of_keys(python: bool) -> None:  # noqa: FBT001, ARG001
    """However many."""
    keys = random_keys(10_000)
    seen = KeySet(iter(keys))

    assert all(seen.known(keys))
    assert sum(seen.counts()) == len(keys)
    assert sum(KeySet().counts()) == 0


def test_the_way_is_the_native_one_if_it_may_be(python: bool) -> None:  # noqa: FBT001
    """The setting ``NATIVE_CODE`` applies to sets, too."""
    assert isinstance(KeySet()._keys, PythonKeys if python else NativeKeys)
    assert isinstance(ApproximateKeySet()._keys, PythonHashes if python else NativeKeys)


@pytest.mark.parametrize("hash_bytes", range(1, 7))
def test_an_approximate_set_holds_all_keys_that_were_added(
    hash_bytes: int,
    python: bool,  # noqa: FBT001, ARG001
) -> None:
    """And by chance others: of those with two bytes and more, few."""
    keys = [ZERO, ONES, *random_keys(20_000)]
    added, others = keys[:5000], keys[5000:]
    some = ApproximateKeySet(hash_bytes)
    assert not any(some.known(keys))
    some.add_joined(b"".join(added))
    some.add_joined(b"".join(added))

    assert all(some.known(added))
    false_hits = some.known_joined(b"".join(others)).count(1)
    # 5,000 hashes share 256 partitions: 20 in each, of 256, 65,536, ... possible ones.
    expected = len(others) * 20 / 256**hash_bytes
    assert false_hits <= 10 + 2 * expected
    assert false_hits > 0 or hash_bytes > 1


@needs_native
def test_a_native_set_that_cannot_be_made_is_an_error() -> None:
    """Nor is there a set of another width than a hash may have."""
    assert NATIVE
    with pytest.raises(MemoryError):
        NativeKeys(NATIVE, 9)
