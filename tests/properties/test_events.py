import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.destination import ExtraKeys, Output
from exporter.domain.records import EVENT_FIELDS, Reason, Rejection
from exporter.domain.times import TimestampFormat, to_canonical
from exporter.pipeline.events import EventCodec
from tests.builders import HOUR, PROJECT, event, event_line
from tests.properties.rows import Record, as_exported, missing, parsed, rows, wrong
from tests.properties.values import json_lines, surrogates_replaced

NAMES = [field.name for field in EVENT_FIELDS]
event_rows = rows(EVENT_FIELDS, {"app": PROJECT})
halves = st.sampled_from(["\ud83d", "\udead", "a\ud83d", "\U0001f600\udc00"])


def reason(row: Record) -> Reason | None:
    """Return why a row must be rejected, if it must."""
    if missing(row, EVENT_FIELDS):
        return Reason.FIELD_MISSING
    if wrong(row, EVENT_FIELDS):
        return Reason.WRONG_TYPE
    if row.get("app") not in {None, PROJECT}:
        return Reason.FOREIGN_APP
    if not to_canonical(row["server_upload_time"]).startswith("2026-01-31 13:"):
        return Reason.OUTSIDE_HOUR
    return None


@given(st.data(), st.sampled_from(ExtraKeys))
def test_a_row_is_exported_if_and_only_if_nothing_is_wrong_with_it(
    data: st.DataObject, extra: ExtraKeys
) -> None:
    """With exactly its keys, and every value what it was to the standard library."""
    row = data.draw(event_rows)
    row |= {f"half {number}": half for number, half in enumerate(data.draw(st.lists(halves, max_size=1)))}
    line = json.dumps(row, ensure_ascii=True).encode()
    row = surrogates_replaced(parsed(line))
    codec = EventCodec(PROJECT, HOUR, Output(timestamp_format=TimestampFormat.AMPLITUDE, extra_keys=extra))
    decoded = codec.decode(line)

    if isinstance(decoded, Rejection):
        assert decoded.reason is reason(row)
        return
    assert reason(row) is None
    exported = codec.encode_all([decoded], [line])
    found = parsed(exported)
    unknown = {name: value for name, value in row.items() if name not in NAMES}
    assert exported.endswith(b"\n")
    assert exported.count(b"\n") == 1
    assert b"\r" not in exported
    assert list(found)[:49] == NAMES
    assert found == as_exported(row, PROJECT) | (unknown if extra is ExtraKeys.KEEP else {})


@given(json_lines(event_rows))
def test_a_rejection_names_every_field_that_is_missing_or_wrong_and_no_other(line: bytes) -> None:
    """In its words and nothing else: the names of the fields are what a person looks for."""
    row = parsed(line)
    found = EventCodec(PROJECT, HOUR, Output()).decode(line)
    lacking, mistaken = missing(row, EVENT_FIELDS), wrong(row, EVENT_FIELDS)

    assert isinstance(found, Rejection) or not (lacking or mistaken)
    if lacking or mistaken:
        assert isinstance(found, Rejection)
        sentences = [f"Missing: {', '.join(lacking)}."] if lacking else []
        kinds = {field.name: field.kind for field in EVENT_FIELDS}
        assert found.detail == " ".join([*sentences, *(f"{name} is not {kinds[name]}." for name in mistaken)])


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
    exported = parsed(codec.encode_all([found], [bytes(changed)]))
    assert set(exported) == set(NAMES) | set(surrogates_replaced(row))


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_a_row_or_a_rejection(line: bytes) -> None:
    """Never an error."""
    found = EventCodec(PROJECT, HOUR, Output()).decode(line)

    assert isinstance(found, Rejection)
    assert found.detail.endswith(".")
