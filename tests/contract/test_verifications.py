"""Verifications in the background: their rows, and the messages of their steps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from exporter.domain.errors import Conflict, Fault
from exporter.domain.verification import Verification, VerificationStatus
from exporter.messages import VERIFY_STEPS
from exporter.ports import Jobs
from exporter.storage.clients import Account
from exporter.storage.own.queues import Queue
from exporter.storage.own.specs import verifications_table
from infra.local.azurite import Endpoints
from tests.contract.backends import HASTE, HOUR, NOW, AzuriteBackend
from tests.contract.samples import BEGUN, ENDED, MOVED
from tests.support.fakes.world import World

REFUSED = replace(
    MOVED, status=VerificationStatus.FAILED, finished_at=NOW, error=Fault("code", "message", "fix")
)
# Ten years of hours in steps of two hundred, each with something to tell.
LONGEST = replace(
    ENDED,
    found=tuple(f"acme/verifications/{'v' * 32}/{HOUR.plus(n).key}-{'s' * 32}.json" for n in range(900)),
)


@dataclass(frozen=True)
class Tables:
    """Two instances that work on the same rows, as two processes have them."""

    one: Jobs[Verification]
    other: Jobs[Verification]


@pytest.fixture(params=["twin", "azurite"])
def tables(request: pytest.FixtureRequest) -> Iterator[Tables]:
    """Run a test twice: on the twin, and on a table of its own."""
    if request.param == "twin":
        twin = World().verifications
        yield Tables(twin, twin)
        return
    endpoints: Endpoints = request.getfixturevalue("endpoints")
    name = f"verifications{abs(hash(request.node.name)) % 10**9}"
    account = Account(endpoints.connection_string, retry=HASTE)
    try:
        yield Tables(verifications_table(account, name), verifications_table(account, name))
    finally:
        account.close()


def test_before_there_is_any_there_is_none(tables: Tables) -> None:
    """There need not even be a table."""
    assert tables.one.get("acme", "v1") is None
    assert tables.one.unfinished() == []


@pytest.mark.parametrize("verification", [BEGUN, MOVED, ENDED, REFUSED, LONGEST])
def test_a_verification_is_as_it_was_written(tables: Tables, verification: Verification) -> None:
    """All of it, and for its destination alone."""
    etag = tables.one.put(verification, None)

    found = tables.other.get("acme", "v1")

    assert found is not None
    assert (found.value, found.etag) == (verification, etag)
    assert tables.other.get("acm", "v1") is None
    assert tables.other.get("acme", "v") is None


def test_it_is_changed_only_by_who_has_seen_it(tables: Tables) -> None:
    """A step that was overtaken changes nothing."""
    first = tables.one.put(BEGUN, None)
    second = tables.one.put(MOVED, first)

    with pytest.raises(Conflict):
        tables.other.put(ENDED, first)
    with pytest.raises(Conflict):
        tables.other.put(ENDED, None)
    found = tables.other.get("acme", "v1")
    assert found is not None
    assert (found.value, found.etag) == (MOVED, second)


def test_those_that_have_not_ended_are_found_whosever_they_are(tables: Tables) -> None:
    """A tick asks for them."""
    other = replace(MOVED, destination_id="beta", id="v2")
    for each in (BEGUN, other, replace(ENDED, id="v3"), replace(REFUSED, id="v4")):
        tables.one.put(each, None)

    assert tables.other.unfinished() == [BEGUN, other]


def test_a_row_that_cannot_be_read_keeps_no_other_waiting(azurite: AzuriteBackend) -> None:
    """The list tells it by its keys, beside the others."""
    verifications = azurite.gateways.verifications
    for name in ("v1", "v2"):
        verifications.put(replace(MOVED, id=name), None)
    table = azurite.account.tables.get_table_client(azurite.own_name("verifications"))
    table.update_entity({"PartitionKey": "acme", "RowKey": "v1", "v": 2})

    found = verifications.unfinished()
    assert [each.id for each in found] == ["v2"]
    assert [(row.key, row.column) for row in found.unreadable] == [("acme / v1", "v")]


def test_a_step_that_is_sent_is_what_the_trigger_reads(endpoints: Endpoints) -> None:
    """The queue is made with its first message."""
    account = Account(endpoints.connection_string, retry=HASTE)
    try:
        Queue(account, replace(VERIFY_STEPS, name="verify-steps-sent")).send([BEGUN.next_step])
        queue = account.queues.get_queue_client("verify-steps-sent")
        (message,) = queue.receive_messages()
        assert VERIFY_STEPS.parse(message.content) == BEGUN.next_step
    finally:
        account.close()
