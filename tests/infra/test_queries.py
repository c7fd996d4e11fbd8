"""The queries of alerts, workbook and guide, held to the language by the portal's own language service."""

import json
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import azure.functions as func
import pytest

from exporter.domain.errors import Fault
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.http.log_link import log_query
from exporter.notify.log_events import Event, log_event
from exporter.queues.poison import record_hour
from tests.infra.kql import run
from tests.infra.kusto import SCRIPT, SERVICE, needs_the_service
from tests.infra.queries import alerts, charts, examples, queries_of_resource_logs
from tests.infra.telemetry import (
    SCHEMAS,
    TICKS_EVERY,
    WORKSPACE_SCHEMAS,
    a_healthy_world,
    an_installation_without_landing,
    collected,
    live,
    pull_an_hour_and_fail,
)
from tests.support.worlds import EVENTS, NOW

COMPONENT = "/subscriptions/…/providers/Microsoft.Insights/components/appi-exporter"
WORKSPACE = "/subscriptions/…/providers/Microsoft.OperationalInsights/workspaces/log-exporter"
# The first hour of the day that the telemetry is of.
LINKED = HourRecord(EVENTS, Hour.containing(NOW).first_of_day())
QUERIES = {
    **{f"alert {each.name}": each.query for each in alerts()},
    **{f"chart {title}": query for title, query in charts().items()},
    **{f"example {number}": query for number, query in enumerate(examples(), start=1)},
    "link to the log of an hour": log_query(COMPONENT, LINKED),
}

# The columns of Azure's own logs that the guide reads. Source:
# https://learn.microsoft.com/azure/azure-monitor/reference/tables/azurediagnostics and …/storagebloblogs
RESOURCE_LOGS = {
    "AzureDiagnostics": "(TimeGenerated: datetime, ResourceProvider: string, OperationName: string,"
    " CallerIPAddress: string)",
    "StorageBlobLogs": "(TimeGenerated: datetime, OperationName: string, RequesterObjectId: string,"
    " Uri: string)",
}
MISTAKES = [
    "traces | where mesage == 1",
    "traces | summarize countt() by message",
    "requests | where message has 'x'",
    "exceptions | extend x = toint(",
    "events",
]


def analysed(queries: list[str]) -> list[dict[str, Any]]:
    """Return what the language service says of queries: ``problems`` and ``columns``."""
    node = shutil.which("node")
    assert node is not None
    request = json.dumps({"tables": SCHEMAS | WORKSPACE_SCHEMAS | RESOURCE_LOGS, "queries": queries})
    answer = subprocess.run(  # noqa: S603  our own script
        [node, str(SCRIPT), str(SERVICE)],
        input=request,
        capture_output=True,
        text=True,
        check=True,
        timeout=150,
    )
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    return found


@cache
def verdicts() -> dict[str, dict[str, Any]]:
    """Return what it says of our queries, by name, and of the mistaken ones; it takes a second to start."""
    others = (log_query(WORKSPACE, LINKED), *queries_of_resource_logs(), *MISTAKES)
    queries = {**QUERIES, **{query: query for query in others}}
    return dict(zip(queries, analysed([*queries.values()]), strict=True))


def test_there_are_queries_of_every_kind() -> None:
    """None is lost on the way out of the templates."""
    assert [len(alerts()), len(charts()), len(examples())] == [9, 15, 2]


@needs_the_service
@pytest.mark.parametrize("name", QUERIES)
def test_the_language_service_finds_nothing_wrong(name: str) -> None:
    """No syntax error, no column, function or type that there is not."""
    assert verdicts()[name]["problems"] == []


@needs_the_service
def test_the_queries_of_resource_logs_have_columns_that_azure_has() -> None:
    """Those of the guide for the deployment."""
    problems = {query: verdicts()[query]["problems"] for query in queries_of_resource_logs()}

    assert len(problems) == len(RESOURCE_LOGS)
    assert not any(problems.values()), problems


