"""Trying a changed destination before it takes the place of one that works."""

from collections.abc import Callable
from datetime import datetime

from exporter.destinations.connection_test import run_connection_test
from exporter.domain.connection_test import ConnectionReport
from exporter.domain.destination import Destination
from exporter.ports import Gateways


class NotProvenError(Exception):
    """The test upload of what was to be saved has failed; nothing was changed."""

    def __init__(self, report: ConnectionReport) -> None:
        fault = report.first_fault
        super().__init__(fault.code if fault else "test_upload_failed")
        self.report = report


def prover(gateways: Gateways, *, now: datetime, test_id: str) -> Callable[[Destination], None]:
    """Return what tries a destination, and raises ``NotProvenError`` with the report if that fails."""

    def prove(destination: Destination) -> None:
        report = run_connection_test(
            destination, gateways.containers, test_id=test_id, now=now, pause=gateways.pause
        )
        if not report.ok:
            raise NotProvenError(report)

    return prove
