import gzip
import json
import zlib
from datetime import UTC, datetime

import pytest

from infra.local.sample import DataType, Fault, LandingFile, Sample
from tests.support import landing_reader as reader

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
GZIP = b"\x1f\x8b"


def files_with(fault: Fault, data_type: DataType = DataType.EVENTS) -> list[LandingFile]:
    """Return the files of an hour with only this fault."""
    return list(Sample(events_per_hour=100, faults=frozenset({fault})).hour(NOON).files(data_type))


def contents(fault: Fault) -> list[bytes]:
    """Return these files' bytes."""
    return [file.content() for file in files_with(fault)]


def rows(fault: Fault) -> list[bytes]:
    """Return these files' lines, without blank ones."""
    return [line for content in contents(fault) for _, line, _ in reader.lines(content)]


def texts(fault: Fault) -> list[bytes]:
    """Return these files' text."""
    return [reader.unpacked(content)[0] for content in contents(fault)]


def parsed(fault: Fault) -> list[object]:
    """Return the lines that are JSON, parsed."""
    found: list[object] = []
    for row in rows(fault):
        try:
            found.append(json.loads(row))
        except (ValueError, RecursionError):
            continue
    return found


def events(fault: Fault) -> list[dict[str, object]]:
    """Return the lines that are objects, parsed."""
    return [row for row in parsed(fault) if isinstance(row, dict)]


def upload_times(fault: Fault) -> set[object]:
    """Return all upload times."""
    return {row["server_upload_time"] for row in events(fault)}


def uuids_of(content: bytes) -> list[str]:
    """Return a blob's uuids."""
    return [json.loads(line)["uuid"] for _, line, _ in reader.lines(content)]


def test_without_faults_nothing_goes_wrong() -> None:
    """Every row is exported, and no file is late."""
    hour = Sample(events_per_hour=100).hour(NOON)

    assert (hour.truth().counts().exported, hour.truth().counts().read) == (100, 100)
    assert list(hour.late_files()) == []


def test_duplicates_in_a_blob() -> None:
    """A uuid is twice in one blob."""
    assert any(len(uuids) > len(set(uuids)) for uuids in map(uuids_of, contents(Fault.DUPLICATES_IN_BLOB)))


def test_duplicates_across_blobs() -> None:
    """A uuid is in two blobs, and in none twice."""
    blobs = [uuids_of(content) for content in contents(Fault.DUPLICATES_ACROSS_BLOBS)]

    assert len(set().union(*blobs)) == 100 < sum(map(len, blobs))


def test_lines_that_are_no_json_and_json_that_is_no_object() -> None:
    """Half a row, text, an array, a number."""
    assert len(parsed(Fault.NOT_JSON)) < len(rows(Fault.NOT_JSON))
    assert {type(each) for each in parsed(Fault.NOT_JSON)} >= {list, str, int, type(None)}


def test_lines_that_are_no_utf8() -> None:
    """Some bytes do not decode."""
    assert any(row.decode(errors="replace").encode() != row for row in rows(Fault.NOT_UTF8))


def test_required_fields_that_are_missing_or_null() -> None:
    """Each of the four, both ways."""
    for key in reader.REQUIRED.split():
        found = [row for row in events(Fault.MISSING_FIELD) if row.get(key) is None]
        assert {key in row for row in found} == {True, False}


def test_optional_fields_that_are_missing() -> None:
    """Down to the four required ones; also ``app`` and the dicts alone."""
    missing = {frozenset(reader.KEYS) - frozenset(row) for row in events(Fault.MISSING_OPTIONAL)}

    assert {frozenset({"app"}), frozenset(reader.DICTS.split())} <= missing
    assert frozenset(reader.KEYS) - frozenset(reader.REQUIRED.split()) in missing


def test_required_fields_with_a_value_that_means_nothing() -> None:
    """Numbers for times, arrays for strings, empty texts."""
    found = events(Fault.MISTYPED_FIELD)

    assert {type(row["event_type"]) for row in found} >= {str, dict, list}
    assert {type(row["event_time"]) for row in found} == {str, int}
    assert "" in {row["event_time"] for row in found}


