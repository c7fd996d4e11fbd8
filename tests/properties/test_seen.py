from hypothesis import given
from hypothesis import strategies as st

from exporter.pipeline.seen import KEY_BYTES, SeenKeys

# Keys of few different bytes meet often.
keys = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES) | st.text("\0\1", min_size=16, max_size=16).map(
    str.encode
)


@given(st.lists(keys, max_size=60))
def test_a_key_is_new_if_and_only_if_it_was_never_added(added: list[bytes]) -> None:
    """As with a built-in set."""
    seen, known = SeenKeys(), set[bytes]()
    for key in added:
        assert seen.add(key) == (key not in known)
        known.add(key)
