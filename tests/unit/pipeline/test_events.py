import json
from typing import Any, get_type_hints

import duckdb
import msgspec
import pytest

from exporter.domain.destination import ExtraKeys, Output
from exporter.domain.row_schema import EVENT_FIELDS, Field, Kind, Reason, Rejection
from exporter.domain.timestamps import TimestampFormat
from exporter.pipeline.events import Event, EventCodec
from exporter.pipeline.lines import Lines
from exporter.pipeline.normalize import RULES, Amended
from tests.support.builders import HOUR, PROJECT, Record, event, event_line, line, row_of, uuid

AMPLITUDE = Output(timestamp_format=TimestampFormat.AMPLITUDE)
KEEP = Output(extra_keys=ExtraKeys.KEEP)
NAMES = [field.name for field in EVENT_FIELDS]
OPTIONAL = [field for field in EVENT_FIELDS if not field.required]
each_optional = pytest.mark.parametrize("field", OPTIONAL, ids=[field.name for field in OPTIONAL])

# Of each kind, a value that is of that kind; and whatever else JSON has.
GOOD: dict[Kind, Any] = {
    Kind.STRING: "text",
    Kind.INTEGER: PROJECT,
    Kind.FLOAT: 52.5,
    Kind.BOOLEAN: True,
    Kind.TIME: "2026-01-31 13:20:00.000000",
    Kind.UUID: uuid(7),
    Kind.DICT: {"a": {"b": [1, None]}},
    Kind.TEXTS: ["a", "b"],
}
FITTING: dict[Kind, list[Any]] = {
    Kind.STRING: ["text", ""],
    Kind.TEXTS: ["text", "", [], ["a"], ["a", "", "é"]],
    Kind.INTEGER: [5, -1, 0],
    Kind.FLOAT: [5, -1, 1.5],
    Kind.BOOLEAN: [True, False],
    Kind.TIME: ["2026-01-31 13:20:00.000000"],
    Kind.UUID: [],
    Kind.DICT: [{}, {"a": 1}],
}
# Of each kind, values that have no single meaning.
MEANINGLESS: dict[Kind, list[Any]] = {
    Kind.STRING: [[], ["a"], {}, {"a": 1}],
    Kind.TEXTS: [{}, {"a": 1}, [None], ["a", None], [[]], [{}]],
    Kind.INTEGER: [
        "text",
        1.5,
        "1.5",
        True,
        "true",
        " 1",
        "1_000",
        "0x1",
        "+1",
        "\N{ARABIC-INDIC DIGIT ONE}",
        [],
        [1],
        {},
    ],
    Kind.FLOAT: ["text", "1,5", "NaN", "Infinity", "-inf", "1e999", ".5", "5.", True, [], [1], {}],
    Kind.BOOLEAN: ["text", "yes", "t", " true", 2, -1, 0.5, "2", [], {}],
    Kind.TIME: ["text", " ", 5, 1769864400000, True, [], {}, "2026-02-30 00:00:00", "2026-01-31"],
    Kind.UUID: ["", "text", 5, True, [], {}],
    Kind.DICT: ["text", "null", "[]", "1", "{", "{}{}", '{"a":1}x', '{"a":NaN}', 5, 1.5, True, [1], [{}]],
}
# What a project's number may be, has tests of its own.
OTHERS = [field for field in EVENT_FIELDS if field.name != "app"]
GOOD_PAIRS = [(field, value) for field in OTHERS for value in FITTING[field.kind]]
ODD = [(field, value) for field in EVENT_FIELDS for value in MEANINGLESS[field.kind]]


def named(pairs: list[tuple[Field, Any]]) -> list[str]:
    """Return how the cases of a test are called."""
    return [f"{field.name}: {json.dumps(value)}" for field, value in pairs]


