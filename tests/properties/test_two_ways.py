"""Many lines at once, or each by itself: the short way and the long way of decoding must agree."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.domain.columns import END, in_columns
from exporter.domain.destination import ExtraKeys, Output
from exporter.domain.row_schema import EVENT_FIELDS, Rejection
from exporter.domain.timestamps import (
    TimestampFormat,
    all_to_canonical,
    all_to_iso8601,
    to_canonical,
    to_iso8601,
)
from exporter.pipeline.codec import Codec, one_by_one
from exporter.pipeline.events import Event, EventCodec
from exporter.pipeline.lines import Lines
from exporter.pipeline.native.codec import NativeEventCodec
from exporter.pipeline.native.scanner import library
from exporter.pipeline.normalize import Amended
from infra.local.sample import DataType, Fault, Sample, TimeFormat
from tests.properties.rows import rows
from tests.properties.values import json_lines
from tests.support.builders import HOUR, PROJECT, event, event_line, lines_of_chunks, uuid

outputs = st.builds(
    Output, timestamp_format=st.sampled_from(TimestampFormat), extra_keys=st.sampled_from(ExtraKeys)
)
# What makes a line odd in one way only, so that just one of the looks at all lines has to notice.
NO_OBJECTS: list[Any] = [None, [], 5, "x", "{}", [{}]]
LOOSE: dict[str, list[Any]] = {
    "amplitude_attribution_ids": ["a", [], ["a", "é"], ["a", 5], [None], 5, {}],
    "sample_rate": [0.5, 1, "0.5", "", "half"],
    "paying": [True, "TRUE", "", 1, 2],
    "session_id": [-1, "-1", -1.0, "", 1.5],
    "user_creation_time": ["", 5, "today"],
}
CHANGES: list[dict[str, Any]] = [
    *(
        {"uuid": text}
        for text in ("", uuid(3).upper(), uuid(3)[1:], uuid(3) + "0", uuid(3).replace("-", "0"))
    ),
    *({"uuid": text} for text in (f"{uuid(3)[:-2]} 1", f"{uuid(3)[:-1]}\n", f"{uuid(3)[:-1]}٣")),
    *({"event_time": text} for text in ("", "2026-01-31T13:20:00.000000Z", "2026-01-31 13:20:00.000000")),
    *({"event_time": text} for text in ("2026-02-29 13:20:00.000000", "2026-01-31 13:20:00,000000")),
    *({"event_time": text} for text in ("2026-01-31 13:20:00.000+01", "2026-01-31 13:20:00.00000Z")),
    *({"event_time": text} for text in ("2026-01-31 13:20:00.00\n000", "2026-W05-6 13:20:00.000000")),
    *({"event_time": text} for text in ("2026-01-31T13:20:00.000000z", "2026-01-31T13:20:00.00000ZZ")),
    *(
        {"server_upload_time": f"2026-01-31 {clock}"}
        for clock in ("14:00:00.000000", "13:59:59.999999", "13:0")
    ),
    *({"user_creation_time": time} for time in (None, "2015-03-15 06:44:35.859650", "2015-03-15T06:44:35Z")),
    *({"data": value} for value in NO_OBJECTS),
    {"data": {}},
    {"data": {"a": "\n{"}},
    {"data": {"a": {"b": [[[]]]}}},
    *({"groups": value} for value in (None, {"a": "\ud800"}, {"a": "\\ud800"}, {"a": "é"})),
    *({"app": value} for value in (None, PROJECT, PROJECT + 1, True, 1.0)),
    *({"city": value} for value in (None, "Zürich", "\U0001f600", 5, "\x7f")),
    *({"unknown": value} for value in (None, {"a": [1]}, "é")),
    {"event_type": None},
    *({name: value} for name, values in LOOSE.items() for value in values),
    *({"uuid": text} for text in (uuid(3).replace("-", ""), f"{{{uuid(3)}}}")),
    *({"data": text} for text in ("", '{"a":\n1}', '{"a":"\\ud800"}')),
]
odd = st.sampled_from(CHANGES).map(lambda change: json.dumps(event(3) | change, ensure_ascii=False))
broken = st.sampled_from([b"", b"{", b"nonsense", b'{"a":"\xff"}', b"[]", b"null", b"[" * 600 + b"]" * 600])
usual = st.integers(min_value=0, max_value=30).map(
    lambda number: event_line(number, server_upload_time="2026-01-31 13:20:00.000000")
)
full = st.integers(min_value=0, max_value=30).map(
    lambda number: json.dumps(
        {field.name: None for field in EVENT_FIELDS}
        | {
            "data": {},
            "event_properties": {"a": 1},
            "group_properties": {},
            "groups": {},
            "user_properties": {},
        }
        | event(number)
    ).encode()
)
some_lines = st.lists(
    usual | full | odd.map(lambda text: text.encode(errors="surrogatepass")) | broken, max_size=20
) | st.lists(usual | json_lines(rows(EVENT_FIELDS, {"app": PROJECT})), max_size=6)


def compare(codec: EventCodec, lines: list[bytes]) -> None:
    """Fail unless all ways, native code among them, come to the same rows, rejections, keys and bytes."""
    long = one_by_one(lines, codec.decode)
    keys = codec.keys(long.rows)
    one = b"".join(codec.encode_all([row], [line]) for row, line in zip(long.rows, long.lines, strict=True))
    native = library()
    ways: list[Codec[Any]] = [codec]
    if native is not None and not codec.keeps_extra:
        ways.append(NativeEventCodec(codec, native))
    for way in ways:
        short = way.decode_all(Lines(1, list(lines)))

        assert short.rejected == long.rejected
        assert short.amended == long.amended
        assert list(short.lines) == list(long.lines)
        assert way.keys(short.rows) == keys
        assert (way.encode_all(short.rows, short.lines) if short.rows else b"") == one


@settings(max_examples=300)
@given(some_lines, outputs)
def test_both_ways_come_to_the_same(lines: list[bytes], output: Output) -> None:
    """Rows, what is wrong with the others, and every byte that is exported."""
    compare(EventCodec(PROJECT, HOUR, output), lines)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_one_odd_line_changes_nothing_for_those_around_it(change: dict[str, Any]) -> None:
    """It is mended or rejected as if it came alone, wherever it stands."""
    line = json.dumps(event(3) | change, ensure_ascii=False).encode(errors="surrogatepass")
    others = [event_line(number) for number in range(10, 40)]
    for place in (0, 7, 30):
        compare(EventCodec(PROJECT, HOUR, Output()), [*others[:place], line, *others[place:]])


@settings(max_examples=20)
@given(
    st.builds(
        Sample,
        seed=st.integers(min_value=1, max_value=10_000),
        events_per_hour=st.just(60),
        faults=st.just(frozenset(Fault) - {Fault.HUGE_LINE}),
        time_format=st.sampled_from(TimeFormat),
        extra_keys=st.booleans(),
        real_shaped=st.booleans(),
    ),
    outputs,
)
def test_both_ways_come_to_the_same_for_every_kind_of_line_of_the_sample(
    sample: Sample, output: Output
) -> None:
    """With all that may be wrong with an hour."""
    codec = EventCodec(sample.project_id, HOUR, output)
    for file in sample.hour(HOUR.start).files(DataType.EVENTS):
        lines = [line.content for line in lines_of_chunks([file.content()]) if line.rejection is None]
        compare(codec, lines)


class _LongWayCounted(EventCodec):
    def __init__(self) -> None:
        super().__init__(PROJECT, HOUR, Output())
        self.long_way = 0

    def decode(self, line: bytes) -> Event | Amended[Event] | Rejection:
        """Count the line, and go the long way."""
        self.long_way += 1
        return super().decode(line)


def test_odd_lines_send_no_usual_one_the_long_way() -> None:
    """Rows in the shape of real ones are usual, with arrays and empty times, too; one in eight is odd."""
    hour = Sample(events_per_hour=500, real_shaped=True).hour(HOUR.start)
    codec = _LongWayCounted()
    for file in hour.files(DataType.EVENTS):
        codec.decode_all(Lines(1, [line.content for line in lines_of_chunks([file.content()])]))
    assert 0 < codec.long_way <= 500 // 8 + 1

    codec = _LongWayCounted()
    times = [event_line(number, user_creation_time="", processed_time=None) for number in range(40)]
    assert len(codec.decode_all(Lines(1, times)).rows) == 40
    assert codec.long_way == 0


class _ShortWayOnly(EventCodec):
    def decode(self, line: bytes) -> Event | Rejection:
        """Fail: this line was sent the long way."""
        pytest.fail(f"looked at by itself: {line!r}")


@pytest.mark.parametrize("time_format", [TimeFormat.AMPLITUDE, TimeFormat.ISO8601])
@pytest.mark.parametrize("extra_keys", [False, True])
def test_usual_hours_go_the_short_way(time_format: TimeFormat, extra_keys: bool) -> None:  # noqa: FBT001
    """Or else all of this would be for nothing."""
    sample = Sample(
        events_per_hour=500,
        faults=frozenset({Fault.MISSING_OPTIONAL}),
        time_format=time_format,
        extra_keys=extra_keys,
    )
    codec = _ShortWayOnly(sample.project_id, HOUR, Output())
    for file in sample.hour(HOUR.start).files(DataType.EVENTS):
        lines = [line.content for line in lines_of_chunks([file.content()])]
        assert len(codec.decode_all(Lines(1, lines)).rows) == len(lines)


def _amplitude(text: str) -> str:
    return text


def _iso8601(text: str) -> str:
    return text.replace(" ", "T") + "Z"


ODD_FORMS: list[Callable[[str], str]] = [
    lambda text: text[:-1],
    lambda text: text[:-3] + "+01",
    lambda text: text.replace("-", "+"),
    lambda text: text[:7] + "\n" + text[8:],
    lambda text: text + "\n" + text,
    lambda text: text[:17] + "99" + text[19:],
]
times = st.datetimes().map(lambda time: time.isoformat(" ", "microseconds"))


@given(st.lists(times, min_size=1, max_size=9), st.sampled_from([_amplitude, _iso8601]))
def test_times_of_one_form_are_settled_together_as_each_is_by_itself(
    canonical: list[str], written: Callable[[str], str]
) -> None:
    """In either of the two forms that we write."""
    assert all_to_canonical(list(map(written, canonical))) == canonical
    assert list(map(to_canonical, map(written, canonical))) == canonical
    assert all_to_iso8601(canonical) == list(map(to_iso8601, canonical))


@given(
    st.lists(st.tuples(times, st.sampled_from([_amplitude, _iso8601])), max_size=9),
    st.tuples(times, st.sampled_from(ODD_FORMS)),
    st.integers(min_value=0, max_value=9),
)
def test_times_among_which_one_is_odd_are_not_settled_together(
    usual_ones: list[tuple[str, Callable[[str], str]]], odd_one: tuple[str, Callable[[str], str]], place: int
) -> None:
    """It may still be a time, but that is for the long way to say."""
    texts = [written(text) for text, written in [*usual_ones[:place], odd_one, *usual_ones[place:]]]

    assert all_to_canonical(texts) is None


@given(st.lists(st.text("ab-\n", max_size=4), min_size=1, max_size=5))
def test_texts_are_in_columns_if_each_has_its_signs_where_they_belong(texts: list[str]) -> None:
    """They may stand elsewhere, too; an end may not."""
    each_has = all(len(text) == 3 and text[1] == "-" for text in texts)

    assert in_columns(END.join(texts), len(texts), 3, {1: "-"}) == (each_has and END not in "".join(texts))
