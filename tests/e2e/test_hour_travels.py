"""Hours on their way from the landing container to the customers', with all that can be wrong with them.

What is landed is made up, and so is known without reading it; what arrives is read by DuckDB.
"""

import base64
import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient

from infra.local.sample import DataType, Fault, LandingHour, Sample, TimeFormat, Truth
from tests.support import landing_reader as reader
from tests.support.customer_files import EVENT_COLUMNS, MERGED_ID_COLUMNS, Files, contents
from tests.support.installation import Installation, Json, installed, key_of, ok

SAMPLE = Sample(
    events_per_hour=300,
    merges_per_hour=40,
    faults=frozenset(Fault) - {Fault.LATE_BLOB},
    time_format=TimeFormat.MIXED,
    extra_keys=True,
)
# The reason in a rejected row, for each fault.
REASONS = {
    Fault.NOT_JSON: {"not_json", "not_an_object"},
    Fault.NOT_UTF8: {"not_utf8"},
    Fault.MISSING_FIELD: {"field_missing"},
    Fault.MISTYPED_FIELD: {"wrong_type"},
    Fault.FOREIGN_APP: {"foreign_app"},
    Fault.OUTSIDE_HOUR: {"outside_hour"},
    Fault.TOO_DEEP: {"too_deep"},
    Fault.TRUNCATED_GZIP: {"unreadable"},
    Fault.NOT_NDJSON: {"not_ndjson"},
}
# Three destinations: one for each data type with default output, and one for both with all options.
EVENTS, MERGED_IDS, OTHERWISE = "travels-events", "travels-merged-ids", "travels-otherwise"
OTHER_OUTPUT: dict[str, Any] = {
    "name_style": "safe",
    "path_layout": "by_project",
    "timestamp_format": "amplitude",
    "extra_keys": "keep",
    "completion_marker": False,
    "compression": "small",
}


@dataclass(frozen=True, slots=True)
class Export:
    """The exported hours: two with rows, and a third without landed blobs."""

    installation: Installation
    hours: tuple[LandingHour, ...]
    empty: datetime
    seen: dict[str, dict[str, bytes]]
    ledger: dict[str, list[Json]]
    destinations: dict[str, Json]
    rejected: dict[tuple[str, datetime], list[Json]]
    """The rejected and amended rows that the API shows, by destination and hour."""

    def container(self, destination_id: str) -> ContainerClient:
        """Return a customer's container."""
        return self.installation.container(destination_id)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Export]:
    """Land the hours and export them, once for all tests."""
    with installed(tmp_path_factory.mktemp("installation")) as installation:
        yield exported(installation)


def exported(installation: Installation, *, backwards: bool = False) -> Export:
    """Land the hours, create the destinations, run the tick, and wait."""
    starts = installation.newest_hours(3)
    hours = tuple(SAMPLE.hour(start) for start in (starts[0], starts[2]))
    files = [file for hour in hours for file in hour]
    installation.land(reversed(files) if backwards else files)
    with installation.app() as app:
        one_each = ((EVENTS, DataType.EVENTS), (MERGED_IDS, DataType.MERGED_IDS))
        for name, data_type in one_each:
            app.activate(installation.destination(name, SAMPLE, starts[0], (data_type,)))
        app.activate(
            installation.destination(OTHERWISE, SAMPLE, starts[0], prefix="exports/raw", **OTHER_OUTPUT)
        )
        app.tick()
        ledger = {name: app.exported(name, starts) for name in (EVENTS, MERGED_IDS, OTHERWISE)}
        destinations = {name: app.destination(name) for name in ledger}
        rejected = {
            (name, hour.start): ok(
                app.api.get(f"/destinations/{name}/hours/{key_of(hour.start)}/rejected?limit=200")
            )["rows"]
            for name in (EVENTS, MERGED_IDS)
            for hour in hours
        }
    seen = {name: contents(installation.container(name)) for name in ledger}
    return Export(installation, hours, starts[1], seen, ledger, destinations, rejected)


def name_of(hour: LandingHour | datetime, data_type: DataType) -> str:
    """Return the beginning of the names of an hour's files."""
    start = hour.start if isinstance(hour, LandingHour) else hour
    owner = "187520" if data_type is DataType.EVENTS else "-189524"
    return f"{owner}_{start:%Y-%m-%d}_{start.hour}"