def exported_line(row: bytes, output: Output = AMPLITUDE) -> bytes:
    """Return the line that is exported of a line that landed."""
    codec = EventCodec(PROJECT, HOUR, output)
    return codec.encode_all([row_of(codec.decode(row))], [row])


def exported(row: bytes, output: Output = AMPLITUDE) -> Record:
    """Return what a reader finds in it."""
    found = json.loads(exported_line(row, output))
    assert isinstance(found, dict)
    return found


def rejection(row: bytes) -> Rejection:
    """Return why a line is not exported."""
    found = EventCodec(PROJECT, HOUR, Output()).decode(row)
    assert isinstance(found, Rejection), "it would be exported"
    return found


def amended(row: bytes) -> Rejection:
    """Return what is left out of a line that is exported."""
    found = EventCodec(PROJECT, HOUR, Output()).decode(row)
    assert isinstance(found, Amended), found
    return found.why


def without(row: Record, *names: str) -> bytes:
    """Return a row as a line, without some of its keys."""
    return line({name: value for name, value in row.items() if name not in names})


def test_the_codecs_keys_are_those_of_the_record_in_order_and_kind() -> None:
    """Written twice, for speed and for people; this holds them together."""
    types: dict[Kind, object] = {
        Kind.STRING: str,
        Kind.INTEGER: int,
        Kind.FLOAT: float,
        Kind.BOOLEAN: bool,
        Kind.TIME: str,
        Kind.UUID: str,
        Kind.TEXTS: str | list[str],
    }
    hints = get_type_hints(Event)
    fields = {each.encode_name: each for each in msgspec.structs.fields(Event)}

    assert list(fields) == NAMES
    for field in EVENT_FIELDS:
        found = fields[field.name]
        kind = types.get(field.kind, msgspec.Raw)
        assert hints[found.name] in (kind, kind | None)  # type: ignore[operator]  # kinds are types
        assert found.required == field.required


def test_a_minimal_event_is_exported_with_all_keys() -> None:
    """Optional ones are null, dicts empty, the project is filled in."""
    expected = dict.fromkeys(NAMES) | {
        "app": PROJECT,
        "data": {},
        "event_properties": {},
        "event_time": "2026-01-31 13:20:00.000000",
        "event_type": "purchase",
        "group_properties": {},
        "groups": {},
        "server_upload_time": "2026-01-31 13:20:01.000000",
        "user_properties": {},
        "uuid": uuid(1),
    }

    assert exported(event_line()) == expected
    assert list(exported(event_line())) == NAMES


def test_a_full_event_is_exported_as_it_came() -> None:
    """Every key with a value of its kind."""
    full = {field.name: GOOD[field.kind] for field in EVENT_FIELDS}

    assert exported(line(full)) == full


def test_a_line_ends_with_one_newline_and_holds_no_other() -> None:
    """Nor a carriage return, at which many readers of lines break too."""
    row = line(event(city="two\nlines\r\n")).replace(b'"uuid"', b'\r \t"uuid"')
    raw = row[:-1] + b',"data":\r{"a"\r:\t[1,\r2]}}\r'
    for landed in (row, raw):
        found = exported_line(landed, KEEP)
        assert found.endswith(b"}\n")
        assert not set(found[:-1]) & set(b"\r\n")
    assert exported(raw)["data"] == {"a": [1, 2]}


@each_optional
def test_an_optional_key_that_is_null_is_exported_as_if_it_were_missing(field: Field) -> None:
    """The project's own number, an empty dict, or null."""
    full = {each.name: GOOD[each.kind] for each in EVENT_FIELDS}
    default: object = {"app": PROJECT}.get(field.name, {} if field.kind is Kind.DICT else None)

    assert exported(without(full, field.name)) == full | {field.name: default}
    assert exported(line(full | {field.name: None})) == full | {field.name: default}


