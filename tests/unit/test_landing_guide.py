"""docs/landing.md agrees with the code: folders, reasons, limits, configurations of other programs."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.domain.data_types import DATA_TYPES, DataType
from exporter.domain.hour import Hour
from exporter.domain.row_schema import Reason
from exporter.domain.streams import Stream
from exporter.settings import Settings
from tests.support.documents import table

PROJECT = Path(__file__).resolve().parents[2]
GUIDE = (PROJECT / "docs/landing.md").read_text()
AT = datetime(2026, 1, 31, 5, 17, 31, 123456, tzinfo=UTC)
FOLDER = Stream(DataType.EVENTS, 187520).landing_folder(Hour.parse("2026-01-31T05"))


def blocks(title: str) -> dict[str, str]:
    """Return the code blocks of a section by their language; the first of each."""
    text = GUIDE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    found: dict[str, str] = {}
    for language, block in re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL):
        found.setdefault(language, block)
    assert found, title
    return found


def configuration(title: str) -> dict[str, Any]:
    """Return the YAML document of a section."""
    loaded: dict[str, Any] = yaml.safe_load(blocks(title)["yaml"])
    return loaded


def test_the_folders_of_the_guide_are_those_of_the_code() -> None:
    """Both data types, with the time that decides."""
    rows = table(GUIDE, "| Data type | Folder of an hour | A row belongs to the hour of |")
    sources = {DataType.EVENTS: 187520, DataType.MERGED_IDS: 189524}
    hour = Hour.parse("2026-01-31T05")

    for cells, (data_type, source) in zip(rows, sources.items(), strict=True):
        assert cells[0] == data_type.replace("_", " ")
        assert f"`{Stream(data_type, source).landing_folder(hour)}`" in cells[1]
        assert re.findall(r"`(\w+)`", cells[2])[0] in {field.name for field in DATA_TYPES[data_type].fields}


@pytest.mark.parametrize("data_type", DataType)
def test_the_guide_names_every_required_key(data_type: DataType) -> None:
    """In the fourth rule."""
    rule = GUIDE.partition("4. **An event has**")[2].partition("\n5.")[0]
    of_type = rule.partition("a merged id has")[0 if data_type is DataType.EVENTS else 2].partition(
        "All other"
    )[0]

    assert set(re.findall(r"`(\w+)`", of_type)) == {
        field.name for field in DATA_TYPES[data_type].fields if field.required
    }


def test_the_reasons_in_the_guide_are_those_of_the_code() -> None:
    """Each code in style of code, in the table of what goes wrong."""
    rows = table(GUIDE, "| What you see | Why | What to do |")
    named = {name for cells in rows for name in re.findall(r"`(\w+)`", cells[0])}

    assert {reason.value for reason in Reason} >= named - {
        *("empty", "warning", "rejected_by_reason", "duplicate", "exported", "landing_archived")
    }
    assert {Reason.OUTSIDE_HOUR, Reason.NOT_NDJSON, Reason.FIELD_MISSING, Reason.FOREIGN_APP} <= named


def test_the_times_in_the_guide_are_the_defaults() -> None:
    """When an hour closes, and when late data is looked for."""
    settings = Settings.from_environ(
        {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "SECRETS_KEY": "A" * 43 + "="}
    )
    hours = [after // timedelta(hours=1) for after in settings.late_checks]

    assert f"after its end, {settings.settle // timedelta(minutes=1)} by default" in GUIDE
    assert f"late checks, {', '.join(map(str, hours[:-1]))} and {hours[-1]} hours" in GUIDE


def test_the_output_of_stream_analytics_writes_lines_into_the_folder_of_the_hour() -> None:
    """One object a line; {date} and {time} in .NET's formats are year, month, day and hour."""
    found = blocks("Event Hubs")
    output = json.loads(found["json"])
    properties = output["datasource"]["properties"]
    formats = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H"}
    folder = properties["pathPattern"]
    for token, text in (("{date}", properties["dateFormat"]), ("{time}", properties["timeFormat"])):
        folder = folder.replace(
            token, AT.strftime(re.sub("yyyy|MM|dd|HH", lambda each: formats[each[0]], text))
        )

    assert f"{folder}/" == FOLDER
    assert output["serialization"]["properties"]["format"] == "LineSeparated"
    assert properties["blobWriteMode"] == "Once"
    assert "TIMESTAMP BY server_upload_time" in found["sql"]


def test_vector_writes_lines_into_the_folder_of_the_hour() -> None:
    """Its prefix is a pattern of strftime for the field ``timestamp``, which does not reach the rows."""
    document = configuration("Vector")
    sink = document["sinks"]["landing"]

    assert AT.strftime(sink["blob_prefix"]) == FOLDER
    assert sink["framing"] == {"method": "newline_delimited"}
    assert sink["encoding"] == {"codec": "json", "except_fields": ["timestamp"]}
    assert sink["inputs"] == ["hour"]
    assert ".timestamp = parse_timestamp!(.server_upload_time" in document["transforms"]["hour"]["source"]


@pytest.mark.parametrize("time", ["2026-01-31 05:17:31.123456", "2026-01-31T05:17:31.123456Z"])
def test_fluent_bit_writes_into_the_folder_of_the_hour(time: str) -> None:
    """The new tag, with the groups of the pattern, is the rest of the name after the path."""
    pipeline = configuration("Fluent Bit")["pipeline"]
    key, pattern, tag, keep = pipeline["filters"][0]["rule"].split(" ")
    output = pipeline["outputs"][0]
    match = re.match(pattern, time)
    assert match
    name = re.sub(r"\$(\d)", lambda each: match[int(each[1])], tag)

    assert (key, keep) == ("$server_upload_time", "false")
    assert f"{output['path']}/{name}".startswith(FOLDER)
    assert output["blob_type"] == "blockblob"
    assert output["match"] == "*/host"
    assert name.endswith("/host")
