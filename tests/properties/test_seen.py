from hypothesis import given
from hypothesis import strategies as st

from exporter.pipeline.key_set import KEY_BYTES, KeySet, split

# Keys of few different bytes meet often.
keys = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES) | st.text("\0\1", min_size=16, max_size=16).map(
    str.encode
)


@given(st.lists(st.lists(keys, max_size=10), max_size=20), st.integers(min_value=0, max_value=60))
def test_a_key_is_new_if_and_only_if_it_was_never_added(added: list[list[bytes]], few_max: int) -> None:
    """As with a built-in set; added together or one by one, kept in a set or in buckets."""
    seen, known = KeySet(few_max=few_max), set[bytes]()
    for together in added:
        new = [key not in known and key not in together[:place] for place, key in enumerate(together)]
        assert seen.add_all(together) == new
        known.update(together)
        assert all(key in seen for key in known)
    assert set(split(b"".join(seen.pieces()))) == known
