"""A destination in answers."""

from typing import NotRequired, TypedDict

from exporter.destinations.overview import Overview
from exporter.destinations.recent_rows import RecentRows
from exporter.domain.destination import Credentials, CredentialsType, Destination, Status
from exporter.domain.notifications import Webhook
from exporter.domain.versioned import Page
from exporter.http.schemas import (
    FaultView,
    HourKey,
    Json,
    Moment,
    OutputView,
    ReportView,
    RowIssuesView,
    RowsView,
    fault_or_null,
    output_view,
    report_view,
    row_issues_view,
    rows_view,
    time_or_null,
    time_text,
)


class EventsView(TypedDict):
    """The project whose events are exported; without a filter, all of them."""

    project_id: int
    filter: Json | None


class MergedIdsView(TypedDict):
    """The organization whose merged ids are exported."""

    org_id: int


class StorageView(TypedDict):
    """The target of the files."""

    account_url: str | None
    container: str
    prefix: str


class CredentialsView(TypedDict):
    """The credentials without their secret."""

    type: CredentialsType
    tenant_id: NotRequired[str | None]
    client_id: NotRequired[str | None]


class NotifyView(TypedDict):
    """The webhook without its secret."""

    url: str


class NotifyStateView(TypedDict):
    """Until when calls are signed with the secret before, too, and when an answer 410 ended the webhook."""

    old_secret_until: Moment | None
    ended_at: Moment | None


class RecentRowsView(RowsView, RowIssuesView):
    """Row counts of a data type over the last 24 closed hours, as far as these are done."""


class LastTestView(ReportView):
    """The result of the last test upload, and its time."""

    at: Moment


class ProgressView(TypedDict):
    """The progress of a destination, in lists as well as alone.

    ``held_by`` is the source that has not pulled hours yet which would be closed without it.
    """

    status: Status
    created_at: Moment
    activated_at: Moment | None
    last_exported_hour: dict[str, HourKey | None]
    owed_hours: dict[str, int]
    behind_since: dict[str, HourKey | None]
    held_by: dict[str, str | None]
    last_error: FaultView | None


class DestinationView(ProgressView):
    """A destination and its progress; a field with a value for each data type has the data types as keys."""

    id: str
    name: str
    events: EventsView | None
    merged_ids: MergedIdsView | None
    storage: StorageView
    credentials: CredentialsView
    output: OutputView
    notify: NotifyView | None
    notify_state: NotifyStateView | None
    credentials_expire_at: Moment | None
    last_24_hours: dict[str, RecentRowsView]
    warning: str | None
    last_test_upload: LastTestView | None


_OF_A_TENANT = frozenset({CredentialsType.SERVICE_PRINCIPAL, CredentialsType.WORKLOAD_IDENTITY})
# The fields that answers have and requests must not.
READ_ONLY = frozenset(DestinationView.__annotations__) - {
    *("id", "name", "events", "merged_ids", "storage", "credentials", "output", "notify")
}


class UnreadableView(TypedDict):
    """A stored row that cannot be read; the log line ``row unreadable`` has the details."""

    table: str
    key: str
    column: str


class ListedEventsView(TypedDict):
    """The project whose events are exported, and whether a filter selects some of them."""

    project_id: int
    filtered: bool


class ListedTestView(TypedDict):
    """The time of the last test upload, and whether it passed."""

    at: Moment
    ok: bool


class ListedDestinationView(ProgressView):
    """A destination in a list: without its credentials, output settings, filter and recent row counts."""

    id: str
    name: str
    events: ListedEventsView | None
    merged_ids: MergedIdsView | None
    storage: StorageView
    last_test_upload: ListedTestView | None


class DestinationsView(TypedDict):
    """A page of destinations by id, and the stored rows about them that cannot be read, for the operator.

    ``next`` is the value of ``after`` for the next page, null on the last page.
    """

    destinations: list[ListedDestinationView]
    unreadable: list[UnreadableView]
    next: str | None


