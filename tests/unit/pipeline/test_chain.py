import base64
import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from exporter.domain.destination import Output
from exporter.domain.hour_content import RowCounts
from exporter.domain.row_schema import Reason, RejectedRow, Rejection
from exporter.domain.streams import LandingBlob
from exporter.pipeline.chain import RowChain, accept_all, rejected_line
from exporter.pipeline.events import Event, EventCodec
from exporter.pipeline.gunzip import FEED_BYTES
from exporter.pipeline.key_set import KeySet
from exporter.pipeline.lines import LINE_BYTES_MAX
from exporter.pipeline.merged_ids import MergedId, MergedIdCodec
from tests.support.builders import (
    HOUR,
    PROJECT,
    Landing,
    event,
    event_line,
    exported_lines,
    gzipped,
    line,
    lines_of,
    merge_line,
    uuid,
)
from tests.support.filters import row_by_row
from tests.support.two_ways import codec_of_events

pytestmark = pytest.mark.usefixtures("each_way")

MIB = 1024 * 1024
WRONG = event_line(1, event_type=None)


def unexpected(row: RejectedRow) -> None:
    """Take a rejected row where there should be none."""
    pytest.fail(f"rejected: {row}")


class Export:
    """What becomes of an hour: what is exported, what is rejected, and the counts."""

    def __init__(
        self,
        landing: dict[str, bytes],
        keep: Callable[[Event], bool] | None = None,
        seen: KeySet | None = None,
    ) -> None:
        self.rejected: list[RejectedRow] = []
        codec = codec_of_events(read=None if keep else ())
        predicate = row_by_row(keep) if keep else accept_all
        chain = RowChain(codec, self.rejected.append, predicate, seen or KeySet())
        source = Landing(landing)
        self.rows: list[dict[str, Any]] = [json.loads(row) for row in exported_lines(chain, source)]
        self.counts = chain.tally.counts()

    @property
    def types(self) -> list[str]:
        """The types of the events that are exported."""
        return [row["event_type"] for row in self.rows]

    @property
    def places(self) -> list[tuple[str, int]]:
        """Blob and line of what is rejected."""
        return [(row.blob, row.line) for row in self.rejected]


def test_rows_are_exported_in_landing_order() -> None:
    """Blob by blob, line by line."""
    export = Export({"b": lines_of(event_line(3), event_line(1)), "a": gzipped(event_line(2))})

    assert [row["uuid"] for row in export.rows] == [uuid(2), uuid(3), uuid(1)]
    assert export.counts == RowCounts(exported=3)


def test_every_row_is_counted_in_exactly_one_way() -> None:
    """Blank lines are no rows."""
    export = Export(
        {
            "a": lines_of(event_line(1), b"", event_line(1), WRONG, event_line(2, event_type="skip"), b"  "),
            "b": lines_of(b"no json", event_line(3), event_line(2)),
        },
        keep=lambda row: row.event_type != "skip",
    )

    assert export.counts == RowCounts(
        exported=3,
        filtered=1,
        duplicate=1,
        rejected=2,
        rejected_by_reason=((Reason.FIELD_MISSING, 1), (Reason.NOT_JSON, 1)),
    )
    assert export.counts.read == 7
    assert export.places == [("a", 4), ("b", 1)]


def test_of_rows_with_one_uuid_the_first_in_landing_order_is_exported() -> None:
    """By blob name, then by line; a different spelling of the UUID is no different one."""
    same = "abcdefab-cdef-4bcd-8bcd-abcdefabcdef"
    export = Export(
        {
            "b": lines_of(event_line(uuid=same, event_type="third")),
            "a": lines_of(
                event_line(uuid=same.upper(), event_type="first"), event_line(uuid=same, event_type="second")
            ),
        }
    )

    assert export.types == ["first"]
    assert export.counts == RowCounts(exported=1, duplicate=2)


def test_a_rejected_row_does_not_stand_in_the_way_of_a_good_one() -> None:
    """Even if it had the same UUID."""
    rows = [
        event_line(1, event_type=[]),
        event_line(1, app=3),
        event_line(1, server_upload_time="2026-01-31 14:00:00"),
        event_line(1, event_type="good"),
    ]
    export = Export({"a": lines_of(*rows)})

    assert export.types == ["good"]
    reasons = (Reason.FOREIGN_APP, Reason.OUTSIDE_HOUR, Reason.WRONG_TYPE)
    assert export.counts == RowCounts(
        exported=1, rejected=3, rejected_by_reason=tuple((reason, 1) for reason in reasons)
    )
    assert [row.rejection.reason for row in export.rejected] == [
        Reason.WRONG_TYPE,
        Reason.FOREIGN_APP,
        Reason.OUTSIDE_HOUR,
    ]


def test_a_filtered_row_does_not_stand_in_the_way_of_one_that_is_kept() -> None:
    """A row that is not exported is not the first of its key."""
    rows = [
        event_line(1, event_type="skip"),
        event_line(1, event_type="good"),
        event_line(1, event_type="skip"),
    ]
    export = Export({"a": lines_of(*rows)}, keep=lambda row: row.event_type == "good")

    assert export.types == ["good"]
    assert export.counts == RowCounts(exported=1, filtered=2)


