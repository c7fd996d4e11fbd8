import json
from typing import Any

import pytest

from exporter.domain.data_types import DataType
from exporter.domain.marker import Marker, Part
from tests.support.builders import HOUR

MARKER = Marker(
    hour=HOUR,
    data_type=DataType.EVENTS,
    parts=(
        Part("raw/187520_2026-01-31_13#1.json.gz", 1000, 81_234, "1B2M2Y8AsgTpgAmY7PhCfg=="),
        Part("raw/187520_2026-01-31_13#3.json.gz", 20, 1_234, "XUFAKrxLKna5cZ2REBfFkg=="),
    ),
    filter_sha256="e3b0c442",
)


def document(**changes: object) -> bytes:
    """Return the marker's document with some keys changed."""
    return json.dumps(json.loads(MARKER.to_json()) | changes).encode()


def part(**changes: object) -> dict[str, Any]:
    """Return a part of a marker, with some keys changed."""
    return {"name": "a#1.json.gz", "rows": 1020, "bytes": 5, "md5": "x"} | changes


def test_a_marker_says_what_the_hour_holds() -> None:
    """The keys of the contract, in its order, and no wall-clock time among them."""
    assert json.loads(MARKER.to_json()) == {
        "hour": "2026-01-31T13",
        "data_type": "events",
        "rows": 1020,
        "parts": [
            {
                "name": "raw/187520_2026-01-31_13#1.json.gz",
                "rows": 1000,
                "bytes": 81_234,
                "md5": "1B2M2Y8AsgTpgAmY7PhCfg==",
            },
            {
                "name": "raw/187520_2026-01-31_13#3.json.gz",
                "rows": 20,
                "bytes": 1_234,
                "md5": "XUFAKrxLKna5cZ2REBfFkg==",
            },
        ],
        "filter_sha256": "e3b0c442",
    }
    assert list(json.loads(MARKER.to_json())) == ["hour", "data_type", "rows", "parts", "filter_sha256"]


def test_an_hour_without_rows_has_a_marker_without_parts() -> None:
    """So that "empty" and "not there yet" can be told apart."""
    empty = Marker(HOUR, DataType.MERGED_IDS, (), None)

    assert json.loads(empty.to_json()) == {
        "hour": "2026-01-31T13",
        "data_type": "merged_ids",
        "rows": 0,
        "parts": [],
        "filter_sha256": None,
    }
    assert Marker.from_json(empty.to_json()) == empty


def test_a_marker_is_read_as_it_was_written() -> None:
    """Whitespace and the order of keys do not matter, as in any JSON."""
    spread_out = json.dumps(dict(reversed(json.loads(MARKER.to_json()).items())), indent=2).encode()

    assert Marker.from_json(MARKER.to_json()) == MARKER
    assert Marker.from_json(spread_out) == MARKER


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'"2026-01-31T13"',
        b"7",
        b"{}",
        b"\xff\xfe",
        b"\x1f\x8b\x08",
        b"[" * 100_000,
        b'{"hour": "2026-01-31T13"',
        b"1" * 5000,
        document(hour=None),
        document(hour="2026-01-31"),
        document(hour=17),
        document(data_type="event"),
        document(data_type=[]),
        document(rows=1019),
        document(rows=None),
        document(rows="1020"),
        document(parts=None),
        document(parts=7),
        document(parts={}, rows=0),
        document(parts=["a#1.json.gz"]),
        document(parts=[{"name": "a"}]),
        document(parts=[part(rows=None)]),
        document(parts=[part(rows="1020")]),
        document(parts=[part(rows=1020.5)]),
        document(parts=[part(bytes=True)]),
        document(parts=[part(bytes=float("inf"))]),
        document(parts=[part(bytes=float("nan"))]),
        document(parts=[part(name=None)]),
        document(parts=[part(md5=5)]),
        document(filter_sha256=5),
    ],
)
def test_a_file_of_somebody_else_is_no_marker(content: bytes) -> None:
    """A customer's file may have its name; whatever is in it, that is all that is said about it."""
    with pytest.raises(ValueError, match="not a completion marker"):
        Marker.from_json(content)


@pytest.mark.parametrize("key", ["hour", "data_type", "rows", "parts", "filter_sha256"])
def test_a_document_that_lacks_a_key_is_no_marker(key: str) -> None:
    """Every key counts."""
    lacking = json.loads(MARKER.to_json())
    del lacking[key]

    with pytest.raises(ValueError, match="not a completion marker"):
        Marker.from_json(json.dumps(lacking).encode())