def test_optional_fields_with_a_value_that_means_nothing() -> None:
    """The row is exported with null instead, and the line is one to keep."""
    hour = Sample(events_per_hour=100, faults=frozenset({Fault.AMENDED_FIELD})).hour(NOON)
    amended = [json.loads(line.line) for line in hour.truth().amended()]
    records = {record["uuid"]: record for record in hour.truth().records()}

    assert hour.truth().counts().amended == len(amended) > 10
    assert hour.truth().counts().rejected == 0
    yes = next(row for row in amended if row["paying"] == "yes")
    assert records[yes["uuid"]]["paying"] is None
    assert {type(row["session_id"]) for row in amended} >= {int, bool}


def test_fields_with_another_type_and_one_meaning() -> None:
    """Numbers as text, booleans as numbers, empty texts. The expected row has their meaning."""
    hour = Sample(events_per_hour=100, faults=frozenset({Fault.LOOSE_TYPES})).hour(NOON)
    found = events(Fault.LOOSE_TYPES)

    assert {type(row["amplitude_id"]) for row in found} == {int, float, str}
    assert {type(row["event_properties"]) for row in found} == {dict, list}
    assert all(type(record["amplitude_id"]) is int for record in hour.truth().records())
    assert (hour.truth().counts().amended, hour.truth().counts().rejected) == (0, 0)


def test_real_shaped_rows() -> None:
    """55 keys in several orders, arrays of attribution ids, and some rows with loose types."""
    sample = Sample(events_per_hour=1000, real_shaped=True)
    landed = [
        json.loads(line)
        for file in sample.hour(NOON).files(DataType.EVENTS)
        for _, line, _ in reader.lines(file.content())
    ]

    assert {len(row) for row in landed} == {55}
    assert len({tuple(row) for row in landed}) > 3
    assert {type(row["amplitude_attribution_ids"]) for row in landed} == {type(None), list}
    assert {type(row["paying"]) for row in landed} == {type(None), bool, str}
    assert any(row["groups"] == [] for row in landed)
    assert any(row["user_creation_time"] == "" or row["sample_rate"] == "" for row in landed)
    assert all(" " in row["event_time"] for row in landed)
    assert sample.hour(NOON).truth().counts().exported == 1000


def test_rows_of_a_foreign_project() -> None:
    """Another ``app`` than the folder's."""
    assert {row["app"] for row in events(Fault.FOREIGN_APP)} == {187520, 187521}


def test_rows_outside_their_hour_by_a_microsecond() -> None:
    """The nearest microseconds outside are rejected; the hour's first and last are exported."""
    assert {
        "2026-01-31 11:59:59.999999",
        "2026-01-31 12:00:00.000000",
        "2026-01-31 12:59:59.999999",
        "2026-01-31 13:00:00.000000",
    } <= upload_times(Fault.OUTSIDE_HOUR)


def test_integers_that_do_not_fit() -> None:
    """Beyond doubles, and beyond 64 bits signed and unsigned."""
    text = b"".join(texts(Fault.HUGE_INTEGER))

    for number in (2**53 + 1, 2**63, 2**64, 2**64 + 1):
        assert b"%d" % number in text


def test_half_surrogate_pairs() -> None:
    """Escapes whose other half is missing."""
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        json.dumps(events(Fault.LONE_SURROGATE), ensure_ascii=False).encode()


def test_nesting_that_is_deep_and_nesting_that_is_too_deep() -> None:
    """200 levels are legal, 100,000 are an attack."""
    assert max(map(reader.levels, events(Fault.DEEP_NESTING))) == 200
    assert any(b"[" * 99_998 in row for row in rows(Fault.TOO_DEEP))


def test_blank_lines() -> None:
    """Empty ones and ones of white space."""
    lines = [line for text in texts(Fault.BLANK_LINE) for line in text.split(b"\n")[:-1]]

    assert {b"", b"   "} <= set(lines)


def test_one_line_of_ten_megabytes() -> None:
    """One, however many rows the hour has."""
    assert [len(row) for row in rows(Fault.HUGE_LINE) if len(row) > 10_000] == [10_000_000]


