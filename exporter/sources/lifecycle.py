"""The transitions of a source: test, activate, pause, resume, delete.

Each is idempotent: a second request changes nothing, not even the ETag. When a source is paused or deleted,
an hour that is being pulled finishes.
"""

from dataclasses import replace
from datetime import datetime

from exporter.domain.connection_test import ConnectionReport
from exporter.domain.source import Source, SourceStatus
from exporter.domain.versioned import Versioned
from exporter.ports import PullGateways
from exporter.sources.connection_test import run_source_test
from exporter.sources.edit import changed_meanwhile, reset_health, save_source
from exporter.sources.find import find_source, find_source_history


def test(pulls: PullGateways, source_id: str, *, now: datetime) -> ConnectionReport:
    """Ask the API as a pull does, and return how each step ended; nothing is stored or landed."""
    return run_source_test(pulls.api, find_source(pulls.sources, source_id).value, now)


def activate(
    pulls: PullGateways, source_id: str, *, now: datetime, if_match: str | None = None
) -> tuple[Versioned[Source], ConnectionReport]:
    """Run the test; if it passes, set the status to active, and let the next tick ask the source."""
    found = _find_matching(pulls, source_id, if_match)
    report = run_source_test(pulls.api, found.value, now)
    if not report.ok:
        return found, report
    active = replace(found.value, status=SourceStatus.ACTIVE)
    saved = save_source(pulls.sources, active, found, if_match=if_match)
    reset_health(pulls.health, source_id)
    return saved, report


def pause(pulls: PullGateways, source_id: str, *, if_match: str | None = None) -> Versioned[Source]:
    """Pull no further hour until the source is resumed; the hours of its project stay open."""
    return _move(pulls, source_id, SourceStatus.PAUSED, if_match)


def resume(pulls: PullGateways, source_id: str, *, if_match: str | None = None) -> Versioned[Source]:
    """Pull again; the hours of the pause are owed."""
    return _move(pulls, source_id, SourceStatus.ACTIVE, if_match)


def delete(pulls: PullGateways, source_id: str, *, if_match: str | None = None) -> None:
    """Pull no further hour of a source and delete its secret key; its ledger stays.

    A repeated deletion is no error: the first answer may have been lost.
    """
    found = find_source_history(pulls.sources, source_id)
    if found.value.status is not SourceStatus.DELETED:
        _check(found, if_match)
        deleted = replace(found.value, status=SourceStatus.DELETED, sealed="")
        save_source(pulls.sources, deleted, found, if_match=if_match)
    reset_health(pulls.health, source_id)


def _move(
    pulls: PullGateways, source_id: str, status: SourceStatus, if_match: str | None
) -> Versioned[Source]:
    found = _find_matching(pulls, source_id, if_match)
    return save_source(pulls.sources, replace(found.value, status=status), found, if_match=if_match)


def _find_matching(pulls: PullGateways, source_id: str, if_match: str | None) -> Versioned[Source]:
    found = find_source(pulls.sources, source_id)
    _check(found, if_match)
    return found


def _check(found: Versioned[Source], if_match: str | None) -> None:
    if if_match is not None and not found.matches(if_match):
        raise changed_meanwhile(found.value.id)
