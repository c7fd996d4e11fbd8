"""A row that cannot be read costs what it is about: lists leave it out and tell it, single reads raise."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from exporter.domain.backfill import Backfill
from exporter.domain.breaker import Breaker
from exporter.domain.data_types import DataType
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import Stream, StreamKey
from exporter.domain.verification import Verification
from exporter.domain.versioned import UnreadableRowError
from exporter.ports import Gateways
from tests.contract.backends import HOUR, KEY, NOW, Backend, a_destination
from tests.contract.samples import ASKED, BEGUN

OTHER = StreamKey("other", Stream(DataType.EVENTS, 187520))


@dataclass(frozen=True)
class Table:
    """Two rows of a table, of which the first is spoiled; how they are listed, and how it is read alone."""

    name: str
    keys: tuple[str, str]
    put: tuple[Callable[[Gateways], object], Callable[[Gateways], object]]
    listed: Callable[[Gateways], Any]
    expected: object
    alone: Callable[[Gateways], object] | None = None


def a_backfill(name: str) -> Backfill:
    """Return a backfill of that id."""
    return replace(ASKED, destination_id="acme", id=name)


def a_verification(name: str) -> Verification:
    """Return a verification of that id."""
    return replace(BEGUN, destination_id="acme", id=name)


DESTINATIONS = [replace(a_destination("raw", "sealed"), id=name) for name in ("acme", "other")]
TABLES = {
    "schedule": Table(
        "schedule",
        ("stream", str(KEY)),
        (
            lambda to: to.schedule.put(KEY, StreamProgress(KEY, HOUR, HOUR)),
            lambda to: to.schedule.put(OTHER, StreamProgress(OTHER, HOUR, HOUR)),
        ),
        lambda at: at.schedule.all(),
        {OTHER: StreamProgress(OTHER, HOUR, HOUR)},
        lambda at: at.schedule.get(KEY),
    ),
    "breakers": Table(
        "breakers",
        ("destination", "acme"),
        (
            lambda to: to.breakers.put("acme", Breaker(1)),
            lambda to: to.breakers.put("other", Breaker(2)),
        ),
        lambda at: at.breakers.all(),
        {"other": Breaker(2)},
        lambda at: at.breakers.get("acme"),
    ),
    "notes": Table(
        "schedule",
        ("reopened", f"{KEY}:{HOUR}"),
        (
            lambda to: to.reopened.remember(HourTask(KEY, HOUR)),
            lambda to: to.reopened.remember(HourTask(OTHER, HOUR)),
        ),
        lambda at: at.reopened.all(),
        [HourTask(OTHER, HOUR)],
    ),
    "destinations": Table(
        "destinations",
        ("destination", "acme"),
        (
            lambda to: to.destinations.put(DESTINATIONS[0], None),
            lambda to: to.destinations.put(DESTINATIONS[1], None),
        ),
        lambda at: at.destinations.all(),
        [DESTINATIONS[1]],
        lambda at: at.destinations.get("acme"),
    ),
    "backfills": Table(
        "backfills",
        ("acme", "b1"),
        (
            lambda to: to.backfills.put(a_backfill("b1"), None),
            lambda to: to.backfills.put(a_backfill("b2"), None),
        ),
        lambda at: at.backfills.unfinished(),
        [a_backfill("b2")],
        lambda at: at.backfills.get("acme", "b1"),
    ),
    "backfills of a destination": Table(
        "backfills",
        ("acme", "b1"),
        (
            lambda to: to.backfills.put(a_backfill("b1"), None),
            lambda to: to.backfills.put(a_backfill("b2"), None),
        ),
        lambda at: at.backfills.of("acme"),
        [a_backfill("b2")],
    ),
    "verifications": Table(
        "verifications",
        ("acme", "v1"),
        (
            lambda to: to.verifications.put(a_verification("v1"), None),
            lambda to: to.verifications.put(a_verification("v2"), None),
        ),
        lambda at: at.verifications.unfinished(),
        [a_verification("v2")],
        lambda at: at.verifications.get("acme", "v1"),
    ),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_list_leaves_it_out_and_tells_it_by_its_key(backend: Backend, kind: str) -> None:
    """The others are there as ever; read alone, it is an error that names it."""
    table = TABLES[kind]
    for put in table.put:
        put(backend.gateways)
    backend.spoil(table.name, *table.keys)

    found = table.listed(backend.gateways)

    values = [getattr(each, "value", each) for each in found] if isinstance(found, list) else found
    assert values == table.expected
    (row,) = found.unreadable
    assert (row.table.rstrip("0123456789"), row.key, row.column) == (table.name, " / ".join(table.keys), "v")
    if table.alone is not None:
        with pytest.raises(UnreadableRowError) as raised:
            table.alone(backend.gateways)
        assert raised.value.row == row


def test_in_a_range_of_hours_it_is_one_that_failed_and_is_never_due(backend: Backend) -> None:
    """Its neighbours are as they are; taken alone, it is an error: so nobody writes over it."""
    ledger = backend.gateways.ledger
    for number in range(3):
        ledger.put(HourRecord(KEY, HOUR.plus(number)), None)
    backend.spoil("ledger", str(KEY), HOUR.plus(1).key)

    for listing in (ledger.between, ledger.states):
        first, bad, last = listing(KEY, HOUR, HOUR.plus(2))
        assert (first, last) == (HourRecord(KEY, HOUR), HourRecord(KEY, HOUR.plus(2)))
        assert (bad.hour, bad.unreadable, bad.done, bad.due(NOW)) == (HOUR.plus(1), True, False, False)
        assert bad.work.error is not None
        assert f"{KEY} / {HOUR.plus(1)}" in bad.work.error.fix
    with pytest.raises(UnreadableRowError):
        ledger.get(KEY, HOUR.plus(1))
