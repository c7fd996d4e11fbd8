"""Verifying one hour of one stream: the verdict, and whether a repair can be made."""

from datetime import datetime

from exporter.domain.allowed_hosts import same_container
from exporter.domain.destination import Destination
from exporter.domain.hour_record import HourRecord
from exporter.domain.streams import LandingFingerprint
from exporter.domain.verification import Code, Finding, HourCheck, Verdict
from exporter.ports import Clock, Container, Gateways, Ledger
from exporter.schedule.ledger_view import as_shown
from exporter.verify.comparison import HourComparison

# Findings of one hour. An hour may have thousands of parts; fifty missing ones tell enough.
FINDINGS_MAX = 50
# An export that is in progress makes an hour look wrong: then the hour is checked again.
CHECKS_MAX = 3


def verify_hour(
    gateways: Gateways, destination: Destination, container: Container, record: HourRecord, clock: Clock
) -> HourCheck:
    """Verify an hour; ``record`` is as ``list_hours`` shows it.

    Findings count only if the ledger has the same record after the check as before it.
    """
    for _ in range(CHECKS_MAX):
        if record.claimed(clock()):
            break
        check = _check(HourComparison(gateways.landing, destination, container, record))
        if check.verdict is not Verdict.WRONG:
            return check
        again = _read_again(gateways.ledger, record, clock())
        if again == record:
            return check
        record = again
    return HourCheck(record.hour, record.key.stream.data_type, Verdict.RUNNING)


def _read_again(ledger: Ledger, record: HourRecord, now: datetime) -> HourRecord:
    """Return the hour's current record, as ``list_hours`` shows it."""
    found = ledger.get(record.key, record.hour)
    return as_shown(found.value, now) if found else HourRecord(record.key, record.hour)


def _check(comparison: HourComparison) -> HourCheck:
    record, findings, verdict = comparison.record, list[Finding](), Verdict.WHOLE
    if record.done and not same_container(record.origin.target, comparison.destination.container_id):
        verdict = Verdict.ELSEWHERE
    elif findings := list(comparison.findings()):
        verdict = Verdict.WRONG
        findings += [comparison.landing_gone] if comparison.landing_gone else []
    return HourCheck(
        hour=record.hour,
        data_type=record.key.stream.data_type,
        verdict=verdict,
        findings=tuple(findings[:FINDINGS_MAX]),
        repairable=bool(findings) and _repairable(comparison, findings),
        more=max(0, len(findings) - FINDINGS_MAX),
    )


def _repairable(comparison: HourComparison, findings: list[Finding]) -> bool:
    """Whether exporting the hour again loses nothing that is known, and does not happen anyway.

    If it is not known which blobs the files were made of, the export compares before it replaces them.
    """
    adopted_anyway = any(finding.code is Code.HOUR_UNRECORDED for finding in findings)
    exported = comparison.exported
    loses_rows = (
        exported is not None
        and not exported.partial
        and not LandingFingerprint.of(comparison.blobs).holds(exported)
    )
    return not (adopted_anyway or loses_rows or comparison.landing_gone)
