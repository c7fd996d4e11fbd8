"""Links to the log records of an hour: a query in the portal of Azure."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from exporter.domain.hour_record import HourRecord

# The log may be written a little before or after the times of the record: by another clock.
_AROUND = timedelta(minutes=5)
# How long after its beginning an attempt is looked for that has not ended.
_UNENDED = timedelta(days=1)
# The names that a record has in Application Insights, and in the workspace behind it. Source:
# https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces
_OF_COMPONENT = ("traces", "timestamp", "message")
_OF_WORKSPACE = ("AppTraces", "TimeGenerated", "Message")


def log_link(portal: str, resource_id: str, record: HourRecord) -> str | None:
    """Return a URL that shows the log records of an hour at the time of its latest attempt; None without one.

    It opens the portal at the resource that holds the log, a component or a workspace. The form is that of
    *Copy link to query* in the portal. Azure does not document it; Grafana builds the same links. Source:
    ``getQueryUrl`` in https://github.com/grafana/grafana/tree/main/pkg/tsdb/azuremonitor/loganalytics
    """
    began = record.work.started_at
    if began is None:
        return None
    ended = record.finished_at
    until = ended if ended is not None and ended >= began else began + _UNENDED
    scope = json.dumps({"resources": [{"resourceId": resource_id}]}, separators=(",", ":"))
    # Without a time in the header, the same hour has the same link, and its answer the same ETag.
    packed = base64.b64encode(gzip.compress(log_query(resource_id, record).encode(), mtime=0)).decode()
    span = f"{_text(began - _AROUND)}/{_text(until + _AROUND)}"
    blade = "#blade/Microsoft_OperationsManagementSuite_Workspace/AnalyticsBlade"
    return (
        f"{portal}/{blade}/initiator/AnalyticsShareLinkToQuery/isQueryEditorVisible/true"
        f"/scope/{_quoted(scope)}/query/{_quoted(packed)}/isQueryBase64Compressed/true/timespan/{_quoted(span)}"
    )


def log_query(resource_id: str, record: HourRecord) -> str:
    """Return the query of the log records of an hour, one for each attempt that ended."""
    of_workspace = "/microsoft.operationalinsights/" in resource_id.lower()
    table, at, message = _OF_WORKSPACE if of_workspace else _OF_COMPONENT
    return f"""{table}
| where {message} startswith "hour "
| extend facts = parse_json(substring({message}, indexof({message}, "{{")))
| where facts.destination == "{record.key.destination_id}"
| where facts.data_type == "{record.key.stream.data_type}"
| where facts.hour == "{record.hour}"
| project {at}, attempt_id = tostring(facts.attempt_id), {message}
"""


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
