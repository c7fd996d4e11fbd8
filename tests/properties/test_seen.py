import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.pipeline.key_set import KEY_BYTES, PythonKeys, partition, split
from exporter.pipeline.native import scanner
from exporter.pipeline.native.keys import NativeKeys

# Keys of few different bytes meet often.
keys = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES) | st.text("\0\1", min_size=16, max_size=16).map(
    str.encode
)
batches = st.lists(st.lists(keys, max_size=40), max_size=20)
NATIVE = scanner.library()


def holds_each_once(seen: PythonKeys | NativeKeys, added: list[list[bytes]]) -> None:
    """Fail unless the set answers as a built-in one."""
    known = set[bytes]()
    for together in added:
        new = [key not in known and key not in together[:place] for place, key in enumerate(together)]
        assert seen.find(b"".join(together)) == bytes(key in known for key in together)
        assert seen.add(b"".join(together)) == bytes(new)
        known.update(together)
        assert seen.find(b"".join(known)) == b"\1" * len(known)
    pieces = [list(split(piece)) for piece in seen.pieces()]
    assert sorted(key for piece in pieces for key in piece) == sorted(known)
    assert all(partition(key) == number for number, piece in enumerate(pieces) for key in piece)
    assert seen.counts() == list(map(len, pieces))


@given(batches, st.integers(min_value=0, max_value=60))
def test_a_key_is_new_if_and_only_if_it_was_never_added(added: list[list[bytes]], few_max: int) -> None:
    """As with a built-in set; added together or one by one, kept in a set or in buckets."""
    holds_each_once(PythonKeys(few_max=few_max), added)


@pytest.mark.skipif(NATIVE is None, reason="native code was not built, or is switched off")
@given(batches)
def test_native_code_agrees_on_each_key(added: list[list[bytes]]) -> None:
    """Also on the keys of zeros and of ones."""
    assert NATIVE
    holds_each_once(NativeKeys(NATIVE), [*added, [bytes(KEY_BYTES), b"\xff" * KEY_BYTES]])
