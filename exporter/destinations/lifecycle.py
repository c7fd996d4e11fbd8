"""The transitions of a destination: test, activate, pause, resume, delete.

Each is idempotent: a second request changes nothing, not even the ETag. When a destination is paused, a
running hour finishes. When it is deleted, a running hour is given up unless its commit has begun.
"""

from dataclasses import replace
from datetime import datetime

from exporter.destinations.connection_test import run_connection_test
from exporter.destinations.edit import (
    Draft,
    changed_meanwhile,
    destination_from,
    reset_breaker,
    save,
)
from exporter.destinations.find import find_destination, find_history
from exporter.destinations.name_claims import check_unclaimed
from exporter.domain.connection_test import ConnectionReport, ConnectionTest
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Invalid, NotPossible, Problem
from exporter.domain.versioned import Versioned
from exporter.ports import Gateways
from exporter.schedule.review import first_progress


def run_saved_test(
    gateways: Gateways, destination_id: str, *, now: datetime, test_id: str
) -> ConnectionReport:
    """Run the test upload of a destination and store the report in place of an earlier one."""
    return _test(gateways, find_destination(gateways.destinations, destination_id).value, now, test_id)


def run_draft_test(gateways: Gateways, draft: Draft, *, now: datetime, test_id: str) -> ConnectionReport:
    """Run the test upload of an unsaved destination; nothing is stored."""
    destination = destination_from(gateways.cipher, draft, None, now)
    return run_connection_test(
        destination, gateways.containers, test_id=test_id, now=now, pause=gateways.pause
    )


def _test(gateways: Gateways, destination: Destination, now: datetime, test_id: str) -> ConnectionReport:
    report = run_connection_test(
        destination, gateways.containers, test_id=test_id, now=now, pause=gateways.pause
    )
    gateways.destinations.record_test(destination.id, ConnectionTest(now, report))
    if report.ok:
        reset_breaker(gateways.breakers, destination.id, now)
    return report


def activate(  # noqa: PLR0913  what an activation may say, each by its name
    gateways: Gateways,
    destination_id: str,
    *,
    now: datetime,
    test_id: str,
    if_match: str | None = None,
    since: datetime | None = None,
) -> tuple[Versioned[Destination], ConnectionReport]:
    """Run the test upload; if it passes, set the status to active.

    ``since`` is the beginning of the first UTC day whose events are owed, instead of the day of activation.
    A destination that was active before keeps its first hour; a paused one is resumed.

    Raise ``Invalid`` if ``since`` is in the future or the destination has no events, and ``NotPossible``
    (``activated_before``) if the destination began on another day.
    """
    found = _find_matching(gateways, destination_id, if_match)
    if since is not None:
        _check_beginning(found.value, since, now)
    check_unclaimed(gateways.destinations, gateways.cipher, found.value)
    report = _test(gateways, found.value, now, test_id)
    if not report.ok:
        return found, report
    before = found.value
    active = replace(before, status=Status.ACTIVE, activated_at=before.activated_at or now)
    if since is not None and before.activated_at is None:
        active = replace(active, events_since=since)
    for key in active.streams:
        # Before the status: a tick that reads the status active finds where the streams begin.
        first = first_progress(gateways.ledger, gateways.landing, active, key, now)
        if first is not None and gateways.schedule.get(key) is None:
            gateways.schedule.put(key, first)
    return save(gateways, active, found, if_match=if_match), report


def _check_beginning(destination: Destination, since: datetime, now: datetime) -> None:
    if destination.project_id is None:
        raise Invalid(Problem("from", "is for events, and this destination has none: leave it out"))
    if since > now:
        raise Invalid(Problem("from", "must not be in the future"))
    if destination.activated_at is None:
        return
    began = destination.first_hour_of_events()
    if began.start != since:
        raise NotPossible(
            "activated_before",
            f"The destination {destination.id} was activated before, and exports events from {began} on."
            " Export earlier hours by a backfill.",
        )


def pause(gateways: Gateways, destination_id: str, *, if_match: str | None = None) -> Versioned[Destination]:
    """Start no further hour until the destination is resumed."""
    return _move(gateways, destination_id, Status.PAUSED, if_match)


def resume(gateways: Gateways, destination_id: str, *, if_match: str | None = None) -> Versioned[Destination]:
    """Export again, from the oldest owed hour on; the hours of the pause are owed."""
    destination = find_destination(gateways.destinations, destination_id).value
    check_unclaimed(gateways.destinations, gateways.cipher, destination)
    return _move(gateways, destination_id, Status.ACTIVE, if_match)


def _move(
    gateways: Gateways, destination_id: str, status: Status, if_match: str | None
) -> Versioned[Destination]:
    found = _find_matching(gateways, destination_id, if_match)
    if found.value.status is Status.DRAFT:
        raise NotPossible(
            "destination_not_active",
            f"The destination {destination_id} was never activated: activate it first.",
        )
    return save(gateways, replace(found.value, status=status), found, if_match=if_match)


def delete(gateways: Gateways, destination_id: str, *, if_match: str | None = None) -> None:
    """Stop all exports of a destination and delete its secrets; its ledger stays.

    A repeated deletion is no error: the first answer may have been lost.
    """
    found = find_history(gateways.destinations, destination_id)
    if found.value.status is not Status.DELETED:
        _check(found, if_match)
        revoked = replace(found.value.credentials, sealed="")
        deleted = replace(found.value, status=Status.DELETED, credentials=revoked, webhook=None)
        save(gateways, deleted, found, if_match=if_match)
    gateways.destinations.record_test(destination_id, None)
    for key in found.value.streams:
        # A destination that is created again owes nothing from before its activation.
        gateways.schedule.forget(key)


def _find_matching(gateways: Gateways, destination_id: str, if_match: str | None) -> Versioned[Destination]:
    found = find_destination(gateways.destinations, destination_id)
    _check(found, if_match)
    return found


def _check(found: Versioned[Destination], if_match: str | None) -> None:
    if if_match is not None and not found.matches(if_match):
        raise changed_meanwhile(found.value.id)
