"""Native rows and rows of Python in one group."""

import pytest

from exporter.domain.destination import Output
from exporter.pipeline.codec import one_by_one
from exporter.pipeline.events import EventCodec
from exporter.pipeline.lines import Lines
from exporter.pipeline.native import scanner
from exporter.pipeline.native.codec import NativeEventCodec
from tests.support.builders import HOUR, PROJECT, event_line
from tests.support.two_ways import NOT_BUILT

PLAIN, MENDED, AMENDED, WRONG = (
    event_line(1),
    event_line(2, session_id="5"),
    event_line(3, city=[]),
    event_line(4, event_type=None),
)


@pytest.mark.skipif(scanner.library() is None, reason=NOT_BUILT)
@pytest.mark.parametrize(
    "lines",
    [
        [PLAIN],
        [PLAIN, MENDED, AMENDED, WRONG, PLAIN],
        [WRONG],
        [WRONG, PLAIN],
        [MENDED, AMENDED],
        [PLAIN, WRONG],
    ],
)
def test_rows_keys_and_lines_are_those_of_the_python_way(lines: list[bytes]) -> None:
    """In their order, with the same rejections."""
    python, native = EventCodec(PROJECT, HOUR, Output()), scanner.library()
    assert native
    codec = NativeEventCodec(python, native)
    found, expected = codec.decode_all(Lines(1, lines)), one_by_one(lines, python.decode)

    assert (list(found.lines), found.rejected, found.amended) == (
        list(expected.lines),
        expected.rejected,
        expected.amended,
    )
    assert codec.keys(found.rows) == python.keys(expected.rows)
    if found.rows:
        assert codec.encode_all(found.rows, found.lines) == python.encode_all(expected.rows, expected.lines)
