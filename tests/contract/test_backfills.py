"""Backfills: their rows, and the messages of their steps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from exporter.domain.backfill import (
    FAILED_MAX,
    Backfill,
    BackfillStatus,
    FailedHour,
)
from exporter.domain.errors import Conflict, Fault
from exporter.ports import Jobs
from exporter.storage.clients import Account
from exporter.storage.own.specs import backfills_table
from infra.local.azurite import Endpoints
from tests.contract.backends import HASTE, HOUR, NOW, AzuriteBackend
from tests.contract.samples import ASKED, RUNNING, STREAMS
from tests.support.fakes.world import World

# As many failed hours as one may have, each with as much to say as any fault does.
FAILED = replace(
    RUNNING,
    status=BackfillStatus.FAILED,
    finished_at=NOW + timedelta(hours=1),
    failed=tuple(
        FailedHour(STREAMS[number % 2], HOUR.plus(number), Fault("c" * 30, "m" * 1000, "f" * 1000))
        for number in range(FAILED_MAX)
    ),
    error=Fault("too_many_failed_hours", "message", "fix"),
)
CANCELLED = replace(RUNNING, status=BackfillStatus.CANCELLED, finished_at=NOW)


@dataclass(frozen=True)
class Tables:
    """Two instances that work on the same rows, as two processes have them."""

    one: Jobs[Backfill]
    other: Jobs[Backfill]


@pytest.fixture(params=["twin", "azurite"])
def tables(request: pytest.FixtureRequest) -> Iterator[Tables]:
    """Run a test twice: on the twin, and on a table of its own."""
    if request.param == "twin":
        twin = World().backfills
        yield Tables(twin, twin)
        return
    endpoints: Endpoints = request.getfixturevalue("endpoints")
    name = f"backfills{abs(hash(request.node.name)) % 10**9}"
    account = Account(endpoints.connection_string, retry=HASTE)
    try:
        yield Tables(backfills_table(account, name), backfills_table(account, name))
    finally:
        account.close()


def test_before_there_is_any_there_is_none(tables: Tables) -> None:
    """There need not even be a table."""
    assert tables.one.get("acme", "b1") is None
    assert tables.one.of("acme") == tables.one.unfinished() == []


@pytest.mark.parametrize("backfill", [ASKED, RUNNING, FAILED, CANCELLED])
def test_a_backfill_is_as_it_was_written(tables: Tables, backfill: Backfill) -> None:
    """All of it, and for its destination alone."""
    etag = tables.one.put(backfill, None)

    found = tables.other.get("acme", "b1")

    assert found is not None
    assert (found.value, found.etag) == (backfill, etag)
    assert tables.other.get("acm", "b1") is None
    assert tables.other.get("acme", "b") is None


def test_it_is_changed_only_by_who_has_seen_it(tables: Tables) -> None:
    """A step that was overtaken by a cancel changes nothing."""
    first = tables.one.put(ASKED, None)
    second = tables.one.put(CANCELLED, first)

    with pytest.raises(Conflict):
        tables.other.put(RUNNING, first)
    with pytest.raises(Conflict):
        tables.other.put(RUNNING, None)
    found = tables.other.get("acme", "b1")
    assert found is not None
    assert (found.value, found.etag) == (CANCELLED, second)


def test_they_are_found_by_destination_and_by_whether_they_have_ended(tables: Tables) -> None:
    """People ask for the ones, a tick for the others."""
    other = replace(RUNNING, destination_id="beta", id="b2")
    ended = [replace(FAILED, id="b3"), replace(CANCELLED, id="b4")]
    for each in (ASKED, other, *ended):
        tables.one.put(each, None)

    assert tables.other.of("acme") == [ASKED, *ended]
    assert tables.other.of("bet") == []
    assert tables.other.unfinished() == [ASKED, other]


def test_a_row_that_cannot_be_read_keeps_no_other_waiting(azurite: AzuriteBackend) -> None:
    """One of a newer exporter, say, or a damaged one: every list tells it by its keys, beside the others."""
    backfills = azurite.gateways.backfills
    for name in ("b1", "b2", "b3"):
        backfills.put(replace(RUNNING, id=name), None)
    table = azurite.account.tables.get_table_client(azurite.own_name("backfills"))
    table.update_entity({"PartitionKey": "acme", "RowKey": "b2", "v": 2})

    for found in (backfills.unfinished(), backfills.of("acme")):
        assert [each.id for each in found] == ["b1", "b3"]
        assert [(row.key, row.column) for row in found.unreadable] == [("acme / b2", "v")]
    with pytest.raises(ValueError, match="row acme / b2, column v"):
        backfills.get("acme", "b2")
