"""Native code: what it accepts, what it leaves to Python, and what happens without it."""

import ctypes
import json
import platform
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from exporter.domain.destination import ExtraKeys, Output
from exporter.domain.row_schema import EVENT_FIELDS
from exporter.pipeline.codecs import codec_of
from exporter.pipeline.events import EventCodec
from exporter.pipeline.lines import LINES_MAX, Lines
from exporter.pipeline.merged_ids import MergedIdCodec
from exporter.pipeline.native import scanner
from exporter.pipeline.native.codec import NativeEventCodec
from exporter.pipeline.native.filtered import FilteredEventCodec
from exporter.pipeline.native.scanner import NO_ROWS, SCANNED_BYTES_MAX, Scanned, ScannedRows, Scanner
from infra.local.sample import DataType, Fault, Sample, TimeFormat
from tests.support.builders import EVENTS, HOUR, MERGED_IDS, PROJECT, event_line, lines_of_chunks, uuid
from tests.support.two_ways import NOT_BUILT

needs_native = pytest.mark.skipif(scanner.library() is None, reason=NOT_BUILT)
# Values of a rare form or type: the Python way has them.
ODD: list[dict[str, Any]] = [
    {"session_id": "007"},
    {"session_id": 1e300},
    {"session_id": 123456789012345678.0},
    {"location_lat": "1e-7"},
    {"location_lat": "-0.0"},
    {"paying": "yes"},
    {"data": ["a"]},
    {"data": '{"a":\n1}'},
    {"data": '{"a":1'},
    {"amplitude_attribution_ids": [5]},
    {"city": "a\u0001"},
    {"app": PROJECT + 1},
    {"event_time": "2026-01-31 13:20:00+01:00"},
    {"server_upload_time": "2026-01-31 14:00:00.000000"},
    {"event_type": None},
    {"uuid": f"{{{uuid(1)}"},
    {"schlüssel": 1},
]
PLAIN: list[dict[str, Any]] = [
    {"amplitude_attribution_ids": ["a", "é"], "paying": True, "app": PROJECT, "session_id": -1},
    {"amplitude_attribution_ids": "a", "data": None, "app": None, "location_lat": -0.25},
    {"event_time": "2026-01-31T13:20:00Z", "user_creation_time": "", "client_event_time": None},
    {"unknown": {"a": [1, 2.5e-3, None, "\U0001f600"]}, "groups": {"a": {"b": [[]]}}},
    {"uuid": uuid(0xABC).upper(), "city": 'Zürich "\\\n'},
    {"uuid": uuid(0xABC).replace("-", ""), "event_time": "2026-01-31T13:20:00.123456+00:00"},
    {"uuid": f"{{{uuid(0xABC).upper()}}}", "event_time": "2026-01-31 13:20:00.123456789"},
    {"session_id": "-7", "event_id": 5.0, "$schema": "5.0", "amplitude_id": "", "app": str(PROJECT)},
    {"location_lat": "37.770", "location_lng": 5, "sample_rate": "-5"},
    {"location_lat": 0.0, "location_lng": "", "sample_rate": 12.50},
    {"paying": "TRUE", "is_attribution_event": 0},
    {"paying": "1", "is_attribution_event": "False"},
    {"paying": "", "is_attribution_event": None},
    {"data": [], "groups": "", "user_properties": ' {"a": ["é", "\\"\\u00e9"]} '},
    {"city": 5, "country": True, "region": -1.5e10, "amplitude_attribution_ids": 5},
]


def native() -> ctypes.CDLL:
    """Return native code, which was built."""
    found = scanner.library()
    assert found
    return found


def a_scanner() -> Scanner:
    """Return a scanner of the hour's events."""
    return Scanner(native(), EVENT_FIELDS, PROJECT, "2026-01-31 13", iso8601=True, lines_max=LINES_MAX)


def scanned(lines: list[bytes], seen: Scanner | None = None) -> ScannedRows:
    """Return what a scanner makes of lines."""
    rows = (seen or a_scanner()).scan(Lines(1, lines).text, len(lines))
    assert rows is not None
    return rows


@needs_native
@pytest.mark.parametrize("change", PLAIN, ids=str)
def test_a_line_in_its_usual_form_is_read_natively(change: dict[str, Any]) -> None:
    """In any order of keys, with unknown ones, with both forms of times."""
    line = event_line(1, **change)
    (row,) = scanned([line])

    python = EventCodec(PROJECT, HOUR, Output())
    decoded = python.decode_all(Lines(1, [line]))
    assert row == Scanned(python.keys(decoded.rows), python.encode_all(decoded.rows, [line]))


@needs_native
def test_a_line_with_blanks_is_read_natively() -> None:
    """As many programs write JSON: with a blank after each comma and colon."""
    change = {"amplitude_attribution_ids": ["a", "b"], "groups": {"a": [1, 2]}, "app": None, "data": []}
    line = json.dumps(json.loads(event_line(1)) | change, indent=None).encode() + b" \r"
    python = EventCodec(PROJECT, HOUR, Output())

    assert b'": ' in line
    assert scanned([line]).text == python.encode_all(python.decode_all(Lines(1, [line])).rows, [line])