def test_what_was_exported_before_is_a_duplicate() -> None:
    """Rows of earlier parts, or of an hour to which blobs came late."""
    seen = KeySet()
    first = Export({"a": lines_of(event_line(1), event_line(2))}, seen=seen)
    second = Export({"b": lines_of(event_line(2), event_line(3))}, seen=seen)

    assert first.counts == RowCounts(exported=2)
    assert second.counts == RowCounts(exported=1, duplicate=1)
    assert [row["uuid"] for row in second.rows] == [uuid(3)]


def test_the_filter_sees_rows_in_their_one_form() -> None:
    """UUIDs in lower case, times in UTC, the project filled in; before they are written."""
    seen: list[tuple[str, str, int | None]] = []

    def keep(row: Event) -> bool:
        seen.append((row.uuid, row.server_upload_time, row.app))
        return False

    Export({"a": event_line(10, uuid=uuid(10).upper(), server_upload_time="2026-01-31T14:30:00+01:00")}, keep)

    assert seen == [(uuid(10), "2026-01-31 13:30:00.000000", PROJECT)]


def test_a_rejected_row_keeps_its_bytes_and_its_place() -> None:
    """The line as it came, although it was mended to be read."""
    odd = b' \t{"city":"\\ud83d", "uuid" : 5}\r'
    export = Export({"a": lines_of(b"", odd)})
    (row,) = export.rejected

    assert (row.blob, row.line, row.content, row.piece) == ("a", 2, odd, 1)
    assert row.rejection.reason is Reason.FIELD_MISSING


AMENDED = event_line(1, paying="yes", city=[])


def test_an_amended_row_is_exported_and_kept_as_it_came() -> None:
    """Counted as exported and as amended, with the keys that were left out, wherever it stands."""
    rows = [event_line(number) for number in range(2, 40)]
    export = Export({"a": lines_of(b"", *rows[:20], AMENDED, b"no json", *rows[20:])})
    amended, rejected = export.rejected if export.rejected[0].exported else export.rejected[::-1]

    assert export.counts == RowCounts(
        exported=39, rejected=1, amended=1, rejected_by_reason=((Reason.NOT_JSON, 1),)
    )
    assert (amended.line, amended.content, amended.exported) == (22, AMENDED, True)
    assert (rejected.line, rejected.content, rejected.exported) == (23, b"no json", False)
    assert json.loads(rejected_line(amended)) == {
        "blob": "a",
        "line": 22,
        "reason": "wrong_type",
        "detail": "city is not a string. paying is not true or false.",
        "keys": ["city", "paying"],
        "exported": True,
        "row": AMENDED.decode(),
    }
    (row,) = (row for row in export.rows if row["uuid"] == uuid(1))
    assert (row["paying"], row["city"]) == (None, None)


@pytest.mark.parametrize("before", [[event_line(2)], [event_line(2), event_line(3), b"x"], []])
def test_an_amended_row_that_is_not_exported_is_not_amended(before: list[bytes]) -> None:
    """Because it is a duplicate, because the filter leaves it out, or because another worker exports it."""
    rows = lines_of(*before, event_line(1), AMENDED)
    assert Export({"a": rows}).counts.amended == 0
    assert Export({"a": rows}, keep=lambda row: row.uuid != uuid(1)).counts.amended == 0
    assert [row.exported for row in Export({"a": rows}).rejected if row.exported] == []

    seen: list[RejectedRow] = []
    codec = EventCodec(PROJECT, HOUR, Output())
    chain = RowChain(codec, seen.append, drops=KeySet([bytes.fromhex(uuid(1).replace("-", ""))]))
    exported_lines(chain, Landing({"a": lines_of(AMENDED, event_line(2, city=[]))}))
    assert chain.tally.counts() == RowCounts(exported=1, duplicate=1, amended=1)
    assert [row.line for row in seen] == [2]


def test_of_an_amended_row_the_filter_sees_what_is_exported() -> None:
    """A value that is left out is not set, whatever stood there."""
    export = Export({"a": lines_of(AMENDED)}, keep=lambda row: row.city is None)

    assert export.counts == RowCounts(exported=1, amended=1)


def test_a_blob_that_is_no_ndjson_is_one_rejected_row_and_stops_no_other() -> None:
    """With the size of the blob where that holds more than is kept."""
    array = b"[" + b",\n".join(event_line(number) for number in range(20_000)) + b"]"
    export = Export({"a": b"PK\x03\x04zip", "b": gzipped(array), "c": event_line(4)})

    assert export.counts == RowCounts(exported=1, rejected=2, rejected_by_reason=((Reason.NOT_NDJSON, 2),))
    assert export.places == [("a", 1), ("b", 1)]
    small, large = (json.loads(rejected_line(row)) for row in export.rejected)
    assert "blob_bytes" not in small
    assert large["blob_bytes"] == len(gzipped(array))


