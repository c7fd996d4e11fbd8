"""Telemetry in the form of Application Insights, of an exporter on in-memory gateways."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from exporter.domain.errors import Conflict, Transient
from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask
from exporter.export.attempt import Outcome
from exporter.queues import pull, tick
from exporter.schedule.failures import Failures
from exporter.tick import run_tick
from tests.support.fakes.blobs import FakeLanding
from tests.support.fakes.world import World
from tests.support.pulling import HOUR, Pulling, answer, event
from tests.support.worlds import EVENTS, NOW, SETTLE, a_world, acme, an_event, attempt

_COMMON = (
    "itemType: string, customDimensions: dynamic, customMeasurements: dynamic, operation_Name: string,"
    " operation_Id: string, operation_ParentId: string, operation_SyntheticSource: string,"
    " session_Id: string, user_Id: string, user_AuthenticatedId: string, user_AccountId: string,"
    " application_Version: string, client_Type: string, client_Model: string, client_OS: string,"
    " client_IP: string, client_City: string, client_StateOrProvince: string,"
    " client_CountryOrRegion: string, client_Browser: string, cloud_RoleName: string,"
    " cloud_RoleInstance: string, appId: string, appName: string, iKey: string, sdkVersion: string,"
    " itemId: string, itemCount: int"
)
SCHEMAS = {
    "traces": f"(timestamp: datetime, message: string, severityLevel: int, {_COMMON})",
    "requests": (
        "(timestamp: datetime, id: string, source: string, name: string, url: string, success: string,"
        f" resultCode: string, duration: real, performanceBucket: string, {_COMMON})"
    ),
    "exceptions": (
        "(timestamp: datetime, problemId: string, handledAt: string, type: string, message: string,"
        " assembly: string, method: string, outerType: string, outerMessage: string, outerAssembly: string,"
        " outerMethod: string, innermostType: string, innermostMessage: string, innermostAssembly: string,"
        f" innermostMethod: string, severityLevel: int, details: dynamic, {_COMMON})"
    ),
}
"""The tables of Application Insights, with the documented columns."""
WORKSPACE_SCHEMAS = {
    "AppTraces": "(TimeGenerated: datetime, Message: string, SeverityLevel: int, Properties: dynamic)"
}
"""The table of the workspace behind it that our links query, with some of its columns. Source:
https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces"""

# The number of each log level in the service, and its name in the Functions host.
_SEVERITIES = {"INFO": (1, "Information"), "WARNING": (2, "Warning"), "ERROR": (3, "Error")}
TICKS_EVERY = timedelta(minutes=5)


def a_healthy_world(rejected_of_a_hundred: int = 0) -> World:
    """Make a world with a hundred landed rows for every hour of the day; some are invalid."""
    world = a_world(acme(org_id=None))
    first = Hour.containing(NOW).first_of_day()
    for number in range(24):
        hour = first.plus(number)
        rows = [an_event(100 * number + each, hour) for each in range(100 - rejected_of_a_hundred)]
        world.land(EVENTS.stream, hour, [*rows, *[{"uuid": "none"}] * rejected_of_a_hundred])
    return world


def an_installation_without_landing() -> World:
    """Make a world without exported hours and without a landing container."""
    world = a_world(acme(id="fresh", org_id=None))
    landing = world.gateways.landing
    assert isinstance(landing, FakeLanding)
    landing.there = False
    return world


class Telemetry(logging.Handler):
    """Collects the records that the worker sends: level Information and above."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.now = NOW
        self.function = "tick"
        self.traces: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record in the form of the host, with the category of the function."""
        severity, level = _SEVERITIES[record.levelname]
        self.traces.append(
            {
                "timestamp": self.now,
                "message": self.format(record),
                "severityLevel": severity,
                "itemType": "trace",
                "operation_Name": self.function,
                "cloud_RoleName": "func-exporter",
                "customDimensions": {"Category": f"Function.{self.function}.User", "LogLevel": level},
            }
        )

    def within(self, until: datetime, window: timedelta) -> dict[str, list[dict[str, Any]]]:
        """Return the tables for an alert with this window before a time."""
        rows = [row for row in self.traces if until - window < row["timestamp"] <= until]
        return {"traces": rows, "requests": [], "exceptions": []}


@contextmanager
def collected() -> Iterator[Telemetry]:
    """Collect telemetry inside the block."""
    telemetry, root = Telemetry(), logging.getLogger()
    level = root.level
    root.addHandler(telemetry)
    root.setLevel(logging.INFO)
    try:
        yield telemetry
    finally:
        root.removeHandler(telemetry)
        root.setLevel(level)


def live(world: World, telemetry: Telemetry, until: datetime, *, workers: bool = True) -> None:
    """Advance the clock: a tick every five minutes; workers, if any, export queued hours at once."""
    while telemetry.now + TICKS_EVERY <= until:
        telemetry.now += TICKS_EVERY
        now, telemetry.function, failures = telemetry.now, "tick", Failures()
        found = run_tick(world.gateways, now=now, settle=SETTLE, late_checks=(), failures=failures)
        failures.end()
        assert found is not None
        tick.log_tick(found, now=now, past_due=False)
        telemetry.function = "export_hour"
        for number, task in enumerate(world.hours.take()):
            if workers:
                _exported(world, task, now, f"{now:%H%M}-{number}")


def _exported(world: World, task: HourTask, now: datetime, claim_id: str) -> Outcome | None:
    try:
        return attempt(world, now, claim_id, task)
    except (Conflict, Transient):
        return None


def pull_an_hour_and_fail(telemetry: Telemetry) -> None:
    """Let a source pull two rows; then an hour is too large, and for the next one its keys are refused."""
    telemetry.function = "pull_hour"
    pulling = Pulling()
    pulling.answers(answer([event(1), event(2)]))
    pulling.answers(400, hour=HOUR.plus(1))
    pulling.answers(401, hour=HOUR.plus(2))
    for _ in range(3):
        pulling.run()
        pulling.wait(hours=1)
    telemetry.function = "pull_tick"
    for _ in range(2):
        pull.log_pull_tick(pulling.tick())