@needs_native
@pytest.mark.parametrize(
    "city",
    [rb"Z\u00fcrich", rb"\u6e0b\u8c37\ud83d\ude00", rb"a\/b\u003c\n\"\\\u00e9", rb"\u0e01\/\u07ff\u0800"],
)
def test_a_text_with_escapes_that_are_not_needed_is_read_natively(city: bytes) -> None:
    """As programs write it that keep to ASCII, or to what may stand in HTML; also an object as text."""
    inner = b'{"a":"' + city + b'"}'
    line = event_line(1, city="@@", groups="##").replace(b"@@", city)
    line = line.replace(b"##", inner.replace(b"\\", b"\\\\").replace(b'"', b'\\"'))
    python = EventCodec(PROJECT, HOUR, Output())

    assert scanned([line]).text == python.encode_all(python.decode_all(Lines(1, [line])).rows, [line])


@needs_native
@pytest.mark.parametrize(
    "city", [rb"a\u0000", rb"a\u0022", rb"\u005c", rb"\ud83d", rb"\ude00\ud83d", rb"\u12", rb"\x"]
)
def test_a_text_with_rare_or_wrong_escapes_is_left_to_python(city: bytes) -> None:
    """Control characters, quotes, backslashes, half a pair."""
    assert len(scanned([event_line(1, city="@@").replace(b"@@", city)]).odd) == 1


@needs_native
def test_keys_in_any_order_are_read_natively() -> None:
    """The order that was seen last is tried first, which changes nothing but the time."""
    chance, seen, python = random.Random(2), a_scanner(), EventCodec(PROJECT, HOUR, Output())  # noqa: S311
    keys = list(json.loads(event_line(1, unknown=1, city="a", paying=None)).items())
    for _ in range(200):
        if chance.random() < 0.5:
            chance.shuffle(keys)
        line = json.dumps(dict(keys[: chance.choice([len(keys), len(keys) - 1])])).encode()
        decoded = python.decode_all(Lines(1, [line]))

        rows = scanned([line], seen)
        assert rows.text == (python.encode_all(decoded.rows, [line]) if decoded.rows else b"")


@needs_native
@pytest.mark.parametrize("change", ODD, ids=str)
def test_an_odd_line_is_left_to_python_alone(change: dict[str, Any]) -> None:
    """Those before and after it are not."""
    lines = [event_line(1), event_line(2, **change), event_line(3)]
    rows = scanned(lines)

    assert [row.key.hex() for row in rows] == [uuid(number).replace("-", "") for number in (1, 3)]
    (odd,) = rows.odd
    assert odd.rows_before == 1
    assert Lines(1, lines).text[odd.start : odd.end] == lines[1]


@needs_native
@pytest.mark.parametrize("time_format", TimeFormat)
@pytest.mark.parametrize("extra_keys", [False, True])
def test_usual_hours_are_read_natively(time_format: TimeFormat, extra_keys: bool) -> None:  # noqa: FBT001
    """All of their lines."""
    faults = frozenset({Fault.MISSING_OPTIONAL})
    sample = Sample(events_per_hour=500, faults=faults, time_format=time_format, extra_keys=extra_keys)
    files = sample.hour(HOUR.start).files(DataType.EVENTS)
    lines = [line.content for file in files for line in lines_of_chunks([file.content()])]
    rows = scanned(lines[:200])

    if time_format is TimeFormat.MIXED:
        assert len(rows) > 100
    else:
        assert len(rows) == 200


@needs_native
def test_a_group_of_long_lines_is_left_to_python() -> None:
    """Its result would need memory of its own."""
    line = event_line(1, data={"a": "x" * SCANNED_BYTES_MAX})

    assert a_scanner().scan(line + b"\n", 1) is None


@needs_native
@pytest.mark.parametrize("part", ["out", "scratch"])
@pytest.mark.parametrize("cut", [1, 2, 40, 500])
def test_a_result_without_room_is_refused_and_nothing_is_written_behind_it(part: str, cut: int) -> None:
    """The memory behind the buffer stays as it is."""
    text, seen = event_line(1, city="x" * 500) + b"\n", a_scanner()
    assert len(scanned([text[:-1]], seen)) == 1
    room, to = len(text) - 1 + seen.line_extra, seen._results
    memory = ctypes.create_string_buffer(b"\xaa" * (room + 64))
    setattr(to, part, ctypes.addressof(memory))
    setattr(to, f"{part}_bytes", room - cut)

    assert seen._scan(seen._settings, text, len(text), to) == -1
    assert memory.raw[room - cut :].rstrip(b"\0") == b"\xaa" * (64 + cut)
    setattr(to, f"{part}_bytes", room)
    assert seen._scan(seen._settings, text, len(text), to) == 0
    assert memory.raw[room:].rstrip(b"\0") == b"\xaa" * 64


