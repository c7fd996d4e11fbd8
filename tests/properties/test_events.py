import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.destination import ExtraKeys, Output
from exporter.domain.row_schema import EVENT_FIELDS, Reason, Rejection
from exporter.domain.timestamps import TimestampFormat
from exporter.pipeline.events import Event, EventCodec
from exporter.pipeline.normalize import Amended
from tests.properties.rows import as_exported, expected, parsed, rows
from tests.properties.values import json_lines, surrogates_replaced
from tests.support.builders import HOUR, PROJECT, event, event_line, row_of

NAMES = [field.name for field in EVENT_FIELDS]
event_rows = rows(EVENT_FIELDS, {"app": PROJECT})
halves = st.sampled_from(["\ud83d", "\udead", "a\ud83d", "\U0001f600\udc00"])


def reason(line: bytes) -> Reason | None:
    """Return why a line must be rejected, if it must."""
    found = expected(line, EVENT_FIELDS)
    if found.missing:
        return Reason.FIELD_MISSING
    if found.rejected(EVENT_FIELDS):
        return Reason.WRONG_TYPE
    if found.values["app"] not in {None, PROJECT}:
        return Reason.FOREIGN_APP
    if not found.values["server_upload_time"].startswith("2026-01-31 13:"):
        return Reason.OUTSIDE_HOUR
    return None


@given(st.data(), st.sampled_from(ExtraKeys))
def test_a_row_is_exported_unless_something_is_wrong_that_costs_it(
    data: st.DataObject, extra: ExtraKeys
) -> None:
    """With exactly its keys, and every value what the rules make of it by the standard library."""
    row = data.draw(event_rows)
    row |= {f"half {number}": half for number, half in enumerate(data.draw(st.lists(halves, max_size=1)))}
    line = json.dumps(row, ensure_ascii=True).encode()
    row = surrogates_replaced(parsed(line))
    codec = EventCodec(PROJECT, HOUR, Output(timestamp_format=TimestampFormat.AMPLITUDE, extra_keys=extra))
    decoded = codec.decode(line)

    if isinstance(decoded, Rejection):
        assert decoded.reason is reason(line)
        return
    assert reason(line) is None
    exported = codec.encode_all([row_of(decoded)], [line])
    found = parsed(exported)
    unknown = {name: value for name, value in row.items() if name not in NAMES}
    assert exported.endswith(b"\n")
    assert exported.count(b"\n") == 1
    assert b"\r" not in exported
    assert list(found)[:49] == NAMES
    assert found == as_exported(row, PROJECT) | (unknown if extra is ExtraKeys.KEEP else {})


@given(json_lines(event_rows))
def test_every_key_that_is_missing_or_mistyped_is_named_and_no_other(line: bytes) -> None:
    """In its words and nothing else: the names of the keys are what a person looks for."""
    found = EventCodec(PROJECT, HOUR, Output()).decode(line)
    wrong = expected(line, EVENT_FIELDS)
    kinds = {field.name: field.kind for field in EVENT_FIELDS}
    sentences = [f"Missing: {', '.join(wrong.missing)}."] if wrong.missing else []
    sentences += [f"{name} is not {kinds[name]}." for name in wrong.mistyped]

    if wrong.rejected(EVENT_FIELDS):
        assert isinstance(found, Rejection)
        assert (found.detail, found.keys) == (" ".join(sentences), (*wrong.missing, *wrong.mistyped))
    elif isinstance(found, Amended):
        assert found.why == Rejection(Reason.WRONG_TYPE, " ".join(sentences), tuple(wrong.mistyped))
    else:
        assert not wrong.mistyped or isinstance(found, Rejection)


@given(json_lines(event_rows), st.sampled_from(TimestampFormat), st.sampled_from(ExtraKeys))
def test_to_export_an_exported_row_changes_nothing(
    line: bytes, timestamp_format: TimestampFormat, extra: ExtraKeys
) -> None:
    """Byte for byte, and nothing of it is amended: what was written once has the right types."""
    codec = EventCodec(PROJECT, HOUR, Output(timestamp_format=timestamp_format, extra_keys=extra))
    decoded = codec.decode(line)
    if isinstance(decoded, Rejection):
        return
    exported = codec.encode_all([row_of(decoded)], [line])
    again = codec.decode(exported[:-1])

    assert isinstance(again, Event)
    assert codec.encode_all([again], [exported[:-1]]) == exported


BYTES = st.sampled_from([*b'"{}[],:\\ntu0-+.eE \r\t\0\x1f\x7f\xc3\xa9\xff'])
FULL = event_line(
    1,
    data={"a": [1, -2.5e3, True, None, {"b": "\\ é \U0001f600"}]},
    location_lat=1.5,
    unknown={"c": [0]},
    session_id=-1,
)


@given(
    st.sampled_from([FULL, json.dumps(event(2, city="\U0001f600", groups={"a": ["\n"]})).encode()]), st.data()
)
def test_a_line_with_some_other_bytes_is_json_to_us_if_it_is_to_the_standard_library(
    line: bytes, data: st.DataObject
) -> None:
    """Deep within, too, where we pass bytes through; and what is exported is always JSON."""
    changed = bytearray(line)
    for _ in range(data.draw(st.integers(min_value=1, max_value=3))):
        place = data.draw(st.integers(min_value=0, max_value=len(changed) - 1))
        width = data.draw(st.sampled_from([0, 0, 1, 1, 2]))
        changed[place : place + width] = bytes([data.draw(BYTES)])
    found = EventCodec(PROJECT, HOUR, Output(extra_keys=ExtraKeys.KEEP)).decode(bytes(changed))
    try:
        row: Any = parsed(bytes(changed))
    except ValueError:
        assert isinstance(found, Rejection)
        assert found.reason in {Reason.NOT_JSON, Reason.NOT_UTF8}
        return
    if isinstance(found, Rejection):
        assert found.reason not in {Reason.NOT_JSON, Reason.NOT_UTF8}
        return
    codec = EventCodec(PROJECT, HOUR, Output(extra_keys=ExtraKeys.KEEP))
    exported = parsed(codec.encode_all([row_of(found)], [bytes(changed)]))
    assert set(exported) == set(NAMES) | set(surrogates_replaced(row))


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_a_row_or_a_rejection(line: bytes) -> None:
    """Never an error."""
    found = EventCodec(PROJECT, HOUR, Output()).decode(line)

    assert isinstance(found, Rejection)
    assert found.detail.endswith(".")
