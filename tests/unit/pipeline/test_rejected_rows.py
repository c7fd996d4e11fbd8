"""Rejected rows are read back as they were stored, cut where they are long."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.row_schema import Reason, RejectedRow, Rejection
from exporter.pipeline.chain import rejected_line
from exporter.pipeline.gunzip import BrokenContentError
from exporter.pipeline.rejected_rows import SHOWN_BYTES_MAX, KeptRow, kept_lines, kept_row

WHY = Rejection(Reason.WRONG_TYPE, 'paying is not true or false, "row":"', ("paying",))
ROWS = [
    b"nonsense",
    b"",
    b'{"row":"x","row_base64":"y"}',
    "Ünïcode 日本 🎈".encode(),
    b'\x00\x01"\\' * 100,
    b"\xff\xfe",
    b"x" * (SHOWN_BYTES_MAX + 1),
    b"\xff" * (SHOWN_BYTES_MAX + 1),
    b"\\" * 200_000,
    b"\x01" * 200_000,
    "🎈".encode() * 200_000,
    b"\xff" * 200_000,
]


def read(content: bytes, **fields: object) -> KeptRow:
    """Return a row as it is read back, written between two others."""
    row = RejectedRow("events/1/a.json", 7, WHY, content, **fields)  # type: ignore[arg-type]  # its fields
    other = rejected_line(RejectedRow("b", 1, WHY, b"other"))
    first, found, last = map(kept_row, kept_lines([other + rejected_line(row) + other]))
    assert first == last
    return found


@pytest.mark.parametrize("content", ROWS, ids=lambda content: f"{content[:6]!r} {len(content)}")
def test_a_row_is_shown_up_to_its_limit(content: bytes) -> None:
    """By whole characters, with its place and its reason; it says whether it is cut."""
    found = read(content, piece=2, exported=True)

    assert found.why == {
        "blob": "events/1/a.json",
        "line": 7,
        "piece": 2,
        "reason": "wrong_type",
        "detail": WHY.detail,
        "keys": ["paying"],
        "exported": True,
    }
    shown = base64.b64decode(found.content) if found.base64 else found.content.encode()
    assert content.startswith(shown)
    assert found.cut is (shown != content)
    assert len(shown) > SHOWN_BYTES_MAX - 4 if found.cut else len(shown) == len(content)
    assert len(shown) <= SHOWN_BYTES_MAX


@given(st.text(max_size=300).map(str.encode) | st.binary(max_size=300), st.integers(1, 50))
def test_any_row_comes_back_whatever_it_repeats(content: bytes, times: int) -> None:
    """Text as text, other bytes in base64."""
    found = read(content * times)

    shown = base64.b64decode(found.content) if found.base64 else found.content.encode()
    assert (content * times).startswith(shown)
    assert found.cut is (len(shown) < len(content * times))


def test_a_damaged_blob_has_the_rows_before_the_damage() -> None:
    """Then it is an error."""
    lines = kept_lines([b"\x1f\x8b" + b"damaged" * 10])

    with pytest.raises(BrokenContentError):
        list(lines)
