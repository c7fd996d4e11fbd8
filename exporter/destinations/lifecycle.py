"""The life of a destination after it was made: tested, activated, paused, resumed, deleted.

What each of these does may be asked for twice and is done once: the second time nothing changes, not even
the ETag. The hour that a worker is exporting just then is finished when a destination is paused; when it is
deleted, that hour is given up unless its files are being put in place already.
"""

from dataclasses import replace
from datetime import datetime

from exporter.destinations.breaker_reset import reset_breaker
from exporter.destinations.connection_test import run_connection_test
from exporter.destinations.edit import (
    Draft,
    changed_meanwhile,
    described,
    find_destination,
    find_history,
    save,
)
from exporter.destinations.names_taken import refuse_taken
from exporter.domain.connection_test import ConnectionReport, ConnectionTest
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import NotPossible
from exporter.domain.versioned import Versioned
from exporter.ports import Gateways
from exporter.schedule.review import first_progress


def try_saved(gateways: Gateways, destination_id: str, *, now: datetime, test_id: str) -> ConnectionReport:
    """Run the test upload of a destination and keep its report, in place of an earlier one."""
    return _try(gateways, find_destination(gateways, destination_id).value, now, test_id)


def try_draft(gateways: Gateways, draft: Draft, *, now: datetime, test_id: str) -> ConnectionReport:
    """Run the test upload of a destination that is not saved; nothing of it is kept."""
    described_one = described(gateways, draft, None, now)
    return run_connection_test(
        described_one, gateways.containers, test_id=test_id, now=now, pause=gateways.pause
    )


def _try(gateways: Gateways, destination: Destination, now: datetime, test_id: str) -> ConnectionReport:
    report = run_connection_test(
        destination, gateways.containers, test_id=test_id, now=now, pause=gateways.pause
    )
    gateways.destinations.record_test(destination.id, ConnectionTest(now, report))
    if report.ok:
        reset_breaker(gateways, destination.id, now)
    return report


def activate(
    gateways: Gateways, destination_id: str, *, now: datetime, test_id: str, if_match: str | None = None
) -> tuple[Versioned[Destination], ConnectionReport]:
    """Run the test upload and, if all of it passed, let the schedule export from now on.

    A destination that was active before keeps its first hour: activating again changes nothing, and a
    paused one is resumed.
    """
    found = _found(gateways, destination_id, if_match)
    refuse_taken(gateways, found.value)
    report = _try(gateways, found.value, now, test_id)
    if not report.ok:
        return found, report
    active = replace(found.value, status=Status.ACTIVE, activated_at=found.value.activated_at or now)
    for key in active.streams:
        # Before the status: a tick that sees the destination active finds where its streams begin.
        first = first_progress(active, key, gateways, now)
        if first is not None and gateways.schedule.get(key) is None:
            gateways.schedule.put(key, first)
    return save(gateways, active, found, if_match=if_match), report


def pause(gateways: Gateways, destination_id: str, *, if_match: str | None = None) -> Versioned[Destination]:
    """Export no further hour until the destination is resumed."""
    return _move(gateways, destination_id, Status.PAUSED, if_match)


def resume(gateways: Gateways, destination_id: str, *, if_match: str | None = None) -> Versioned[Destination]:
    """Export again, beginning with what is owed: the hours of the pause are among it."""
    refuse_taken(gateways, find_destination(gateways, destination_id).value)
    return _move(gateways, destination_id, Status.ACTIVE, if_match)


def _move(
    gateways: Gateways, destination_id: str, status: Status, if_match: str | None
) -> Versioned[Destination]:
    found = _found(gateways, destination_id, if_match)
    if found.value.status is Status.DRAFT:
        raise NotPossible(
            "destination_not_active",
            f"The destination {destination_id} was never activated: activate it first.",
        )
    return save(gateways, replace(found.value, status=status), found, if_match=if_match)


def delete(gateways: Gateways, destination_id: str, *, if_match: str | None = None) -> None:
    """Stop all exports of a destination and forget its secret; what was exported stays on record.

    A deletion that is asked for again, because its answer got lost, is no error.
    """
    found = find_history(gateways, destination_id)
    if found.value.status is not Status.DELETED:
        _check(found, if_match)
        revoked = replace(found.value.credentials, sealed="")
        deleted = replace(found.value, status=Status.DELETED, credentials=revoked, webhook=None)
        save(gateways, deleted, found, if_match=if_match)
    gateways.destinations.record_test(destination_id, None)
    for key in found.value.streams:
        # Made again, it owes what is exported from then on, and not what nobody wanted meanwhile.
        gateways.schedule.forget(key)


def _found(gateways: Gateways, destination_id: str, if_match: str | None) -> Versioned[Destination]:
    found = find_destination(gateways, destination_id)
    _check(found, if_match)
    return found


def _check(found: Versioned[Destination], if_match: str | None) -> None:
    if if_match is not None and not found.matches(if_match):
        raise changed_meanwhile(found.value.id)
