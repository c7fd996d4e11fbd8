"""The ledger: every record as it was written, changed only over the version that was seen."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from types import GeneratorType

import pytest
from azure.data.tables import UpdateMode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.domain.claims import Claim
from exporter.domain.data_types import DataType
from exporter.domain.destination import Output
from exporter.domain.errors import Conflict, Fault
from exporter.domain.hour import Hour
from exporter.domain.hour_content import AppendBase, HourContent, HourFigures, Provenance, RowCounts
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.marker import Part
from exporter.domain.streams import Stream, StreamKey
from exporter.domain.versioned import UnreadableRowError
from exporter.domain.work_item import WorkItem
from exporter.storage.own.documents import from_columns, to_columns
from tests.contract.backends import HOUR, KEY, NOW, AzuriteBackend, Backend
from tests.contract.samples import RECORD as RECORD_OF_ALL
from tests.support.fakes.blobs import md5_base64
from tests.support.worlds import with_content, with_work

CLAIMANTS = 32
RECORD = HourRecord(KEY, HOUR)

counts = st.integers(0, 2**53)
moments = st.none() | st.datetimes(timezones=st.just(UTC))
texts = st.text(max_size=20)
records = st.builds(
    HourRecord,
    key=st.builds(
        StreamKey,
        st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True),
        st.builds(Stream, st.sampled_from(DataType), st.integers(1, 2**53)),
    ),
    hour=st.datetimes(timezones=st.just(UTC)).map(Hour.containing),
    status=st.sampled_from(HourStatus),
    finished_at=moments,
    work=st.builds(
        WorkItem,
        attempts=st.integers(0, 2**31),
        requested_by=texts,
        started_at=moments,
        error=st.none() | st.builds(Fault, texts, texts, texts),
        claim=st.none() | st.builds(Claim, texts, st.datetimes(timezones=st.just(UTC))),
        retry_at=moments,
    ),
    content=st.builds(
        HourContent,
        rows=st.builds(RowCounts, counts, counts, counts, counts),
        parts=st.lists(st.builds(Part, texts, counts, counts, texts), max_size=3).map(tuple),
        filter_sha256=st.none() | texts,
        output=st.none() | st.builds(Output),
    ),
)


def stored(backend: Backend, record: HourRecord = RECORD) -> HourRecord:
    """Return the record that the ledger has in that one's place."""
    found = backend.gateways.ledger.get(record.key, record.hour)
    assert found is not None
    return found.value


def test_an_hour_never_touched_has_no_record(backend: Backend) -> None:
    """Before there ever was one, and where there is none."""
    ledger = backend.gateways.ledger
    assert ledger.get(KEY, HOUR) is None
    assert list(ledger.between(KEY, HOUR, HOUR)) == []
    ledger.put(RECORD, None)
    assert ledger.get(KEY, HOUR.plus(1)) is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records)
def test_a_record_comes_back_as_it_went(backend: Backend, record: HourRecord) -> None:
    """Every field, whatever is in it."""
    ledger = backend.gateways.ledger
    there = ledger.get(record.key, record.hour)
    etag = ledger.put(record, there.etag if there else None)

    found = ledger.get(record.key, record.hour)

    assert found is not None
    assert (found.value, found.etag) == (record, etag)


def test_an_hour_of_five_thousand_parts_has_a_record(backend: Backend) -> None:
    """The contract knows no limit to the rows of an hour."""
    parts = tuple(
        Part(f"prefix/187520_2020-01-25_17#{number}.json.gz", 10**6 + number, 2**28 + number, md5)
        for number in range(1, 5001)
        if (md5 := md5_base64(str(number).encode()))
    )
    record = replace(RECORD, status=HourStatus.EXPORTED, content=HourContent(parts=parts))

    backend.gateways.ledger.put(record, None)

    assert stored(backend) == record


def test_only_who_has_seen_a_record_may_change_it(backend: Backend) -> None:
    """Everybody else gets a conflict, and has changed nothing."""
    ledger = backend.gateways.ledger
    first = ledger.put(RECORD, None)
    taken = RECORD.claimed_by("ours", "schedule", NOW)
    second = ledger.put(taken, first)
    assert second != first

    for etag in (None, first):
        with pytest.raises(Conflict):
            ledger.put(RECORD.claimed_by("theirs", "schedule", NOW), etag)
    with pytest.raises(Conflict):
        ledger.put(replace(RECORD, hour=HOUR.plus(1)), second)

    assert stored(backend) == taken
    assert ledger.get(KEY, HOUR.plus(1)) is None


