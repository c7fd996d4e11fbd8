"""Rows as they lie in the tables: read strictly, and nothing in them is ever replaced by a default."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from azure.data.tables import UpdateMode
from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.data_types import DataType
from exporter.domain.errors import Fault
from exporter.domain.hour_record import HourRecord
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import Stream, StreamKey
from exporter.storage.own.columns import parse_moment, parse_stream_key
from exporter.storage.own.documents import COLUMN_BYTES, DOCUMENT_BYTES_MAX, from_columns, to_columns
from exporter.storage.own.entities import Entity
from tests.contract.backends import HOUR, KEY, NOW, AzuriteBackend

FAILED = (
    HourRecord(KEY, HOUR).claimed_by("ours", "schedule", NOW).failed(Fault("code", "message", "fix"), NOW)
)


def without(column: str) -> Callable[[dict[str, Any]], None]:
    """Return a change that takes a column away."""
    return lambda row: row.__delitem__(column)


def having(**columns: object) -> Callable[[dict[str, Any]], None]:
    """Return a change that sets columns."""
    return lambda row: row.update(columns)


CORRUPTIONS = {
    "status is missing": (without("status"), "status"),
    "status unknown": (having(status="finished"), "status"),
    "no version": (without("v"), "v"),
    "a later version": (having(v=2), "v"),
    "claim is missing": (without("claim"), "claim"),
    "claim is none": (having(claim='{"id":"ours"}'), "claim"),
    "retry_at is missing": (without("retry_at"), "retry_at"),
    "retry_at is no time": (having(retry_at="soon"), "retry_at"),
    "retry_at has no zone": (having(retry_at="2026-01-31T13:15:00"), "retry_at"),
    "retry_at is a number": (having(retry_at=7), "retry_at"),
    "document is missing": (without("document0"), "document"),
    "document is broken": (having(document0=b"broken"), "document"),
    "document is text": (having(document0="text"), "document"),
    "document has a gap": (having(document2=b""), "document"),
    "document lacks a field": (having(**to_columns(b'{"rows":{},"parts":[]}')), "document"),
    "document is no JSON": (having(**to_columns(b"parts")), "document"),
}


@pytest.mark.parametrize(("change", "column"), CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_a_corrupt_record_is_an_error_that_names_it(
    azurite: AzuriteBackend, change: Callable[[dict[str, Any]], None], column: str
) -> None:
    """Its table, its keys, and the column that is wrong."""
    ledger = azurite.gateways.ledger
    ledger.put(FAILED, None)
    table = azurite.account.tables.get_table_client(azurite.own_name("ledger"))
    row = dict(table.get_entity(str(KEY), HOUR.key))
    change(row)
    table.update_entity(row, UpdateMode.REPLACE)

    named = rf"table ledger\d+, row acme:events:187520 / 2020-01-25T17, column {column}:"
    with pytest.raises(ValueError, match=named):
        ledger.get(KEY, HOUR)
    assert [record.unreadable for record in ledger.between(KEY, HOUR, HOUR)] == [True]
    states = [record.unreadable for record in ledger.states(KEY, HOUR, HOUR)]
    assert states == [column != "document"]


def test_corrupt_progress_is_an_error_that_names_it(azurite: AzuriteBackend) -> None:
    """A wrong frontier would hide owed hours."""
    schedule = azurite.gateways.schedule
    schedule.put(KEY, StreamProgress(KEY, HOUR, HOUR))
    table = azurite.account.tables.get_table_client(azurite.own_name("schedule"))
    table.update_entity({"PartitionKey": "stream", "RowKey": str(KEY), "watermark": "later"})

    with pytest.raises(ValueError, match="row stream / acme:events:187520, column watermark:"):
        schedule.get(KEY)
    assert [row.column for row in schedule.all().unreadable] == ["watermark"]


def test_a_corrupt_destination_is_an_error_that_names_it(azurite: AzuriteBackend) -> None:
    """And does not repeat its secret."""
    destinations = azurite.gateways.destinations
    destinations.put(azurite.destination, None)
    table = azurite.account.tables.get_table_client(azurite.own_name("destinations"))
    table.update_entity({"PartitionKey": "destination", "RowKey": "acme", "status": "sleeping"})

    with pytest.raises(ValueError, match="row destination / acme, column status:") as raised:
        destinations.get("acme")
    assert azurite.destination.credentials.sealed not in str(raised.value)
    for found in (destinations.all(), destinations.active()):
        assert (list(found), [row.column for row in found.unreadable]) == ([], ["status"])


@given(st.binary(max_size=1000), st.integers(1, 100))
def test_a_document_comes_back_as_it_went(content: bytes, times: int) -> None:
    """However many columns it takes, and the same for the same."""
    document = content * times
    columns = to_columns(document)

    assert from_columns(columns) == document
    assert to_columns(document) == columns
    assert all(len(column) <= COLUMN_BYTES for column in columns.values())


def test_the_largest_document_fits_into_a_row(azurite: AzuriteBackend) -> None:
    """The emulator is stricter than Azure: what it takes, Azure takes."""
    columns = {
        f"document{number}": b"x" * COLUMN_BYTES for number in range(DOCUMENT_BYTES_MAX // COLUMN_BYTES)
    }
    table = azurite.account.tables.get_table_client(azurite.own_name("ledger"))
    table.create_table()

    table.create_entity({"PartitionKey": str(KEY), "RowKey": HOUR.key, **columns})

    assert dict(table.get_entity(str(KEY), HOUR.key)).items() >= columns.items()


def test_a_document_that_does_not_fit_is_refused() -> None:
    """Clearly, and before anything is sent."""
    noise = hashlib.shake_256(b"").digest(DOCUMENT_BYTES_MAX)
    with pytest.raises(ValueError, match="does not fit into a row"):
        to_columns(noise)


def test_a_row_without_keys_is_an_error_too() -> None:
    """Whatever comes out of a table, its name is in the message."""
    with pytest.raises(ValueError, match="table ledger, row None / None, column v: is missing"):
        Entity("ledger", {}).check_version()


@pytest.mark.parametrize("text", ["", "acme", "acme:events", "acme:rows:1", "acme:events:x", "a:events:1:2"])
def test_what_is_no_stream_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r"."):
        parse_stream_key(text)


def test_a_stream_is_read_from_its_text() -> None:
    """As keys of tables have it."""
    for data_type in DataType:
        key = StreamKey("acme", Stream(data_type, 2**40))
        assert parse_stream_key(str(key)) == key


def test_a_time_is_read_in_utc() -> None:
    """Whatever zone it was written in."""
    assert parse_moment("2026-01-31T14:15:00+01:00") == NOW
    assert parse_moment("") is None
