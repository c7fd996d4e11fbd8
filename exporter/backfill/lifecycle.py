"""Jobs[Backfill] that were created: finding, cancelling and retrying them."""

from dataclasses import replace
from datetime import datetime

from exporter.backfill.progress import progress_of
from exporter.backfill.runner import steps_of
from exporter.destinations.find import find_destination, find_history
from exporter.domain.backfill import HOURS_LOST, Backfill, BackfillStatus
from exporter.domain.errors import Conflict, NotFound, NotPossible, Transient
from exporter.domain.job import JOBS_MAX, page_of_jobs
from exporter.domain.versioned import Page, Versioned
from exporter.notify.notifications import backfill_ended
from exporter.ports import Gateways, Jobs

# A change that meets another one is tried again: the steps of a backfill change its row every few seconds.
CHANGES_MAX = 20
_BUSY = "the backfill's row is being changed too often"


def find_backfill(gateways: Gateways, destination_id: str, backfill_id: str) -> Backfill:
    """Return a backfill, also of a deleted destination, or raise ``NotFound``."""
    find_history(gateways.destinations, destination_id)
    return _find(gateways.backfills, destination_id, backfill_id).value


def _find(backfills: Jobs[Backfill], destination_id: str, backfill_id: str) -> Versioned[Backfill]:
    """Return a backfill with its ETag, or raise ``NotFound``."""
    found = backfills.get(destination_id, backfill_id)
    if found is None:
        raise NotFound("backfill_not_found", "This destination has no such backfill.")
    return found


def list_backfills(
    gateways: Gateways, destination_id: str, *, after: str = "", limit: int = JOBS_MAX
) -> Page[Backfill]:
    """Return a page of the backfills of a destination, also of a deleted one, the newest first.

    It begins after the backfill of the id ``after``.
    """
    find_history(gateways.destinations, destination_id)
    return page_of_jobs(gateways.backfills.of(destination_id), after, limit)


def cancel(gateways: Gateways, destination_id: str, backfill_id: str, *, now: datetime) -> Backfill:
    """Cancel a backfill: no further hour is queued or begun; hours that are being exported are finished.

    Cancelling twice is the same as once. ``NotPossible`` if the backfill has ended otherwise.
    """
    for _ in range(CHANGES_MAX):
        found = _find(gateways.backfills, destination_id, backfill_id)
        if found.value.status is BackfillStatus.CANCELLED:
            return found.value
        if found.value.ended:
            raise NotPossible("backfill_ended", f"The backfill has ended already: {found.value.status}.")
        # The progress is kept as it is now: later exports change the ledger's records of these hours.
        progress = progress_of(gateways, found.value, now)
        stopped = replace(found.value, tally=progress.tally, failed=progress.failed)
        cancelled = stopped.moved(now).end_as(BackfillStatus.CANCELLED, now)
        if _put(gateways.backfills, cancelled, found.etag):
            backfill_ended(gateways, cancelled, now)
            return cancelled
    raise Transient(_BUSY)


def retry(gateways: Gateways, destination_id: str, backfill_id: str, *, now: datetime) -> Backfill:
    """Retry the hours that failed, and those that were left at the end; hours that are done stay as they are.

    ``NotPossible`` if the backfill has not ended, if no hour failed or is left, or if its list of hours is
    lost.
    """
    for _ in range(CHANGES_MAX):
        find_destination(gateways.destinations, destination_id)
        found = _find(gateways.backfills, destination_id, backfill_id)
        if not found.value.ended:
            raise NotPossible(
                "backfill_not_ended",
                "The backfill has not ended. Cancel it, or wait until its other hours are done.",
            )
        if found.value.status is BackfillStatus.SUCCEEDED:
            raise NotPossible("nothing_to_retry", "Every hour of the backfill is done.")
        if found.value.error is not None and found.value.error.code == HOURS_LOST.code:
            raise NotPossible(HOURS_LOST.code, f"{HOURS_LOST.message} {HOURS_LOST.fix}")
        retried = found.value.retried(now)
        if _put(gateways.backfills, retried, found.etag):
            steps_of(gateways, now).start(retried)
            return retried
    raise Transient(_BUSY)


def _put(backfills: Jobs[Backfill], backfill: Backfill, etag: str) -> bool:
    """Write a backfill; False if it was changed meanwhile."""
    try:
        backfills.put(backfill, etag)
    except Conflict:
        return False
    return True