def destinations_view(page: Page[Overview]) -> DestinationsView:
    """Return a page of destinations; of an unreadable row only its table, key and column."""
    return {
        "destinations": [_listed_view(each) for each in page],
        "unreadable": [{"table": row.table, "key": row.key, "column": row.column} for row in page.unreadable],
        "next": page.next_after,
    }


def _listed_view(overview: Overview) -> ListedDestinationView:
    destination, test = overview.destination, overview.last_test
    filtered = destination.event_filter is not None
    return {
        "id": destination.id,
        "name": destination.name,
        "events": (
            None
            if destination.project_id is None
            else {"project_id": destination.project_id, "filtered": filtered}
        ),
        "merged_ids": _merged_ids_view(destination),
        "storage": _storage_view(destination),
        **_progress_view(overview),
        "last_test_upload": {"at": time_text(test.at), "ok": test.report.ok} if test else None,
    }


def _progress_view(overview: Overview) -> ProgressView:
    destination = overview.destination
    states = {state.key.stream.data_type.value: state for state in overview.states}
    return {
        "status": overview.status,
        "created_at": time_text(destination.created_at),
        "activated_at": time_or_null(destination.activated_at),
        "last_exported_hour": {
            each: state.last_exported.key if state.last_exported else None for each, state in states.items()
        },
        "owed_hours": {each: state.owed for each, state in states.items()},
        "behind_since": {
            each: state.owed_since.key if state.owed_since else None for each, state in states.items()
        },
        "held_by": {each: state.held_by for each, state in states.items()},
        "last_error": fault_or_null(overview.error),
    }


def _merged_ids_view(destination: Destination) -> MergedIdsView | None:
    return None if destination.org_id is None else {"org_id": destination.org_id}


def _storage_view(destination: Destination) -> StorageView:
    return {
        "account_url": destination.storage.account_url,
        "container": destination.storage.container,
        "prefix": destination.storage.prefix,
    }


def destination_view(overview: Overview) -> DestinationView:
    """Return a destination without its secrets, and the progress of its streams."""
    destination, test, recent = overview.destination, overview.last_test, overview.recent or []
    return {
        "id": destination.id,
        "name": destination.name,
        "events": _events_view(destination),
        "merged_ids": _merged_ids_view(destination),
        "storage": _storage_view(destination),
        "credentials": credentials_view(destination.credentials),
        "output": output_view(destination.output),
        "notify": {"url": destination.webhook.url} if destination.webhook else None,
        "notify_state": _notify_state_view(destination.webhook),
        "credentials_expire_at": time_or_null(destination.credentials.expires_at),
        **_progress_view(overview),
        "last_24_hours": {
            each.key.stream.data_type.value: {**rows_view(each.rows), **row_issues_view(each.rows)}
            for each in recent
        },
        "warning": _lost_rows_warning(recent),
        "last_test_upload": {"at": time_text(test.at), **report_view(test.report)} if test else None,
    }


def _events_view(destination: Destination) -> EventsView | None:
    if destination.project_id is None:
        return None
    event_filter = destination.event_filter
    return {"project_id": destination.project_id, "filter": event_filter.document if event_filter else None}


def _notify_state_view(webhook: Webhook | None) -> NotifyStateView | None:
    if webhook is None:
        return None
    return {
        "old_secret_until": time_or_null(webhook.old_until),
        "ended_at": time_or_null(webhook.ended_at),
    }


def credentials_view(credentials: Credentials) -> CredentialsView:
    """Return the type of credentials and the ids that it has; never a secret."""
    view: CredentialsView = {"type": credentials.type}
    if credentials.type in _OF_A_TENANT:
        view["tenant_id"] = credentials.tenant_id
    if credentials.type in _OF_A_TENANT | {CredentialsType.MANAGED_IDENTITY}:
        view["client_id"] = credentials.client_id
    return view


def _lost_rows_warning(recent: list[RecentRows]) -> str | None:
    """Name the newest hour of each data type of which all rows were rejected."""
    lost = [(each.key.stream.data_type, each.lost) for each in recent if each.lost]
    sentences = [f"{record.hour} ({data_type}): {record.content.rows.warning}" for data_type, record in lost]
    return " ".join(sentences) or None