@needs_the_service
def test_a_link_to_the_log_of_an_hour_may_query_the_workspace() -> None:
    """Where table and columns have other names than in Application Insights."""
    verdict = verdicts()[log_query(WORKSPACE, LINKED)]

    assert verdict["problems"] == []
    assert verdict["columns"] == {"TimeGenerated": "datetime", "attempt_id": "string", "Message": "string"}


def test_a_link_to_the_log_finds_the_records_of_its_hour_alone() -> None:
    """Those of attempts that failed, too, and each with the id of its attempt."""
    traces = a_bad_day()["traces"]
    expected = Counter(hour for hour in map(_hour_of, traces) if hour)

    found = {
        hour: run(log_query(COMPONENT, replace(LINKED, hour=hour)), {"traces": traces}) for hour in expected
    }

    rows = [row for each in found.values() for row in each]
    assert {row["message"].split(" {")[0] for row in rows} == {Event.HOUR_EXPORTED, Event.HOUR_FAILED}
    assert all(row["attempt_id"] for row in rows)
    assert {hour: len(each) for hour, each in found.items()} == expected


def _hour_of(row: dict[str, Any]) -> Hour | None:
    """Return the hour of the destination acme that a record is about; None: it is about something else."""
    name, _, facts = row["message"].partition(" {")
    if name not in {Event.HOUR_EXPORTED, Event.HOUR_FAILED}:
        return None
    found = json.loads("{" + facts)
    return Hour.parse(found["hour"]) if found["destination"] == LINKED.key.destination_id else None


@needs_the_service
@pytest.mark.parametrize("query", MISTAKES)
def test_the_language_service_would_find_a_mistake(query: str) -> None:
    """A misspelt column or function, another table's column, a bracket, an unknown table."""
    assert verdicts()[query]["problems"]


@cache
def a_bad_day() -> dict[str, list[dict[str, Any]]]:
    """Return the tables after an hour in which much is exported, and something of everything fails."""
    with collected() as telemetry:
        world = a_healthy_world(rejected_of_a_hundred=5)
        live(world, telemetry, NOW + timedelta(minutes=10))
        world.reader().faults = {
            "list": Fault("container_not_found", "There is no container raw.", "Create it.")
        }
        live(world, telemetry, NOW + timedelta(minutes=80))
        world.schedule.spoil(EVENTS)
        live(world, telemetry, telemetry.now + TICKS_EVERY)
        live(an_installation_without_landing(), telemetry, telemetry.now + TICKS_EVERY)
        log_event(Event.SECRETS_RENEWED, renewed=1, left=0, unreadable=[])
        log_event(Event.CREDENTIALS_EXPIRE, destination="acme", expires_at="2026-02-01T00:00:00Z", days=1)
        log_event(Event.CHANGE_MADE, action="x", destination="acme", key="1", principal="a", changed={})
        pull_an_hour_and_fail(telemetry)
        record_hour(func.QueueMessage(body=b"\xff"), "export-hours", lambda: world.gateways)
    return {name: telemetry.traces if name == "traces" else [] for name in SCHEMAS}


@needs_the_service
@pytest.mark.parametrize("name", QUERIES)
def test_our_evaluator_gives_results_the_columns_that_the_language_service_gives_them(name: str) -> None:
    """Names and types; of queries that choose whole rows, those columns that the rows of the test have."""
    kinds = {
        str: {"string"},
        int: {"int", "long"},
        float: {"real"},
        datetime: {"datetime"},
        dict: {"dynamic"},
    }
    columns = verdicts()[name]["columns"]

    rows = run(QUERIES[name], a_bad_day())

    assert rows, "nothing to compare"
    for row in rows:
        assert row.keys() == columns.keys() or row.keys() == a_bad_day()["traces"][0].keys() < columns.keys()
        for column, value in row.items():
            assert columns[column] in kinds[type(value)], column
