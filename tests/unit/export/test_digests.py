import hashlib
from contextlib import ExitStack

import pytest

from exporter.export import digests
from exporter.export.digests import KeyWriter, side_by_side
from exporter.pipeline.key_index import encode_key_index, repeated
from exporter.pipeline.key_set import KeySet, split
from tests.support.fakes.world import World

KEYS = [hashlib.md5(number.to_bytes(4), usedforsecurity=False).digest() for number in range(500)]


def test_digests_are_read_side_by_side_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small."""
    monkeypatch.setattr(digests, "PIECES_BYTES", 100)
    monkeypatch.setattr(digests, "PIECE_BYTES_MIN", 33)
    state = World().gateways.state
    state.put("one", encode_key_index(["a"], None, KeySet(KEYS[:300])))
    state.put("two", encode_key_index(["b"], None, KeySet(KEYS[200:])))

    found = side_by_side(state, ["one", "two"])

    assert found
    assert [index.header.blobs for index in found] == [["a"], ["b"]]
    assert sorted(key for _, keys in repeated(found) for key in split(keys)) == sorted(KEYS[200:300])


@pytest.mark.parametrize("names", [["one", "gone"], ["one", None]])
def test_of_digests_one_of_which_is_gone_none_is_read(names: list[str | None]) -> None:
    """There is nothing to compare, then."""
    state = World().gateways.state
    state.put("one", encode_key_index([], None, KeySet(KEYS)))

    assert side_by_side(state, names) is None


@pytest.mark.parametrize("count", [0, 1, 500])
def test_keys_are_written_as_they_are_added(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, a few, or many blocks of them; nothing is readable before that."""
    monkeypatch.setattr(digests, "_BLOCK_BYTES", 1000)
    state = World().gateways.state
    with ExitStack() as uploads:
        writer = KeyWriter(state, "keys", uploads)
        for start in range(0, count, 7):
            writer.add(b"".join(KEYS[start : min(start + 7, count)]))
        assert state.read("keys") is None
        writer.commit()
    pieces = state.read("keys")

    assert pieces is not None
    assert b"".join(pieces) == b"".join(KEYS[:count])