@pytest.mark.parametrize("name", [field.name for field in EVENT_FIELDS if field.required])
def test_a_required_key_that_is_missing_or_null_is_named(name: str) -> None:
    """The row is rejected for it."""
    missing = Rejection(Reason.FIELD_MISSING, f"Missing: {name}.", (name,))

    assert rejection(without(event(), name)) == missing
    assert rejection(event_line(**{name: None})) == missing


@pytest.mark.parametrize(("field", "value"), ODD, ids=named(ODD))
def test_a_value_without_a_meaning_costs_the_row_only_in_a_required_key(field: Field, value: object) -> None:
    """In another key it becomes null, or what a missing key is; it is named either way."""
    line = event_line(**{field.name: value})
    why = Rejection(Reason.WRONG_TYPE, f"{field.name} is not {field.kind}.", (field.name,))

    if field.required:
        assert rejection(line) == why
    else:
        assert amended(line) == why
        assert exported_line(line) == exported_line(event_line())


@pytest.mark.parametrize(("field", "value"), GOOD_PAIRS, ids=named(GOOD_PAIRS))
def test_a_value_of_its_kind_is_exported(field: Field, value: object) -> None:
    """Also an empty text, an empty array, false, and a number without a fraction where one may have it."""
    assert exported(event_line(**{field.name: value}))[field.name] == value


CASES = [
    (field, *pair)
    for rule in RULES
    for field in EVENT_FIELDS
    if field.kind is rule.kind
    for pair in rule.examples
]
APPLY = [(field, given, becomes) for field, given, becomes in CASES if not (field.required and given == '""')]


@pytest.mark.parametrize(
    ("field", "given", "becomes"), APPLY, ids=[f"{f.name}: {given}" for f, given, _ in APPLY]
)
def test_a_value_with_one_meaning_is_normalized(field: Field, given: str, becomes: str) -> None:
    """Every row of the table, for every key of its kind: the row equals the one without the deviation."""
    project = int(json.loads(becomes)) if field.name == "app" and becomes != "null" else PROJECT
    codec = EventCodec(project, HOUR, AMPLITUDE)

    def row(value: str) -> bytes:
        return event_line(**{field.name: "@@"}).replace(b'"@@"', value.encode())

    odd, plain = codec.decode_all(Lines(1, [row(given)])), codec.decode_all(Lines(1, [row(becomes)]))
    assert odd.amended == plain.amended == {}
    assert codec.encode_all(odd.rows, odd.lines) == codec.encode_all(plain.rows, plain.lines)


def test_a_row_may_deviate_in_many_ways_at_once() -> None:
    """As rows do that went through a warehouse; with none of it amended."""
    odd = event_line(
        app=str(PROJECT),
        session_id="-1",
        paying="FALSE",
        location_lat="37.77",
        user_creation_time="",
        groups=[],
        data="",
        user_properties='{"a":"b"}',
        event_type=5,
        uuid=uuid(1).upper(),
        sample_rate=1,
        amplitude_attribution_ids=["a", 5],
    )
    plain = event_line(
        session_id=-1,
        paying=False,
        location_lat=37.77,
        user_properties={"a": "b"},
        event_type="5",
        sample_rate=1.0,
        amplitude_attribution_ids=["a", "5"],
    )

    assert isinstance(EventCodec(PROJECT, HOUR, AMPLITUDE).decode(odd), Event)
    assert exported_line(odd) == exported_line(plain)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740993.0", 2**53 + 1),
        ('"18446744073709551617"', 2**64 + 1),
        ("1e40", 10**40),
        ("12.5e1", 125),
        ("-0.0", 0),
        ("0e999999999999", 0),
        ('"007"', 7),
        ("1" + "0" * 4299 + ".0", 10**4299),
        ("1e4299", 10**4299),
    ],
    ids=lambda each: str(each)[:24],
)
def test_an_integral_number_is_that_integer_exactly(text: str, value: int) -> None:
    """However it is written, and whatever its size; nothing is rounded on the way."""
    row = event_line(session_id=7).replace(b":7}", b":" + text.encode() + b"}")

    assert b'"session_id":%d,' % value in exported_line(row)