@needs_native
@pytest.mark.parametrize("text", [b"", event_line(1), (event_line(1) + b"\n") * (LINES_MAX + 1)])
def test_lines_that_do_not_end_or_are_too_many_are_refused(text: bytes) -> None:
    """The arguments do not belong together."""
    assert a_scanner().scan(text, text.count(b"\n")) is None


@needs_native
def test_native_code_is_used_unless_whole_rows_are_read_or_unknown_keys_kept() -> None:
    """A filter reads fields of rows; merged ids have no native code."""
    keep = Output(extra_keys=ExtraKeys.KEEP)

    assert isinstance(codec_of(EVENTS, HOUR, Output(), read=()), NativeEventCodec)
    assert isinstance(codec_of(EVENTS, HOUR, Output(), read={"city"}), FilteredEventCodec)
    assert isinstance(codec_of(EVENTS, HOUR, Output(), read=None), EventCodec)
    assert isinstance(codec_of(EVENTS, HOUR, keep, read=()), EventCodec)
    assert isinstance(codec_of(MERGED_IDS, HOUR, Output(), read=()), MergedIdCodec)


@needs_native
def test_the_operator_can_switch_native_code_off() -> None:
    """Python does the same."""
    scanner.allow(allowed=False)
    try:
        assert isinstance(codec_of(EVENTS, HOUR, Output(), read=()), EventCodec)
    finally:
        scanner.allow(allowed=True)


def test_a_file_that_is_missing_or_no_library_counts_as_not_built(tmp_path: Path) -> None:
    """The app starts nevertheless."""
    wrong = tmp_path / "wrong.so"
    wrong.write_bytes(b"\x7fELF but not really")

    assert scanner.opened(tmp_path / "missing.so") is None
    assert scanner.opened(wrong) is None


@needs_native
@pytest.mark.parametrize("name_of_source", ["SOURCE", "KEYS_SOURCE"])
def test_a_library_of_another_version_of_a_source_is_not_used(
    name_of_source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or else an old file would do what the new source no longer does."""
    name = scanner.file_name(platform.system(), platform.machine())
    copied, source = tmp_path / name, tmp_path / "other.c"
    shutil.copy(scanner.FOLDER / name, copied)
    assert scanner.opened(copied) is not None

    source.write_bytes(getattr(scanner, name_of_source).read_bytes() + b"\n")
    monkeypatch.setattr(scanner, name_of_source, source)
    assert scanner.opened(copied) is None


def test_the_name_of_a_file_is_that_of_its_system() -> None:
    """As Python calls them on Linux, macOS and Windows."""
    assert scanner.file_name("Linux", "x86_64") == "scan-linux-x86_64.so"
    assert scanner.file_name("Darwin", "arm64") == "scan-darwin-arm64.so"
    assert scanner.file_name("Windows", "AMD64") == "scan-windows-amd64.so"


@needs_native
def test_the_rows_of_a_group_are_a_sequence() -> None:
    """One by one, or in parts."""
    lines = [event_line(number) for number in range(5)]
    rows = scanned(lines)

    assert len(rows) == 5
    assert b"".join(row.key for row in rows) == rows.keys
    assert b"".join(row.line for row in rows) == rows.text
    assert rows[1] == list(rows)[1]
    assert json.loads(rows[4].line)["uuid"] == uuid(4)


@needs_native
def test_groups_of_any_size_follow_each_other_on_one_scanner() -> None:
    """Its memory grows, and what was in it before does not matter."""
    chance, seen = random.Random(1), a_scanner()  # noqa: S311  repeatable
    for _ in range(50):
        numbers = [chance.randrange(1000) for _ in range(chance.randint(1, 40))]
        rows = scanned([event_line(number, city="é" * (number % 50)) for number in numbers], seen)
        assert [json.loads(row.line)["uuid"] for row in rows] == [uuid(each) for each in numbers]


@needs_native
@pytest.mark.parametrize("marks", ["111", "000", "011", "101", "110", "010"])
def test_rows_that_are_not_chosen_are_left_out(marks: str) -> None:
    """Wherever they are."""
    rows, mine = scanned([event_line(number) for number in range(3)]), bytes(map(int, marks))

    assert rows.chosen(mine) == b"".join(row.line for row, own in zip(rows, mine, strict=True) if own)


@needs_native
@pytest.mark.parametrize("places", [[0], [3], [0, 0, 1, 3, 3], []])
def test_mended_rows_are_put_between_the_scanned_ones(places: list[int]) -> None:
    """Each behind so many of them."""
    rows = scanned([event_line(number) for number in range(3)])
    others = [Scanned(bytes([number]) * 16, event_line(number + 10) + b"\n") for number in range(len(places))]
    expected = list(rows)
    for number, (place, other) in enumerate(zip(places, others, strict=True)):
        expected.insert(place + number, other)

    mended = rows.with_mended(list(zip(places, others, strict=True)))
    assert list(mended) == expected
    assert mended.text == b"".join(row.line for row in expected)


def test_a_mended_line_that_is_alone_is_not_copied() -> None:
    """It may have many megabytes."""
    row = Scanned(bytes(16), event_line(1) + b"\n")

    assert NO_ROWS.with_mended([(0, row)]).text is row.line