def test_writing_what_is_there_already_is_no_conflict(backend: Backend) -> None:
    """It may well have been our own write, whose answer got lost."""
    ledger = backend.gateways.ledger
    first = ledger.put(RECORD, None)
    assert ledger.put(RECORD, None) == first

    taken = RECORD.claimed_by("ours", "schedule", NOW)
    second = ledger.put(taken, first)
    assert ledger.put(taken, first) == second


def test_a_record_that_was_seen_and_is_gone_is_a_conflict(backend: Backend) -> None:
    """Even if the whole table is: it is not written as if nothing had been there."""
    with pytest.raises(Conflict):
        backend.gateways.ledger.put(RECORD, "W/\"datetime'2026-01-31T13%3A15%3A00.0000000Z'\"")

    assert backend.gateways.ledger.get(KEY, HOUR) is None


@pytest.mark.parametrize("touched", [False, True])
def test_of_many_claimants_one_wins(backend: Backend, *, touched: bool) -> None:
    """All at once, on an hour that has no record yet and on one that has."""
    ledger = backend.gateways.ledger
    etag = ledger.put(RECORD, None) if touched else None
    start = threading.Barrier(CLAIMANTS)
    winners: list[str] = []
    losers: list[str] = []

    def claim(name: str) -> None:
        start.wait()
        try:
            ledger.put(RECORD.claimed_by(name, "schedule", NOW), etag)
        except Conflict:
            losers.append(name)
        else:
            winners.append(name)

    _all_at_once(claim)

    assert (len(winners), len(losers)) == (1, CLAIMANTS - 1)
    assert stored(backend).work.claim == Claim(winners[0], NOW + timedelta(seconds=90))


