import json

import pytest

from exporter.domain.hour import Hour
from exporter.domain.row_schema import MERGED_ID_FIELDS, Reason, Rejection
from exporter.pipeline.merged_ids import MergedId, MergedIdCodec
from tests.support.builders import HOUR, Record, hour, line, merge, merge_line

NAMES = [field.name for field in MERGED_ID_FIELDS]
FIRST_MS = int(HOUR.start.timestamp()) * 1000
HOUR_MS = 3_600_000


def exported_line(row: bytes, of: Hour = HOUR) -> bytes:
    """Return the line that is exported of a line that landed."""
    codec = MergedIdCodec(of)
    decoded = codec.decode(row)
    assert isinstance(decoded, MergedId), decoded
    return codec.encode_all([decoded], [row])


def rejection(row: bytes, of: Hour = HOUR) -> Rejection:
    """Return why a line is not exported."""
    found = MergedIdCodec(of).decode(row)
    assert isinstance(found, Rejection), "it would be exported"
    return found


def without(row: Record, name: str) -> bytes:
    """Return a row as a line, without one of its keys."""
    return line({key: value for key, value in row.items() if key != name})


def test_a_merge_is_exported_with_five_keys_in_order() -> None:
    """Whatever their order was, and whatever else there was."""
    row = line(dict(reversed(merge(extra={"a": 1}, merge_event_id=5).items())))

    assert exported_line(row) == line(merge()) + b"\n"
    assert list(json.loads(exported_line(row))) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_is_missing_or_null_is_named(name: str) -> None:
    """All five must be there."""
    missing = Rejection(Reason.FIELD_MISSING, f"Missing: {name}.", (name,))

    assert rejection(without(merge(), name)) == missing
    assert rejection(merge_line(**{name: None})) == missing


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["", "one", 1.5, "1.5", True, [], {}], ids=json.dumps)
def test_a_value_that_means_no_integer_is_named(name: str, value: object) -> None:
    """No key is optional, so it costs the row."""
    expected = Rejection(Reason.WRONG_TYPE, f"{name} is not an integer.", (name,))

    assert rejection(merge_line(**{name: value})) == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["{}.0", '"{}"', '"{}.0"', "{}e0"])
def test_an_integer_in_another_form_is_that_integer(name: str, form: str) -> None:
    """As of events: text that holds a number, and a fraction of zeros."""
    value = merge()[name]
    row = merge_line(**{name: "@@"}).replace(b'"@@"', form.format(value).encode())

    assert exported_line(row) == exported_line(merge_line())


def test_everything_that_is_wrong_is_told_at_once() -> None:
    """What is missing first."""
    row = without(merge(merge_time="noon", amplitude_id=1.5), "scope")

    assert rejection(row) == Rejection(
        Reason.FIELD_MISSING,
        "Missing: scope. merge_time is not an integer. amplitude_id is not an integer.",
        ("scope", "merge_time", "amplitude_id"),
    )


@pytest.mark.parametrize(
    ("offset_ms", "inside"),
    [(0, True), (HOUR_MS - 1, True), (-1, False), (HOUR_MS, False), (24 * HOUR_MS, False)],
)
def test_the_hour_of_a_merge_is_that_of_its_server_time_to_the_millisecond(
    offset_ms: int,
    inside: bool,  # noqa: FBT001  a column of the table
) -> None:
    """Half open, as every hour."""
    time = FIRST_MS + offset_ms
    row = merge_line(merge_server_time=time)
    if inside:
        assert json.loads(exported_line(row))["merge_server_time"] == time
    else:
        detail = f"merge_server_time {time} is not in the hour 2026-01-31T13."
        assert rejection(row) == Rejection(Reason.OUTSIDE_HOUR, detail, ("merge_server_time",))


def test_the_merge_itself_may_be_of_any_time() -> None:
    """Before the epoch, too."""
    assert json.loads(exported_line(merge_line(merge_time=-5)))["merge_time"] == -5


@pytest.mark.parametrize("key", ["0001-01-01T00", "1969-12-31T23", "1970-01-01T00", "9999-12-31T23"])
def test_every_hour_of_the_calendar_has_its_milliseconds(key: str) -> None:
    """Before the epoch they are negative; the last hour of all has an end, too."""
    first = (hour(key).start - hour("1970-01-01T00").start).total_seconds() * 1000
    for inside in (first, first + HOUR_MS - 1):
        assert exported_line(merge_line(merge_server_time=int(inside)), hour(key))
    for outside in (first - 1, first + HOUR_MS):
        reason = rejection(merge_line(merge_server_time=int(outside)), hour(key)).reason
        assert reason is Reason.OUTSIDE_HOUR


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, 2**64 + 1, -(10**30)])
def test_ids_stay_what_they_are_whatever_their_size(number: int) -> None:
    """Never a float."""
    row = merge_line(amplitude_id=number, merged_amplitude_id=-number, scope=number)

    assert exported_line(row) == row + b"\n"


def test_a_number_too_long_to_be_read_is_rejected() -> None:
    """Python reads up to 4,300 digits, and writes as many into the reason."""
    longer, longest = merge_line(scope=7).replace(b":7,", b":" + b"9" * 4301 + b","), 10**4299

    assert rejection(longer) == Rejection(Reason.WRONG_TYPE, "scope is not an integer.", ("scope",))
    assert rejection(merge_line(merge_server_time=longest)).reason is Reason.OUTSIDE_HOUR


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"not json", Reason.NOT_JSON),
        (b"[]", Reason.NOT_AN_OBJECT),
        (merge_line()[:-1], Reason.NOT_JSON),
        (merge_line() + b"x", Reason.NOT_JSON),
        (merge_line()[:-1] + b',"a":"\xff"}', Reason.NOT_UTF8),
        (merge_line()[:-1] + b',"a":' + b"[" * 512 + b"]" * 512 + b"}", Reason.TOO_DEEP),
    ],
    ids=["words", "array", "cut off", "something behind", "latin", "deep"],
)
def test_a_line_that_is_no_merge_at_all_is_rejected(row: bytes, reason: Reason) -> None:
    """As an event would be."""
    assert rejection(row).reason is reason


def test_half_a_surrogate_pair_in_an_unknown_key_does_no_harm() -> None:
    """It is not exported anyway."""
    row = merge_line()[:-1] + rb',"a\ud83d":"\udead"}'

    assert exported_line(row) == merge_line() + b"\n"


def test_merges_have_no_key_to_be_duplicates_by() -> None:
    """To hear of one twice changes nothing."""
    codec = MergedIdCodec(HOUR)
    row = codec.decode(merge_line())

    assert isinstance(row, MergedId)
    assert codec.keys([row]) is None  # type: ignore[func-returns-value]  # that it is None is the promise