@pytest.mark.parametrize("text", ["1e4300", "1e999999999", "1e99999999999999999999", "1e-1", "5e-999999999"])
def test_a_number_that_is_no_integer_that_can_be_read_is_left_out(text: str) -> None:
    """In no time, whatever its exponent."""
    row = event_line(session_id=7).replace(b":7}", b":" + text.encode() + b"}")

    assert amended(row).keys == ("session_id",)


def test_an_object_in_text_may_hold_what_an_object_may() -> None:
    """Line ends become spaces, half surrogates are replaced; nested beyond sense it is none."""
    inner = '{"a":\r\n"b\\n",\n"\\ud800":[1.50]}'
    found = exported_line(event_line(data=inner))

    assert b'"data":{"a":  "b\\n", "\\ufffd":[1.50]}' in found
    assert found.count(b"\n") == 1
    assert exported(event_line(data='{"a":' + "[" * 510 + "]" * 510 + "}"))["data"] != {}
    assert amended(event_line(data='{"a":' + "[" * 511 + "]" * 511 + "}")).keys == ("data",)
    assert amended(event_line(data='{"a":' * 100_000)).keys == ("data",)


def test_a_project_that_means_nothing_is_filled_in() -> None:
    """The key is optional; only another project's number costs the row."""
    assert exported(event_line(app="main"))["app"] == PROJECT
    assert amended(event_line(app="main")).keys == ("app",)
    assert exported(event_line(app=""))["app"] == PROJECT
    assert rejection(event_line(app="18752")).reason is Reason.FOREIGN_APP


def test_what_costs_a_row_comes_before_what_is_left_out_of_it() -> None:
    """A row that is not exported is not amended."""
    assert rejection(event_line(app=1, paying="yes")).reason is Reason.FOREIGN_APP
    assert rejection(event_line(server_upload_time="2026-01-31 14:00:00", paying="yes")).keys == (
        "server_upload_time",
    )


def test_everything_that_is_wrong_with_a_row_is_told_at_once() -> None:
    """In the order of the keys, what is missing first."""
    row = without(event(city=[], paying="no", data=[1], event_time="today", location_lat="north"), "uuid")

    assert rejection(row) == Rejection(
        Reason.FIELD_MISSING,
        "Missing: uuid. city is not a string. data is not an object. event_time is not a time. "
        "location_lat is not a number. paying is not true or false.",
        ("uuid", "city", "data", "event_time", "location_lat", "paying"),
    )


def test_a_uuid_may_be_written_in_either_case_and_is_exported_in_lower() -> None:
    """So that two spellings of one are duplicates."""
    upper = "ABCDEF01-2345-4678-9ABC-DEF012345678"
    codec = EventCodec(PROJECT, HOUR, Output())
    rows = [codec.decode(event_line(uuid=each)) for each in (upper, upper.lower(), upper.title())]

    assert exported(event_line(uuid=upper))["uuid"] == upper.lower()
    keys = codec.keys([row for row in rows if isinstance(row, Event)])
    assert keys == 3 * bytes.fromhex("abcdef01234546789abcdef012345678")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no-uuid-at-all",
        "0000000-00000-4000-8000-000000000001",
        "00000000-000040008000000000000001",
        "{00000000-0000-4000-8000-000000000001",
        "00000000-0000-4000-8000-000000000001}",
        "{{00000000-0000-4000-8000-000000000001}}",
        "urn:uuid:00000000-0000-4000-8000-000000000001",
        "00000000-0000-4000-8000-00000000000g",
        "00000000-0000-4000-8000-0000000000011",
        "00000000-0000-4000-8000-000000000001\n",
        "00000000-0000-4000-8000-00000000000\N{ARABIC-INDIC DIGIT ONE}",
        "000000000-000-4000-8000-000000000001",
    ],
)
def test_what_only_resembles_a_uuid_is_none(text: str) -> None:
    """Hyphens are all there or none, braces both or none."""
    assert rejection(event_line(uuid=text)) == Rejection(Reason.WRONG_TYPE, "uuid is not a UUID.", ("uuid",))


