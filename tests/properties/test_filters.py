"""Filters, compiled, against filters as one would write them down."""

import json
from decimal import Context, Decimal
from itertools import compress
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from exporter.domain.destination import Output
from exporter.domain.timestamps import TimestampFormat
from exporter.pipeline.events import EventCodec
from exporter.pipeline.filters.compile import compile_filter, fields_read
from exporter.pipeline.lines import Lines
from exporter.pipeline.native.filtered import FilteredEventCodec
from exporter.pipeline.native.scanner import library
from tests.properties.filter_documents import events, filters
from tests.properties.naive_filter import keeps
from tests.support.builders import HOUR, PROJECT, event, event_line
from tests.support.filters import decoded, read
from tests.support.filters import keeps as passes


@settings(max_examples=300)
@given(filters, st.lists(events, min_size=1, max_size=4))
def test_a_compiled_filter_keeps_what_a_naive_one_keeps(
    document: dict[str, Any], rows: list[dict[str, object]]
) -> None:
    """Whatever the filter, and whatever the events: one after the other through the same filter."""
    keep = compile_filter(read(document))

    for row in rows:
        line = json.dumps(event(1, **row)).encode()
        assume(b"NaN" not in line)
        assert keep([decoded(line)], [line]) == [keeps(document, line)]


@settings(max_examples=100)
@given(filters, st.lists(events, min_size=1, max_size=4), st.sampled_from(TimestampFormat))
def test_a_filter_keeps_the_same_lines_with_native_code_and_without(
    document: dict[str, Any], rows: list[dict[str, object]], timestamp_format: TimestampFormat
) -> None:
    """And they are written alike, with the same keys."""
    asked, native = read(document), library()
    python = EventCodec(PROJECT, HOUR, Output(timestamp_format=timestamp_format))
    assume(native is not None)
    assert native
    lines = [
        json.dumps(event(number, **row), separators=(",", ":")).encode() for number, row in enumerate(rows)
    ]
    results = []
    for codec in (python, FilteredEventCodec(python, native, fields_read(asked))):
        found = codec.decode_all(Lines(1, lines))
        kept = compile_filter(asked)(found.rows, found.lines)
        chosen, contents = list(compress(found.rows, kept)), list(compress(found.lines, kept))
        encoded = codec.encode_all(chosen, contents) if chosen else b""
        results.append((kept, codec.keys(chosen), encoded, found.rejected, found.amended, list(found.lines)))

    assert results[0] == results[1]


@given(filters, events)
def test_asking_changes_nothing(document: dict[str, Any], row: dict[str, object]) -> None:
    """The event that is exported is the one that came; and the answer stays the same."""
    keep = compile_filter(read(document))
    line = json.dumps(event(1, **row)).encode()
    asked_of = decoded(line)

    assert keep([asked_of], [line]) == keep([asked_of], [line])
    assert asked_of == decoded(line)


@given(filters)
def test_a_filter_means_the_same_after_it_was_stored(document: dict[str, Any]) -> None:
    """Its one form reads as itself."""
    found = read(document)

    assert read(found.document) == found


# Numbers that a filter may ask for, and how much another number may differ from them.
ASKED = [
    *["0", "1", "-1", "0.1", "0.3", "-2.5", "1e-7", "123456789.123456", "52.520008", "1e18"],
    *[str(2**53), str(2**53 + 1), str(-(2**53) - 1), str(2**63 - 1), str(2**64 - 1), str(-(2**63))],
]
EXACT = Context(prec=400)
VERDICTS = {"is": eq, "is_not": ne, "less": lt, "less_or_equal": le, "greater": gt, "greater_or_equal": ge}


@st.composite
def near_misses(draw: st.DrawFn, asked: str) -> str:
    """Return a number, as JSON has it, that is the one asked for, or next to it, or anywhere."""
    if draw(st.booleans()):
        whole, fraction = draw(st.integers(0, 2**70)), draw(st.sampled_from(["", ".0", ".5", ".10", ".3"]))
        exponent = draw(st.sampled_from(["", "e0", "E+2", "e-3", "e400", "e-400", "e99999999999999999999"]))
        return f"{draw(st.sampled_from(['', '-']))}{whole}{fraction}{exponent}"
    by = draw(st.integers(-2, 2)), draw(st.integers(-30, 3))
    number = EXACT.add(Decimal(asked), Decimal(by[0]).scaleb(by[1]))
    form = draw(st.sampled_from(["f", "E"]))
    return f"{number:{form}}"


places = st.sampled_from(
    [
        ("event_properties.x", '"event_properties": {"x": %s}'),
        ("event_properties.a.x", '"event_properties": {"a": {"x": %s}}'),
        ("event_properties.x", '"event_properties": {"x": [[%s], null]}'),
        ("user_properties.a.x", '"user_properties": {"a": [{"x": %s}]}'),
        ("location_lat", '"location_lat": %s'),
        ("location_lng", '"location\\u005flng": 1, "location_lng" : %s'),
        ("session_id", '"session_id": %s'),
    ]
)


def meant(text: str) -> Decimal:
    """Return what a number's digits say; an exponent of 20 digits is as good as one of 17."""
    return Decimal(text.replace("e99999999999999999999", "e99999999999999999"))


@settings(max_examples=500)
@given(st.data(), st.sampled_from(ASKED), st.sampled_from(sorted(VERDICTS)), places)
def test_numbers_compare_by_the_value_that_their_json_has(
    data: st.DataObject, asked: str, operator: str, place: tuple[str, str]
) -> None:
    """Exactly, with every operator, wherever they stand: neither side is rounded first."""
    name, holder = place
    text = data.draw(near_misses(asked))
    if name == "session_id":
        assume(set(text) <= set("-0123456789"))
    elif "location" in name:
        assume(meant(text).copy_abs() < Decimal("1e300"))
    line = event_line(1)[:-1] + f", {holder % text}}}".encode()
    # Values of other kinds beside it, where a list may be given: they equal no such number.
    others = ["12", True] if operator in {"is", "is_not"} and name.endswith("x") else []
    document = {"property": name, "operator": operator, "values": [json.loads(asked), *others]}

    assert passes(document, line) is bool(VERDICTS[operator](meant(text), Decimal(asked)))