def test_a_line_in_pieces_is_one_row() -> None:
    """However many pieces are kept of it."""
    too_long = b"x" * (LINE_BYTES_MAX + MIB)
    export = Export({"a": lines_of(event_line(1), too_long, event_line(2))})

    assert export.counts == RowCounts(exported=2, rejected=1, rejected_by_reason=((Reason.TOO_LONG, 1),))
    assert len(export.rejected) > 1
    assert set(export.places) == {("a", 2)}
    assert b"".join(row.content for row in export.rejected) == too_long


def test_a_damaged_blob_costs_its_rest_and_no_other_blob() -> None:
    """What came before it is exported, and so are the blobs behind it."""
    damaged = gzip.compress(lines_of(event_line(1), event_line(2)) + event_line(3)[:20])[:-8]
    export = Export({"a": damaged, "b": event_line(4)})

    assert [row["uuid"] for row in export.rows] == [uuid(1), uuid(2), uuid(4)]
    assert export.counts == RowCounts(exported=3, rejected=1, rejected_by_reason=((Reason.UNREADABLE, 1),))
    assert export.rejected[0].content == event_line(3)[:20]
    assert export.rejected[0].rejection.reason is Reason.UNREADABLE


@pytest.mark.parametrize("landing", [{}, {"a": b""}, {"a": gzipped(b""), "b": b"\n\n", "c": b"\xef\xbb\xbf"}])
def test_an_hour_without_rows_exports_nothing(landing: dict[str, bytes]) -> None:
    """No blobs, empty blobs, blank lines."""
    assert Export(landing).counts == RowCounts()


def test_merged_ids_are_all_exported() -> None:
    """The same one twice, too."""
    chain = RowChain[MergedId](MergedIdCodec(HOUR), unexpected)
    landing = Landing({"a": lines_of(merge_line(), merge_line(scope=8), merge_line())})

    assert len(exported_lines(chain, landing)) == 3
    assert chain.tally.counts() == RowCounts(exported=3)


def test_nothing_is_read_ahead() -> None:
    """A row is there before the next chunk, or the next blob, is asked for."""
    asked: list[str] = []

    def read(blob: LandingBlob) -> Iterator[bytes]:
        for number in (1, 2):
            asked.append(f"{blob.name}{number}")
            yield lines_of(event_line(len(asked))).ljust(FEED_BYTES, b"\n")

    chain = RowChain(codec_of_events(), unexpected)
    rows = chain.exported([LandingBlob("a", "", 0), LandingBlob("b", "", 0)], read)
    found = []
    for _ in range(4):
        next(rows)
        found.append(asked.copy())

    assert found == [["a1"], ["a1", "a2"], ["a1", "a2", "b1"], ["a1", "a2", "b1", "b2"]]


def test_the_memory_that_rows_take_does_not_grow_with_their_number() -> None:
    """Thirty megabytes of rows in less than three, however well they compress."""
    rows = [event_line(number, data={"text": "x" * 3000}) for number in range(100)]
    content = gzipped(lines_of(*rows) * 100)
    chain = RowChain(codec_of_events(), unexpected)
    landing = Landing({"a": content})
    tracemalloc.start()
    try:
        size = sum(len(some.content) for some in chain.exported(landing.blobs, landing.read))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size > 100 * 3000
    assert chain.tally.counts() == RowCounts(exported=100, duplicate=9900)
    assert peak < 3 * MIB


def recovered(kept: bytes) -> bytes:
    """Return the bytes of a row from the line in which it was kept."""
    record = json.loads(kept)
    if "row" in record:
        return str(record["row"]).encode()
    return base64.b64decode(record["row_base64"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no json",
        b'{"a": "\\ud83d"}\r',
        "東京\u2028\0\x7f\U0001f600".encode(),
        b"M\xfcnchen",
        b"\xed\xa0\x80",
        bytes(range(256)),
        line(event()),
    ],
    ids=ascii,
)
def test_a_rejected_row_is_kept_byte_for_byte(content: bytes) -> None:
    """As text where it is text, else as base64; on one line of JSON."""
    kept = rejected_line(RejectedRow("a", 7, Rejection(Reason.NOT_JSON, "Why."), content))

    assert recovered(kept) == content
    assert kept.count(b"\n") == 1
    assert kept.endswith(b"\n")


def test_a_rejected_row_says_where_it_was_and_why() -> None:
    """Its blob and line, a stable reason, and a sentence."""
    row = RejectedRow("events/1/a.json", 7, Rejection(Reason.NOT_JSON, "Why."), b"{")

    assert json.loads(rejected_line(row)) == {
        "blob": "events/1/a.json",
        "line": 7,
        "reason": "not_json",
        "detail": "Why.",
        "row": "{",
    }


def test_a_further_piece_of_a_row_says_which_it_is() -> None:
    """So that they can be put together again."""
    row = RejectedRow("a", 7, Rejection(Reason.TOO_LONG, "Why."), b"x", piece=2)

    assert json.loads(rejected_line(row))["piece"] == 2