def test_an_event_of_another_project_is_rejected() -> None:
    """With both numbers."""
    expected = Rejection(Reason.FOREIGN_APP, f"app is 18752, not {PROJECT}.", ("app",))

    assert rejection(event_line(app=18752)) == expected
    assert exported(event_line(app=PROJECT))["app"] == PROJECT


@pytest.mark.parametrize(
    ("time", "inside"),
    [
        ("2026-01-31 13:00:00.000000", True),
        ("2026-01-31 13:59:59.999999", True),
        ("2026-01-31 13:59:59.9999999", True),
        ("2026-01-31T13:00:00Z", True),
        ("2026-01-31T14:00:00+01:00", True),
        ("2026-01-31T14:59:59.999999+01:00", True),
        ("2026-01-31T18:30:00+05:30", True),
        ("2026-01-31T08:00:00-05:00", True),
        ("2026-02-01T00:30:00+11:30", True),
        ("2026-01-31 12:59:59.999999", False),
        ("2026-01-31 14:00:00.000000", False),
        ("2026-01-31T13:59:59.999999+00:01", True),
        ("2026-01-31T13:00:59.999999+00:01", False),
        ("2026-01-31T14:00:00.000000+00:00", False),
        ("2026-01-31T13:00:00-05:00", False),
        ("2026-01-30 13:30:00.000000", False),
        ("2025-01-31 13:30:00.000000", False),
    ],
)
def test_the_hour_of_an_event_is_that_of_its_upload_to_the_microsecond(time: str, inside: bool) -> None:  # noqa: FBT001  a column of the table
    """In UTC, whatever the offset it is written with; the folder's hour and no other."""
    row = event_line(server_upload_time=time)
    if inside:
        assert exported(row)["server_upload_time"].startswith("2026-01-31 13:")
    else:
        assert rejection(row).reason is Reason.OUTSIDE_HOUR
        assert "is not in the hour 2026-01-31 13." in rejection(row).detail


def test_the_event_itself_may_be_of_any_time() -> None:
    """A device may have been offline for years, or have a wrong clock."""
    assert exported(event_line(event_time="1970-01-01T00:00:00Z"))["event_time"].startswith("1970")
    assert exported(event_line(event_time="9999-12-31 23:59:59"))["event_time"].startswith("9999")


@pytest.mark.parametrize(
    "landed", ["2026-01-31T13:20:00.5Z", "2026-01-31 13:20:00.500000", "2026-01-31T14:20:00.5+01:00"]
)
def test_all_times_are_written_in_the_format_that_was_asked_for(landed: str) -> None:
    """Whatever they were written in before."""
    times = [field.name for field in EVENT_FIELDS if field.kind is Kind.TIME]
    row = event_line(**dict.fromkeys(times, landed))
    iso, amplitude = exported(row, Output()), exported(row, AMPLITUDE)

    assert len(times) == 7
    assert {iso[name] for name in times} == {"2026-01-31T13:20:00.500000Z"}
    assert {amplitude[name] for name in times} == {"2026-01-31 13:20:00.500000"}


def test_missing_times_are_null_in_both_formats() -> None:
    """Not an empty text with a Z behind it."""
    assert exported(event_line(), Output())["client_event_time"] is None
    assert exported(event_line(), AMPLITUDE)["client_event_time"] is None