def times_apart(records: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return records with datetimes in UTC as times, whatever their format."""
    times = frozenset(reader.TIMES.split())
    return [
        {key: moment(value) if key in times and value else value for key, value in record.items()}
        for record in records
    ]


def moment(text: str) -> datetime:
    """Return the time as DuckDB has it: in UTC, without a time zone."""
    return reader.moment(text).astimezone(UTC).replace(tzinfo=None)


def test_every_event_arrives_once_and_in_order_with_all_its_values(export: Export, tmp_path: Path) -> None:
    """All 49 columns have the contract's types, and the values that landed."""
    for hour in export.hours:
        name = f"{name_of(hour, DataType.EVENTS)}#1.json.gz"

        rows = Files.saved(tmp_path, [(name, export.seen[EVENTS][name])]).table(EVENT_COLUMNS)

        for row in rows:
            row["uuid"] = str(row["uuid"])
            for key in reader.DICTS.split():
                row[key] = json.loads(row[key])
            ids = row["amplitude_attribution_ids"]
            row["amplitude_attribution_ids"] = None if ids is None else json.loads(ids)
        assert rows == times_apart(hour.truth().records())


def test_no_event_is_in_two_files_of_the_whole_container(export: Export, tmp_path: Path) -> None:
    """A reader who loads all files has every landed event, once."""
    files = [(name, body) for name, body in export.seen[EVENTS].items() if name.endswith(".json.gz")]

    found = [str(row["uuid"]) for row in Files.saved(tmp_path, files).table(EVENT_COLUMNS)]

    expected = [each for hour in export.hours for each in hour.truth().event_ids()]
    assert len(found) == len(set(found)) > 2 * SAMPLE.events_per_hour
    assert sorted(found) == sorted(expected)


def test_an_event_has_the_49_keys_and_no_other(export: Export, tmp_path: Path) -> None:
    """Without the six further keys of some sources. Times are ISO 8601 with six digits."""
    name = f"{name_of(export.hours[0], DataType.EVENTS)}#1.json.gz"

    lines = Files.saved(tmp_path, [(name, export.seen[EVENTS][name])]).lines()

    assert {tuple(sorted(line)) for line in lines} == {tuple(reader.KEYS)}
    for line, truth in zip(lines, export.hours[0].truth().records(), strict=True):
        expected = moment(truth["server_upload_time"]).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert line["server_upload_time"] == expected


def test_every_merged_id_arrives_in_order_with_all_its_values(export: Export, tmp_path: Path) -> None:
    """Five integers, whatever their size."""
    for hour in export.hours:
        name = f"{name_of(hour, DataType.MERGED_IDS)}.json.gz"

        rows = Files.saved(tmp_path, [(name, export.seen[MERGED_IDS][name])]).table(MERGED_ID_COLUMNS)

        assert rows == list(hour.truth(DataType.MERGED_IDS).records())


def test_a_container_holds_the_hours_files_and_markers_and_nothing_else(export: Export) -> None:
    """A part and a marker for an hour with rows, a marker for one without. The test upload leaves nothing."""
    parts = {EVENTS: (DataType.EVENTS, "#1.json.gz"), MERGED_IDS: (DataType.MERGED_IDS, ".json.gz")}
    for destination_id, (data_type, suffix) in parts.items():
        files = {name_of(hour, data_type) + suffix for hour in export.hours}
        markers = {
            f"{name_of(start, data_type)}_complete" for start in (*_starts(export.hours), export.empty)
        }

        assert export.seen[destination_id].keys() == files | markers


def test_the_other_output_options_are_in_the_names_and_in_the_rows(export: Export, tmp_path: Path) -> None:
    """Prefix, folders, safe names, no marker; times in the format ``amplitude``, and all keys kept."""
    seen = export.seen[OTHERWISE]
    events = {f"exports/raw/187520/{name_of(hour, DataType.EVENTS)}_1.json.gz" for hour in export.hours}
    merged = {f"exports/raw/-189524/{name_of(hour, DataType.MERGED_IDS)}.json.gz" for hour in export.hours}
    assert seen.keys() == events | merged

    for hour in export.hours:
        name = f"exports/raw/187520/{name_of(hour, DataType.EVENTS)}_1.json.gz"
        lines = Files.saved(tmp_path, [(name, seen[name])]).lines()
        expected = times_apart(hour.truth().records(extra_keys=True))
        for row in expected:
            row |= {
                key: f"{value:%Y-%m-%d %H:%M:%S.%f}"
                for key, value in row.items()
                if isinstance(value, datetime)
            }
        assert lines == expected
        assert any("$insert_key" in line for line in lines)


def test_merged_ids_do_not_depend_on_the_other_options(export: Export) -> None:
    """Apart from their place and their compression."""
    for hour in export.hours:
        name = f"{name_of(hour, DataType.MERGED_IDS)}.json.gz"

        otherwise = gzip.decompress(export.seen[OTHERWISE][f"exports/raw/-189524/{name}"])

        assert otherwise == gzip.decompress(export.seen[MERGED_IDS][name])


@pytest.mark.parametrize("data_type", DataType)
def test_rejected_rows_are_kept_byte_for_byte_with_their_place(
    export: Export, tmp_path: Path, data_type: DataType
) -> None:
    """Every invalid or amended line, with the reason that fits its fault."""
    destination_id, source = (
        (EVENTS, SAMPLE.project_id) if data_type is DataType.EVENTS else (MERGED_IDS, SAMPLE.org_id)
    )
    for hour in export.hours:
        folder = f"{destination_id}/{data_type}/{source}/{hour.start:%Y/%m/%d/%H}/"
        (name,) = export.container("rejected").list_blob_names(name_starts_with=folder)
        assert re.fullmatch(r"000001-[0-9a-f]+-1\.ndjson\.gz", name.removeprefix(folder))
        blob = export.container("rejected").download_blob(name).readall()

        lines = Files.saved(tmp_path, [(f"{name}.json.gz", blob)]).lines()
        rejected = [line for line in lines if not line.get("exported")]
        amended = [line for line in lines if line.get("exported")]

        truth = list(hour.truth(data_type).rejected())
        for kept, known in ((rejected, truth), (amended, list(hour.truth(data_type).amended()))):
            assert [(line["blob"], line["line"], bytes_of(line)) for line in kept] == [
                (each.blob, each.line_number, each.line) for each in known
            ]
        for line, each in zip(rejected, truth, strict=True):
            assert line["reason"] in REASONS[each.fault], (line, each)
            assert line["detail"]
        assert {(line["reason"], len(line["keys"])) for line in amended} <= {("wrong_type", 1)}
        for line, shown in zip(lines, export.rejected[destination_id, hour.start], strict=True):
            same = ("blob", "line", "reason", "detail")
            assert [line[key] for key in same] == [shown[key] for key in same]
            assert bytes_of(line).startswith(bytes_of({key: text for key, text in shown.items() if text}))


def bytes_of(rejected: dict[str, Any]) -> bytes:
    """Return what the rejected line was."""
    if "row_base64" in rejected:
        return base64.b64decode(rejected["row_base64"], validate=True)
    return str(rejected["row"]).encode()


@pytest.mark.parametrize(
    ("destination_id", "data_types"),
    [
        (EVENTS, (DataType.EVENTS,)),
        (MERGED_IDS, (DataType.MERGED_IDS,)),
        (OTHERWISE, (DataType.EVENTS, DataType.MERGED_IDS)),
    ],
)
def test_the_ledger_accounts_for_every_row(
    export: Export, destination_id: str, data_types: tuple[DataType, ...]
) -> None:
    """Read rows are exported, duplicate or rejected. No hour needed a second attempt."""
    found = {(hour["hour"], hour["data_type"]): hour for hour in export.ledger[destination_id]}

    assert found.keys() == {
        (key_of(start), data_type.value)
        for start in (*_starts(export.hours), export.empty)
        for data_type in data_types
    }
    for data_type in data_types:
        for hour in export.hours:
            row = found[key_of(hour.start), data_type.value]
            assert row["rows"] == counts(hour.truth(data_type))
            assert row["amended"] == hour.truth(data_type).counts().amended
            assert sum(row["rejected_by_reason"].values()) == row["rows"]["rejected"]
            assert row["warning"] is None
            assert (row["status"], row["attempts"], row["requested_by"]) == ("exported", 1, "schedule")
        empty = found[key_of(export.empty), data_type.value]
        assert (empty["status"], empty["parts"], empty["error"]) == ("empty", [], None)
        assert set(empty["rows"].values()) == {0}


def counts(truth: Truth) -> dict[str, int]:
    """Return the counts as the API names them."""
    found = truth.counts()
    assert found.rejected > 0
    return {
        "read": found.read,
        "exported": found.exported,
        "filtered": 0,
        "duplicate": found.duplicate,
        "rejected": found.rejected,
    }


@pytest.mark.parametrize("destination_id", [EVENTS, MERGED_IDS, OTHERWISE])
def test_a_destination_shows_how_far_it_is(export: Export, destination_id: str) -> None:
    """Nothing is owed, and the newest hour is the last one of each data type."""
    destination = export.destinations[destination_id]

    assert destination["status"] == "active"
    assert destination["last_error"] is None
    assert set(destination["owed_hours"].values()) == {0}
    assert set(destination["last_exported_hour"].values()) == {key_of(export.hours[-1].start)}


@pytest.mark.parametrize("destination_id", [EVENTS, MERGED_IDS, OTHERWISE])
def test_files_are_one_gzip_member_without_a_time(export: Export, destination_id: str) -> None:
    """And every line of them ends with a newline, the last one too."""
    bodies = [body for name, body in export.seen[destination_id].items() if name.endswith(".gz")]

    for body in bodies:
        member = zlib.decompressobj(wbits=31)
        text = member.decompress(body)
        assert (member.eof, member.unused_data) == (True, b"")
        # Magic number, deflate, no flags (so no name either), time 0.
        assert body[:8] == b"\x1f\x8b\x08\x00" + bytes(4)
        assert text.endswith(b"\n")
        assert not text.startswith(b"\xef\xbb\xbf")
        assert b"\r" not in text
    assert bodies


@pytest.mark.parametrize("destination_id", [EVENTS, MERGED_IDS, OTHERWISE])
def test_files_say_what_they_are(export: Export, destination_id: str) -> None:
    """A content type, no content encoding (clients would decompress), and the MD5 of the bytes."""
    container = export.container(destination_id)
    for name, body in export.seen[destination_id].items():
        if name.endswith(".gz"):
            settings = container.get_blob_client(name).get_blob_properties().content_settings
            assert settings.content_type == "application/gzip", name
            assert settings.content_encoding is None, name
            assert bytes(settings.content_md5 or b"") == md5(body), name


def md5(body: bytes) -> bytes:
    """Return the MD5, by which storage services know content."""
    return hashlib.md5(body, usedforsecurity=False).digest()


@pytest.mark.parametrize(
    ("destination_id", "data_type"), [(EVENTS, DataType.EVENTS), (MERGED_IDS, DataType.MERGED_IDS)]
)
def test_a_marker_is_true_to_its_hours_files(
    export: Export, destination_id: str, data_type: DataType
) -> None:
    """It lists exactly the parts that are there, with their rows, sizes and MD5; and so does the ledger."""
    seen = export.seen[destination_id]
    for start in (*_starts(export.hours), export.empty):
        name = name_of(start, data_type)
        files = {each: body for each, body in seen.items() if each.startswith((f"{name}#", f"{name}."))}
        parts = [
            {
                "name": each,
                "rows": gzip.decompress(body).count(b"\n"),
                "bytes": len(body),
                "md5": base64.b64encode(md5(body)).decode(),
            }
            for each, body in sorted(files.items())
        ]

        marker = json.loads(seen[f"{name}_complete"])

        assert marker == {
            "hour": key_of(start),
            "data_type": data_type.value,
            "rows": sum(int(str(part["rows"])) for part in parts),
            "parts": parts,
            "filter_sha256": None,
        }
        (row,) = [each for each in export.ledger[destination_id] if each["hour"] == key_of(start)]
        assert row["parts"] == parts


@pytest.mark.slow
def test_the_same_landing_gives_the_same_bytes_in_another_installation(
    export: Export, tmp_path: Path
) -> None:
    """In two separate installations. In the second, the newest blobs landed first."""
    with installed(tmp_path, export.installation.at) as another:
        again = exported(another, backwards=True)

    assert again.seen == export.seen


def _starts(hours: tuple[LandingHour, ...]) -> list[datetime]:
    return [hour.start for hour in hours]
