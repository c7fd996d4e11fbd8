import zlib

from hypothesis import given
from hypothesis import strategies as st

from exporter.pipeline.gunzip import BrokenContentError, plain
from tests.support.builders import cut, gzipped

contents = st.binary(max_size=300) | st.binary(max_size=6).map(lambda some: some * 20_000)
places = st.lists(st.integers(min_value=0, max_value=2000), max_size=12)


def read(chunks: list[bytes]) -> tuple[bytes, str | None]:
    """Return what can be read, and why it ends there if it is not the end."""
    found = b""
    try:
        for piece in plain(chunks):
            found += piece
    except BrokenContentError as broken:
        return found, str(broken)
    return found, None


@given(
    st.lists(st.tuples(contents, st.sampled_from([0, 1, 6, 9]), st.integers(0, 3)), min_size=1, max_size=4),
    places,
)
def test_members_are_read_one_after_the_other(members: list[tuple[bytes, int, int]], at: list[int]) -> None:
    """However they are compressed, with zero bytes between them, in any chunks."""
    blob = b"".join(
        zlib.compress(content, level, wbits=31) + bytes(padding) for content, level, padding in members
    )

    assert read(cut(blob, at)) == (b"".join(content for content, _, _ in members), None)


@given(contents.filter(lambda content: not content.startswith(b"\x1f\x8b")), places)
def test_content_that_is_no_gzip_is_itself(content: bytes, at: list[int]) -> None:
    """In any chunks."""
    assert read(cut(content, at)) == (content, None)


@given(contents, st.data(), places)
def test_a_blob_that_is_cut_off_or_damaged_reads_the_same_in_any_chunks(
    content: bytes, data: st.DataObject, at: list[int]
) -> None:
    """So that the same input gives the same files; and what can be read is never more than there was."""
    blob = bytearray(gzipped(content) + gzipped(b"more"))
    place = data.draw(st.integers(min_value=2, max_value=len(blob) - 1))
    if data.draw(st.booleans()):
        del blob[place:]
    else:
        blob[place] ^= data.draw(st.integers(min_value=1, max_value=255))
    found, why = read(cut(bytes(blob), at))

    assert (found, why) == read([bytes(blob)])
    assert why is not None or found in {content + b"more", content}