@pytest.mark.parametrize(
    "number",
    [0, -1, 2**53 + 1, -(2**53) - 1, 2**63, -(2**63) - 1, 2**64, 2**64 + 1, 10**40, 10**4299],
    ids=["0", "-1", "2^53+1", "-2^53-1", "2^63", "-2^63-1", "2^64", "2^64+1", "10^40", "10^4299"],
)
def test_integers_stay_what_they_are_whatever_their_size(number: int) -> None:
    """In the typed keys and within objects; never as a float."""
    found = exported_line(event_line(amplitude_id=number, event_properties={"deep": [number]}))

    assert b'"amplitude_id":%d,' % number in found
    assert b'"event_properties":{"deep":[%d]}' % number in found


def test_an_integer_too_long_to_be_read_is_left_out_and_within_objects_kept() -> None:
    """Python reads up to 4,300 digits; what passes through is not read."""
    number = b"9" * 4301
    within = event_line(data={"a": 1}).replace(b":1}", b":" + number + b"}")

    assert b'"data":{"a":' + number + b"}" in exported_line(within)
    assert amended(event_line(session_id=1).replace(b":1}", b":" + number + b"}")) == Rejection(
        Reason.WRONG_TYPE, "session_id is not an integer.", ("session_id",)
    )


@pytest.mark.parametrize(
    "text", ["0.1", "-0.0", "1e-7", "1E+2", "5e-324", "1.7976931348623157e308", "3.141592653589793"]
)
def test_floats_keep_their_value(text: str) -> None:
    """Not always their spelling, but the number that every reader makes of it."""
    row = event_line(location_lat=7, data={"a": 7}).replace(b":7", b":" + text.encode())

    assert repr(exported(row)["location_lat"]) == repr(float(text))
    assert b'"data":{"a":' + text.encode() + b"}" in exported_line(row)


@pytest.mark.parametrize(
    "text", [b"NaN", b"Infinity", b"-Infinity", b"nan", b"1.", b".5", b"01", b"+1", b"0x1", b"1_000"]
)
@pytest.mark.parametrize(
    "place", [b'"location_lat":@', b'"data":{"a":@}', b'"data":{"a":[[@]]}', b'"unknown":@']
)
def test_a_number_that_json_does_not_have_makes_a_line_no_json(text: bytes, place: bytes) -> None:
    """Wherever it stands, since it would make the whole file unreadable for many."""
    row = event_line()[:-1] + b"," + place.replace(b"@", text) + b"}"

    assert rejection(row).reason is Reason.NOT_JSON


def test_a_float_beyond_all_floats_is_left_out_and_within_objects_kept() -> None:
    """1e999 is JSON, and no number that a float can be."""
    row = event_line(location_lat=7, data={"a": 8})

    assert amended(row.replace(b":7", b":1e999")) == Rejection(
        Reason.WRONG_TYPE, "location_lat is not a number.", ("location_lat",)
    )
    assert b'"data":{"a":1e999}' in exported_line(row.replace(b":8", b":1e999"))


STRINGS = [
    "",
    "é",
    "東京",
    "\U0001f600",
    "\0",
    "\x01\x1f",
    "\x7f\x80\x85",
    "\u2028\u2029",
    "\ufeff",
    '"\\/\b\f\n\r\t',
    "\uffff",
]


@pytest.mark.parametrize("text", STRINGS, ids=ascii)
@pytest.mark.parametrize("escaped", [True, False])
def test_strings_keep_every_character(text: str, *, escaped: bool) -> None:
    """Written as they are or as escapes; typed, within objects, and as keys."""
    row = json.dumps(event(city=text, data={text: [text]}), ensure_ascii=escaped).encode()

    assert exported(row)["city"] == text
    assert exported(row)["data"] == {text: [text]}