def test_blobs_without_a_row() -> None:
    """One without bytes, one that decompresses to no bytes."""
    assert {b"", gzip.compress(b"", mtime=0)[:3]} <= {content[:3] for content in contents(Fault.EMPTY_BLOB)}
    assert [reader.unpacked(content)[0] for content in contents(Fault.EMPTY_BLOB)].count(b"") == 2


def test_plain_blobs_among_gzip() -> None:
    """The name says nothing: the plain blob's ends in gz, too."""
    assert {
        content.startswith(GZIP): file.name.endswith(".gz")
        for file in files_with(Fault.PLAIN_BLOB)
        for content in [file.content()]
    } == {True: True, False: True}


def test_gzip_of_several_members() -> None:
    """More than one member, cut within a line."""
    first_members = []
    for content in contents(Fault.MULTI_MEMBER_GZIP):
        member = zlib.decompressobj(31)
        text = member.decompress(content)
        if member.unused_data:
            first_members.append(text)

    assert first_members
    assert not first_members[0].endswith(b"\n")


def test_a_truncated_gzip() -> None:
    """It ends early, in the middle of a line."""
    torn = [text for text, early in map(reader.unpacked, contents(Fault.TRUNCATED_GZIP)) if early]

    assert [text.count(b"\n") for text in torn] == [12]
    assert not torn[0].endswith(b"\n")


def test_a_last_line_without_newline() -> None:
    """The last row ends where the blob ends."""
    assert any(text.endswith(b"}") for text in texts(Fault.NO_LAST_NEWLINE))


def test_lines_that_end_in_cr_lf() -> None:
    """All lines of a blob."""
    assert any(text.count(b"\r\n") == text.count(b"\n") for text in texts(Fault.CRLF))


def test_byte_order_marks() -> None:
    """Before the first row, and where another file was appended."""
    assert any(text.startswith(b'\xef\xbb\xbf{"') for text in texts(Fault.BOM))
    assert any(b'}\n\xef\xbb\xbf{"' in text for text in texts(Fault.BOM))


def test_blobs_that_are_no_ndjson() -> None:
    """Each is one rejected row with the whole blob."""
    hour = Sample(events_per_hour=100, faults=frozenset({Fault.NOT_NDJSON})).hour(NOON)
    rejected = list(hour.truth().rejected())

    assert {line.line[:2] for line in rejected} == {b"PK", b"[\n", b"{\n", b"\xff\xfe"}
    assert {line.line_number for line in rejected} == {1}


@pytest.mark.parametrize("data_type", DataType)
def test_blobs_that_arrive_late(data_type: DataType) -> None:
    """They are not among the hour's files, but in the same folder. One sorts first, one last."""
    hour = Sample(events_per_hour=100, faults=frozenset({Fault.LATE_BLOB})).hour(NOON)
    names = [file.name for file in hour.files(data_type)]

    early, late = (file.name for file in hour.late_files(data_type))

    assert early < min(names) <= max(names) < late
    assert {name.rpartition("/")[0] for name in [*names, early, late]} == {names[0].rpartition("/")[0]}


@pytest.mark.parametrize(
    "fault", [Fault.NOT_JSON, Fault.NOT_UTF8, Fault.MISSING_FIELD, Fault.MISTYPED_FIELD, Fault.OUTSIDE_HOUR]
)
def test_merged_ids_go_wrong_too(fault: Fault) -> None:
    """The expected export has the lines to reject, with their faults."""
    hour = Sample(events_per_hour=1000, faults=frozenset({fault})).hour(NOON)

    assert {line.fault for line in hour.truth(DataType.MERGED_IDS).rejected()} == {fault}


def test_large_hours_have_each_row_fault_again_and_again() -> None:
    """About once in a thousand rows, so that each slice of a large hour has some."""
    hour = Sample(events_per_hour=20_000, faults=frozenset({Fault.FOREIGN_APP})).hour(NOON)

    assert 15 <= hour.truth().counts().rejected <= 25