def _all_at_once(call: Callable[[str], None]) -> None:
    threads = [threading.Thread(target=call, args=[f"worker {number}"]) for number in range(CLAIMANTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_range_has_both_its_ends_and_no_other_hours(backend: Backend) -> None:
    """Oldest first, across days; other streams and other destinations are not in it."""
    ledger = backend.gateways.ledger
    hours = [HOUR.plus(number) for number in range(-2, 12)]
    for hour in reversed(hours):
        ledger.put(replace(RECORD, hour=hour), None)
    for other in (
        StreamKey("acme", Stream(DataType.EVENTS, 18752)),
        StreamKey("acme", Stream(DataType.MERGED_IDS, 187520)),
        StreamKey("acme-2", KEY.stream),
    ):
        ledger.put(HourRecord(other, HOUR), None)

    found = list(ledger.between(KEY, hours[1], hours[-2]))

    assert [record.hour for record in found] == hours[1:-1]
    assert {record.key for record in found} == {KEY}
    assert list(ledger.between(KEY, hours[3], hours[2])) == []


def test_states_hold_what_the_schedule_looks_at(backend: Backend) -> None:
    """And leave out the rest, however much it is."""
    ledger = backend.gateways.ledger
    touched = with_work(with_content(RECORD, parts=(Part("a", 1, 1, "x"),)), attempts=7)
    running = touched.claimed_by("ours", "schedule", NOW)
    failed = replace(running, hour=HOUR.plus(1)).failed(Fault("code", "message", "fix"), NOW)
    elsewhere = Provenance("acme.blob.core.windows.net|raw|a", "marker", digests=("acme/keys",))
    moved = replace(with_content(running, origin=elsewhere), hour=HOUR.plus(2), not_moved_to="|other|")
    done = moved.finished(NOW)
    for record in (running, failed, done):
        ledger.put(record, None)

    states = list(ledger.states(KEY, HOUR, HOUR.plus(9)))

    assert states == [
        HourRecord(KEY, HOUR, HourStatus.RUNNING, work=WorkItem(claim=running.work.claim)),
        HourRecord(KEY, HOUR.plus(1), HourStatus.FAILED, NOW, WorkItem(retry_at=failed.work.retry_at)),
        HourRecord(
            KEY,
            HOUR.plus(2),
            HourStatus.EXPORTED,
            finished_at=NOW,
            content=HourContent(origin=Provenance(elsewhere.target)),
            not_moved_to="|other|",
        ),
    ]
    assert [stored(backend, record) for record in (running, failed, done)] == [running, failed, done]
    later = NOW + timedelta(days=1)
    assert [state.due(later) for state in states] == [True, True, False]


def test_figures_are_read_without_the_record(backend: Backend) -> None:
    """Rows, rejected rows, bytes of all parts, and whether late rows were appended."""
    ledger = backend.gateways.ledger
    parts = (Part("a", 2, 2**40, "x"), Part("b", 3, 5, "y"))
    base = AppendBase(1, 1, RowCounts(2))
    exported = with_content(
        RECORD,
        parts=parts,
        rows=RowCounts(2**33, 7, 8, 9, 1),
        origin=Provenance("acme|raw|", kept=base),
    ).finished(NOW)
    running = replace(RECORD, hour=HOUR.plus(1)).claimed_by("ours", "schedule", NOW)
    for record in (exported, running):
        ledger.put(record, None)

    found = list(ledger.figures(KEY, HOUR, HOUR.plus(9)))

    assert found == [
        (exported.outline(), HourFigures(2**33, 9, 2**40 + 5, late=True)),
        (running.outline(), HourFigures()),
    ]
    backend.spoil("ledger", str(KEY), HOUR.key)
    (bad, figures), _ = ledger.figures(KEY, HOUR, HOUR.plus(9))
    assert (bad.hour, bad.unreadable, figures) == (HOUR, True, HourFigures())


def test_ranges_are_read_lazily(backend: Backend) -> None:
    """To look at the first hours of years does not read the years."""
    ledger = backend.gateways.ledger
    ledger.put(RECORD, None)

    assert isinstance(ledger.between(KEY, HOUR, HOUR), GeneratorType)
    assert isinstance(ledger.states(KEY, HOUR, HOUR), GeneratorType)
    assert isinstance(ledger.figures(KEY, HOUR, HOUR), GeneratorType)


def test_a_ledger_is_told_from_one_that_was_made_in_its_place(backend: Backend) -> None:
    """Its identity is made up by the first who asks, stays, and is no hour of any stream."""
    ledger = backend.gateways.ledger
    first = ledger.identity(NOW)

    assert ledger.identity(NOW + timedelta(days=1)) == first != ""
    assert list(ledger.between(KEY, HOUR, HOUR.plus(1))) == []
    backend.lose_ledger()
    assert ledger.identity(NOW + timedelta(days=2)) not in {first, ""}


@pytest.mark.parametrize("path", ["", "work", "work.claim", "content.origin.kept.rows", "journal", "sliced"])
@pytest.mark.parametrize("change", ["an unknown key", "a missing key"])
def test_a_stored_record_that_has_other_keys_is_unreadable(
    azurite: AzuriteBackend, path: str, change: str
) -> None:
    """At whatever level: it was written by another version, or by hand."""
    ledger, table = azurite.gateways.ledger, azurite.own_name("ledger")
    ledger.put(RECORD_OF_ALL, None)
    client = azurite.account.tables.get_table_client(table)
    row = dict(client.get_entity(str(KEY), HOUR.key))
    document = json.loads(from_columns(row))
    place = document
    for key in filter(None, path.split(".")):
        place = place[key]
    if change == "an unknown key":
        place["surprise"] = 1
    else:
        place.popitem()
    client.update_entity(row | to_columns(json.dumps(document).encode()), UpdateMode.REPLACE)

    with pytest.raises(UnreadableRowError, match="column document:"):
        ledger.get(KEY, HOUR)
    assert [record.unreadable for record in ledger.between(KEY, HOUR, HOUR)] == [True]


@pytest.mark.parametrize("column", [{"status": "exported"}, {"rows": "5"}, {"bytes": "5"}, {"late": "0"}])
def test_a_row_whose_columns_and_document_differ_is_unreadable(
    azurite: AzuriteBackend, column: dict[str, str]
) -> None:
    """A tick and a summary read the columns, an export the document: they have to agree."""
    ledger = azurite.gateways.ledger
    ledger.put(RECORD_OF_ALL, None)
    client = azurite.account.tables.get_table_client(azurite.own_name("ledger"))
    client.update_entity({"PartitionKey": str(KEY), "RowKey": HOUR.key, **column})

    with pytest.raises(UnreadableRowError, match="do not say what its document says"):
        ledger.get(KEY, HOUR)