@pytest.mark.parametrize("character", range(0x20))
@pytest.mark.parametrize(
    "place", [b'"city":"@"', b'"data":{"a":"@"}', b'"data":{"@":1}', b'"unknown":"@"', b'"@":1']
)
def test_a_control_character_in_a_string_makes_a_line_no_json(character: int, place: bytes) -> None:
    """JSON wants it escaped; and a bare one of them would end the line for a reader."""
    row = event_line()[:-1] + b"," + place.replace(b"@", bytes([character])) + b"}"

    assert rejection(row).reason is Reason.NOT_JSON


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    """In typed keys, within objects, and in keys; whole pairs stay."""
    row = json.dumps(
        event(city="a\ud83d", data={"\udead": "\U0001f600\ud83d"}, event_type="\udc00\ud800")
    ).encode()
    found = exported(row)

    assert found["city"] == "a\ufffd"
    assert found["data"] == {"\ufffd": "\U0001f600\ufffd"}
    assert found["event_type"] == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"\xff", 1),
        (b"M\xfcnchen", 2),
        (b"\xe6\x8a", 1),
        (b"\xc0\xaf", 1),
        (b"\xed\xa0\x80", 1),
        (b"\xf4\x90\x80\x80", 1),
    ],
)
@pytest.mark.parametrize("wrapped", [b'"city":"@"', b'"data":{"@":"@"}', b'"unknown":"@"'])
def test_bytes_that_are_no_utf8_reject_the_line_and_their_place_is_told(
    text: bytes, place: int, wrapped: bytes
) -> None:
    """Latin-1, half a character, an overlong slash, a surrogate, a character beyond the last."""
    start = event_line()[:-1] + b","
    row = start + wrapped.replace(b"@", text) + b"}"
    first = len(start) + wrapped.index(b"@") + place

    assert rejection(row) == Rejection(Reason.NOT_UTF8, f"Byte {first} of the line is not UTF-8.")


def test_objects_may_be_nested_512_levels_deep_and_no_deeper() -> None:
    """The row itself is the first level."""
    for levels, deep in ((512, False), (513, True)):
        inner = levels - 2
        row = event_line()[:-1] + b',"data":{"a":' + b"[" * inner + b"]" * inner + b"}}"
        if deep:
            assert rejection(row).reason is Reason.TOO_DEEP
            assert "512" in rejection(row).detail
        else:
            assert b"[" * inner in exported_line(row)


def test_a_line_nested_without_end_is_rejected() -> None:
    """It must not end the process."""
    assert rejection(b'{"data":' + b'{"a":[' * 200_000).reason is Reason.TOO_DEEP
    assert rejection(b"[" * 1_000_000).reason is Reason.TOO_DEEP


@pytest.mark.parametrize(
    "row", [b"[]", b"[{}]", b'"{}"', b"42", b"-1.5", b"null", b"true", b"false", b" [1] "]
)
def test_json_that_is_no_object_is_rejected(row: bytes) -> None:
    """And it is told that it is JSON."""
    assert rejection(row) == Rejection(Reason.NOT_AN_OBJECT, "The line is JSON, but not an object.")


@pytest.mark.parametrize(
    "row",
    [
        b"{",
        b"}",
        b"{}}",
        b"{}{}",
        b"{} {}",
        b'{"a"}',
        b'{"a":1,}',
        b"{a:1}",
        b"{'a':1}",
        b'{"a":"\\x"}',
        b'{"a":"\\u12"}',
        b"upload of 3 events failed",
        b"\0\0\0",
        b"\xef\xbb\xbf{}",
        b"[1,2",
        b"[1]]",
        b"42abc",
        b'"abc',
        b"nullx",
        b"\x0b{}",
        event_line()[:-1],
        event_line() + event_line(),
        event_line()[:-1] + b',"data":{"a":[1,]}}',
        event_line()[:-1] + b',"unknown":{"a" 1}}',
    ],
)
def test_a_line_that_is_no_json_is_rejected(row: bytes) -> None:
    """Cut off, doubled, with a comma too much, with other quotes; deep within, too."""
    assert rejection(row).reason is Reason.NOT_JSON


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    """As most readers of JSON have it; it is written once."""
    row = event_line(city="first")[:-1] + b',"city":"second","data":{"a":1},"data":{"a":2}}'
    found = exported_line(row)

    assert json.loads(found)["city"] == "second"
    assert json.loads(found)["data"] == {"a": 2}
    assert found.count(b'"city"') == found.count(b'"data"') == 1


