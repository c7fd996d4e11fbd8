"""Everything that a tick of the sources does: one source after the other, each on its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from exporter.domain.errors import LandingMissing
from exporter.domain.hour import Hour
from exporter.domain.source import Source, SourceStatus
from exporter.notify.log_events import Event, log_event, log_unreadable
from exporter.ports import Gateways
from exporter.schedule.failures import Failures
from exporter.sources.leftovers import remove_leftovers
from exporter.sources.plan import queue_due


@dataclass(frozen=True, slots=True)
class PullReport:
    """What a tick found: how many sources are active, the hours queued of them, and the failing sources.

    ``failed`` has the failed hours of active sources, oldest first, by source.
    """

    active: int
    queued: int
    failing: tuple[str, ...]
    failed: Mapping[str, tuple[Hour, ...]]


def run_pull_tick(gateways: Gateways, *, now: datetime, slots_max: int, failures: Failures) -> PullReport:
    """Queue the hours of all sources that are due; without a source, nothing happens.

    Errors are added to ``failures``; the caller raises them after it has logged the report.
    """
    found = gateways.pulls.sources.all()
    log_unreadable(found.unreadable)
    sources = [each.value for each in found]
    active = [source for source in sources if source.status is SourceStatus.ACTIVE]
    queued, failing, failed = 0, list[str](), dict[str, tuple[Hour, ...]]()
    if active:
        with failures.guard("looking for landing"):
            _find_or_create_landing(gateways, active)
    for source in active:
        with failures.guard(f"planning the source {source.id}"):
            queued += queue_due(gateways.pulls, source, now, slots_max, look_at_failed=True)
            if gateways.pulls.health.get(source.id).failing:
                failing.append(source.id)
            progress = gateways.pulls.progress.get(source.id)
            if progress is not None and progress.failed:
                failed[source.id] = progress.failed
    if sources:
        remove_leftovers(gateways.pulls, sources, now=now, failures=failures)
    return PullReport(len(active), queued, tuple(failing), failed)


def _find_or_create_landing(gateways: Gateways, active: list[Source]) -> None:
    """Create landing if it never held anything; otherwise it must not be missing."""
    try:
        gateways.landing.check()
    except LandingMissing:
        progress = [gateways.pulls.progress.get(source.id) for source in active]
        begun = any(each is not None and each.pulled_until > each.first for each in progress)
        if begun or gateways.schedule.all():
            raise
        gateways.landing.create()
        log_event(Event.LANDING_CREATED)
