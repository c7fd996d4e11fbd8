"""Notes of hours that were taken again: a note is forgotten only by who has seen it."""

from collections.abc import Iterator

import pytest

from exporter.domain.hour_record import HourTask
from exporter.ports import Reopened
from exporter.storage.clients import Account
from exporter.storage.own.reopened import ReopenedTable
from infra.local.azurite import Endpoints
from tests.contract.backends import HASTE
from tests.support.fakes.world import World
from tests.support.worlds import EVENTS, HOUR


@pytest.fixture(params=["twin", "azurite"])
def notes(request: pytest.FixtureRequest) -> Iterator[Reopened]:
    """Run a test twice: on the twin, and on a table of its own."""
    if request.param == "twin":
        yield World().reopened
        return
    endpoints: Endpoints = request.getfixturevalue("endpoints")
    account = Account(endpoints.connection_string, retry=HASTE)
    try:
        yield ReopenedTable(account, f"notes{abs(hash(request.node.name)) % 10**9}")
    finally:
        account.close()


def test_a_note_that_was_written_again_is_not_forgotten(notes: Reopened) -> None:
    """Somebody is about to take the hour."""
    task = HourTask(EVENTS, HOUR, "backfill:b1")
    first = notes.remember(task)
    second = notes.remember(task)

    notes.forget(EVENTS, HOUR, first)
    assert [(note.value, note.etag) for note in notes.all()] == [(task, second)]

    notes.forget(EVENTS, HOUR, second)
    assert notes.all() == []
    notes.forget(EVENTS, HOUR, second)