def test_a_wrong_value_does_no_harm_if_the_key_comes_again() -> None:
    """The last one counts, whatever the first one was."""
    row = event_line(city=[])[:-1] + b',"city":"second"}'

    assert exported_line(row) == exported_line(event_line(city="second"))


def test_keys_may_be_written_with_escapes() -> None:
    """They mean the same."""
    row = event_line(city="Kyoto").replace(b'"city"', rb'"\u0063ity"').replace(b'"uuid"', rb'"uu\u0069d"')

    assert exported(row)["city"] == "Kyoto"


EXTRA = {
    "$insert_key": "k",
    "plan": {"a": 1},
    "partner_id": None,
    "é\n": [1.50, {"b": "\u2028"}],
    "big": 2**70,
}


def test_unknown_keys_are_dropped() -> None:
    """By default, and without them the row is the same as ever."""
    assert exported_line(event_line(**EXTRA)) == exported_line(event_line())


def test_unknown_keys_are_kept_if_asked_for() -> None:
    """After the 49, in the order in which they came, with their values untouched."""
    found = exported(event_line(**EXTRA), KEEP)

    assert {name: found[name] for name in EXTRA} == EXTRA
    assert list(found) == [*NAMES, *EXTRA]
    assert exported(event_line(), KEEP) == exported(event_line(), Output())


def test_unknown_keys_are_kept_as_well_formed_as_the_others() -> None:
    """Half surrogates are replaced, carriage returns between tokens become spaces, a doubled key is one."""
    row = event_line()[:-1] + b',"\\ud83d":"\\ude00","a":1,"a":[1,\r2],\r"city2"\r:\rnull}'
    found = exported_line(row, KEEP)

    assert b"\r" not in found
    assert found.count(b'"a":') == 1
    assert {name: json.loads(found)[name] for name in ("\ufffd", "a", "city2")} == {
        "\ufffd": "\ufffd",
        "a": [1, 2],
        "city2": None,
    }


def test_an_unknown_key_may_hold_anything_that_json_has() -> None:
    """Nothing is asked of it, kept or dropped."""
    row = event_line(unknown=[{}], another=7).replace(b":7}", b":" + b"9" * 5000 + b"}")

    assert exported_line(row) == exported_line(event_line())
    assert exported_line(row, KEEP).endswith(b',"unknown":[{}],"another":' + b"9" * 5000 + b"}\n")


def test_duckdb_reads_what_is_exported() -> None:
    """A reader of another make: odd strings, large numbers, deep nesting, all in one file."""
    rows = [
        event_line(1, city="東京\u2028\0\U0001f600", amplitude_id=2**53 + 1),
        event_line(2, data={"deep": json.loads("[" * 100 + "]" * 100)}, user_id='"\\'),
        json.dumps(event(3, city="\ud83d", event_properties={"\udead": "\ud800"})).encode(),
        event_line(4, location_lat=-0.5, session_id=-1, groups={"org": ["a"]}),
    ]
    table = duckdb.connect()
    table.execute("create table line (text json)")
    for row in rows:
        table.execute("insert into line values (?)", [exported_line(row, Output()).decode()])
    found = table.execute(
        "select text->>'uuid', text->>'city', (text->>'amplitude_id')::bigint,"
        " (text->>'event_time')::timestamptz is not null, json_valid(text), len(json_keys(text)) from line"
    ).fetchall()

    assert [row[0] for row in found] == [uuid(number) for number in (1, 2, 3, 4)]
    assert [row[1] for row in found][::2] == ["東京\u2028\0\U0001f600", "\ufffd"]
    assert found[0][2] == 2**53 + 1
    assert {row[3:] for row in found} == {(True, True, 49)}
