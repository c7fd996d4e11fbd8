import hashlib
import itertools

import pytest

from exporter.pipeline.key_set import BUCKETS_A_PARTITION, FEW, KEY_BYTES, KeySet, partition, split

ZERO = bytes(KEY_BYTES)
ONES = b"\xff" * KEY_BYTES


def _bucket(key: bytes) -> tuple[int, int]:
    """Return where a key lies: the partition that is the same in every process, and the bucket in it."""
    return partition(key), hash(key) % BUCKETS_A_PARTITION


def key_in_the_bucket_of(other: bytes, head: bytes = b"", tail: bytes = b"") -> bytes:
    """Return a key with these ends that shares the other's bucket: found by trying, anew in each process."""
    free = KEY_BYTES - len(head) - len(tail)
    tries = (head + number.to_bytes(free) + tail for number in itertools.count())
    return next(key for key in tries if _bucket(key) == _bucket(other))


@pytest.fixture(params=[0, 100, FEW], ids=["in buckets", "in buckets soon", "in a set"])
def few_max(request: pytest.FixtureRequest) -> int:
    """Return how many keys are kept in a built-in set; more go into buckets."""
    return int(request.param)


def int_key(number: int) -> bytes:
    """Return a number as a key."""
    return number.to_bytes(KEY_BYTES)


def test_a_key_is_new_once(few_max: int) -> None:
    """The first time only."""
    seen = KeySet(few_max=few_max)

    assert [seen.add(key) for key in (ONES, ONES, b"0123456789abcdef", ONES)] == [True, False, True, False]


def test_the_zero_key_is_a_key(few_max: int) -> None:
    """An empty set does not hold it."""
    seen = KeySet(few_max=few_max)

    assert seen.add(ZERO)
    assert not seen.add(ZERO)


def test_keys_that_are_alike_are_told_apart(few_max: int) -> None:
    """By any one of their 128 bits."""
    seen = KeySet(few_max=few_max)
    keys = [int_key(1 << bit) for bit in range(128)]

    assert all(seen.add(key) for key in keys)
    assert not any(seen.add(key) for key in keys)


@pytest.mark.parametrize("shift", [4, 8, 11])
def test_a_key_across_the_border_of_two_others_is_new(shift: int, few_max: int) -> None:
    """The keys of a bucket lie end to end; the end of one and the beginning of the next make no key."""
    across = b"0123456789abcdef"
    first = key_in_the_bucket_of(across, tail=across[:-shift])
    second = key_in_the_bucket_of(across, head=across[-shift:])
    seen = KeySet(few_max=few_max)

    assert (first + second)[shift : shift + KEY_BYTES] == across
    assert [seen.add(key) for key in (first, second, across)] == [True, True, True]
    assert [seen.add(key) for key in (first, second, across)] == [False, False, False]


def test_a_key_one_byte_across_the_border_is_new_too(few_max: int) -> None:
    """The three keys have little room to share a bucket, so what they share is found by trying, too."""
    across, first = next(
        (across, first)
        for common in map(int_key, itertools.count())
        for across in (common[1:] + bytes([last]) for last in range(256))
        for first in (bytes([head]) + common[1:] for head in range(256))
        if _bucket(first) == _bucket(across) and first != across
    )
    second = key_in_the_bucket_of(across, head=across[-1:])
    seen = KeySet(few_max=few_max)

    assert (first + second)[1 : 1 + KEY_BYTES] == across
    assert [seen.add(key) for key in (first, second, across)] == [True, True, True]
    assert [seen.add(key) for key in (first, second, across)] == [False, False, False]


def test_a_key_is_found_right_behind_a_place_where_it_only_seems_to_be(few_max: int) -> None:
    """The last byte of one and all but the last of the next look like a key of one byte repeated."""
    repeated = b"x" * KEY_BYTES
    before = key_in_the_bucket_of(repeated, tail=b"x")
    seen = KeySet(few_max=few_max)

    assert [seen.add(key) for key in (before, repeated, repeated)] == [True, True, False]


def test_many_keys_are_each_new_once(few_max: int) -> None:
    """Enough of them that most buckets hold several."""
    seen = KeySet(few_max=few_max)
    keys = [hashlib.md5(number.to_bytes(4), usedforsecurity=False).digest() for number in range(200_000)]

    assert all(map(seen.add, keys))
    assert not any(map(seen.add, keys))
    assert sum(seen.counts()) == len(keys)
    assert b"".join(sorted(split(b"".join(seen.pieces())))) == b"".join(sorted(keys))
    assert not any(map(seen.add, keys))


def test_keys_added_together_are_new_as_one_after_the_other(few_max: int) -> None:
    """Those that stand twice among them, too."""
    one, other, seen = int_key(1), int_key(2), KeySet(few_max=few_max)

    assert seen.add_all([one, other]) == [True, True]
    assert seen.add_all([one, one, ZERO, other, ZERO]) == [False, False, True, False, False]
    assert [key in seen for key in (one, other, ZERO, ONES)] == [True, True, True, False]
    assert seen.known([one, ONES, ZERO]) == [True, False, True]


def test_an_empty_set_says_so(few_max: int) -> None:
    """It is not asked for each row, then."""
    assert KeySet(few_max=few_max).empty
    assert not KeySet([ZERO], few_max=few_max).empty
