"""The link from an hour to its log records in the portal of Azure."""

import base64
import gzip
import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import pytest

from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.work_item import WorkItem
from exporter.http.log_link import log_link, log_query
from tests.support.worlds import EVENTS, HOUR, NOW

PORTAL = "https://portal.azure.us"
GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-exporter/providers"
COMPONENT = f"{GROUP}/Microsoft.Insights/components/appi-exporter"
WORKSPACE = f"{GROUP}/Microsoft.OperationalInsights/workspaces/log-exporter"
EXPORTED = HourRecord(
    EVENTS,
    HOUR,
    HourStatus.EXPORTED,
    finished_at=NOW + timedelta(seconds=30),
    work=WorkItem(attempts=1, started_at=NOW),
)


def parts_of(link: str | None) -> dict[str, str]:
    """Return the named parts of the address within the portal, decoded."""
    assert link is not None
    _blade, _extension, _name, *parts = urlsplit(link).fragment.split("/")
    return {name: unquote(value) for name, value in zip(parts[::2], parts[1::2], strict=True)}


def test_the_link_opens_the_portal_of_the_cloud_at_the_resource_with_the_query() -> None:
    """The query is compressed; it is the same at each call, as the answer has an ETag."""
    link = log_link(PORTAL, COMPONENT, EXPORTED)

    assert link is not None
    assert link.startswith("https://portal.azure.us/#blade/Microsoft_OperationsManagementSuite_Workspace/")
    assert link == log_link(PORTAL, COMPONENT, EXPORTED)
    parts = parts_of(link)
    assert json.loads(parts["scope"]) == {"resources": [{"resourceId": COMPONENT}]}
    assert parts["isQueryBase64Compressed"] == "true"
    assert gzip.decompress(base64.b64decode(parts["query"])).decode() == log_query(COMPONENT, EXPORTED)


@pytest.mark.parametrize(
    ("record", "span"),
    [
        (EXPORTED, "2026-01-31T13:10:00Z/2026-01-31T13:20:30Z"),
        (replace(EXPORTED, finished_at=None), "2026-01-31T13:10:00Z/2026-02-01T13:20:00Z"),
        (replace(EXPORTED, finished_at=NOW - timedelta(1)), "2026-01-31T13:10:00Z/2026-02-01T13:20:00Z"),
    ],
    ids=["ended", "running", "released, and done before"],
)
def test_the_portal_looks_at_the_time_of_the_latest_attempt(record: HourRecord, span: str) -> None:
    """A minute of a clock that is wrong does not matter."""
    assert parts_of(log_link(PORTAL, COMPONENT, record))["timespan"] == span


def test_an_hour_that_no_worker_began_has_no_log() -> None:
    """It is owed."""
    assert log_link(PORTAL, COMPONENT, HourRecord(EVENTS, HOUR)) is None


@pytest.mark.parametrize(
    ("resource", "table"),
    [(COMPONENT, "traces"), (WORKSPACE, "AppTraces"), (WORKSPACE.lower(), "AppTraces")],
)
def test_the_query_names_the_hour_and_the_table_of_the_resource(resource: str, table: str) -> None:
    """tests/infra/test_queries.py runs it on the log of the app."""
    query = log_query(resource, EXPORTED)

    assert query.startswith(f"{table}\n")
    for fact in ('destination == "acme"', 'data_type == "events"', f'hour == "{HOUR}"'):
        assert f"facts.{fact}" in query
