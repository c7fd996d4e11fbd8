"""How things look in answers. No view has a place for a secret.

The types are what the document of the API says: what a function here returns is held to them by the type
checker, and the document is made from them.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, NotRequired, TypedDict, cast

import orjson

from exporter.backfill.progress import BackfillProgress
from exporter.destinations.overview import Overview
from exporter.destinations.preview import Preview
from exporter.destinations.recent_rows import RecentRows
from exporter.domain.backfill import Backfill, BackfillStatus
from exporter.domain.connection_test import ConnectionReport, ConnectionStep, ConnectionTest
from exporter.domain.destination import (
    Compression,
    Credentials,
    CredentialsType,
    Destination,
    ExtraKeys,
    Output,
    Status,
)
from exporter.domain.errors import Fault
from exporter.domain.file_names import NameStyle, PathLayout
from exporter.domain.hour import Hour
from exporter.domain.hour_content import RowCounts
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.landing import Survey
from exporter.domain.streams import DataType
from exporter.domain.timestamps import TimestampFormat
from exporter.domain.verification import Code, HourCheck, Verification, VerificationStatus
from exporter.domain.versioned import Rows
from exporter.verify.range import VerifyResult
from exporter.verify.runner import findings_lost

type Json = dict[str, object]


class Shown:
    """What the document says of a text besides that it is one; it costs nothing where none is asked for."""

    def __init__(self, **schema: str) -> None:
        self._schema = schema

    def __get_pydantic_json_schema__(self, core: object, of: Callable[[object], Json]) -> Json:
        """Return the JSON Schema, as pydantic asks for it."""
        return of(core) | self._schema


type Moment = Annotated[str, Shown(format="date-time", description="A time in UTC, to the second.")]
type HourKey = Annotated[str, Shown(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}$", description="A clock hour in UTC.")]


class HealthView(TypedDict):
    """The app is set up."""

    status: str


class FaultView(TypedDict):
    """What went wrong at the customer's: ``code`` is stable, ``fix`` says what to do."""

    code: str
    message: str
    fix: str


class RowsView(TypedDict):
    """What became of the rows of an hour; ``read`` is the sum of the others."""

    read: int
    exported: int
    filtered: int
    duplicate: int
    rejected: int


class OddRowsView(TypedDict):
    """How many exported rows lack a mistyped value, and how many rows were rejected for which reason."""

    amended: int
    rejected_by_reason: dict[str, int]


class RecentRowsView(RowsView, OddRowsView):
    """What became of the rows of a data type's last 24 closed hours, as far as these are done."""


class PartView(TypedDict):
    """A file of the hour: its compressed size, and the base64 of its MD5."""

    name: str
    rows: int
    bytes: int
    md5: str


class OutputView(TypedDict):
    """How the files look."""

    name_style: NameStyle
    path_layout: PathLayout
    timestamp_format: TimestampFormat
    extra_keys: ExtraKeys
    completion_marker: bool
    max_part_mib: int
    compression: Compression


class HourView(OddRowsView):
    """An hour of the ledger, with the filter and the output that its files were made with.

    ``warning`` is set if there were rows, and all of them were rejected. ``refused`` says why the latest
    request to export the hour anew was refused: the hour stays as it is.
    """

    hour: HourKey
    data_type: DataType
    status: HourStatus
    rows: RowsView
    warning: str | None
    parts: list[PartView]
    filter_sha256: str | None
    output: OutputView | None
    attempts: int
    requested_by: str
    started_at: Moment | None
    finished_at: Moment | None
    error: FaultView | None
    refused: FaultView | None


class HoursView(TypedDict):
    """Hours, oldest first."""

    hours: list[HourView]


class StepView(TypedDict):
    """A step of a test upload: passed, failed (then the rest says why), or skipped."""

    step: str
    status: str
    code: str | None
    message: str | None
    fix: str | None


class ReportView(TypedDict):
    """What came of a test upload."""

    ok: bool
    steps: list[StepView]


class TrialView(ReportView):
    """What came of the last test upload, and when that was."""

    at: Moment


class EventsView(TypedDict):
    """The project whose events are sent, and which of them: all, if there is no filter."""

    project_id: int
    filter: Json | None


class MergedIdsView(TypedDict):
    """The organization whose merged ids are sent."""

    org_id: int


class StorageView(TypedDict):
    """Where the files go."""

    account_url: str | None
    container: str
    prefix: str


class CredentialsView(TypedDict):
    """How the exporter signs in; the secret is not shown."""

    type: CredentialsType
    tenant_id: NotRequired[str | None]
    client_id: NotRequired[str | None]


class NotifyView(TypedDict):
    """Who is told what happens; the secret is not shown."""

    url: str


class DestinationView(TypedDict):
    """A destination, and how far it is; what is told for each data type has the data types as keys.

    ``last_24_hours`` and ``warning`` are not in lists of destinations.
    """

    id: str
    name: str
    events: EventsView | None
    merged_ids: MergedIdsView | None
    storage: StorageView
    credentials: CredentialsView
    output: OutputView
    notify: NotifyView | None
    status: Status
    created_at: Moment
    activated_at: Moment | None
    last_exported_hour: dict[str, HourKey | None]
    owed_hours: dict[str, int]
    behind_since: dict[str, HourKey | None]
    last_error: FaultView | None
    last_24_hours: NotRequired[dict[str, RecentRowsView]]
    warning: NotRequired[str | None]
    last_test_upload: TrialView | None


class UnreadableView(TypedDict):
    """A stored row that cannot be read; the log says more under ``row unreadable``."""

    table: str
    key: str
    column: str


class DestinationsView(TypedDict):
    """All destinations, by id; and stored rows that cannot be read, for the operator."""

    destinations: list[DestinationView]
    unreadable: list[UnreadableView]


class LandedView(TypedDict):
    """A project or organization in landing; the hours are null if there are none, or were not looked for."""

    data_type: DataType
    source_id: int
    first_hour: HourKey | None
    last_hour: HourKey | None


class MisfitView(TypedDict):
    """A folder (its name ends with ``/``) or blob that is no part of any hour, and is never exported."""

    name: str
    reason: str


class LandingView(TypedDict):
    """What landing holds; ``truncated`` if there is more than was looked at."""

    streams: list[LandedView]
    misfits: list[MisfitView]
    truncated: bool


class SchemasView(TypedDict):
    """The JSON Schema (2020-12) of a row, for each data type."""

    events: Json
    merged_ids: Json


type DocumentView = Json
"""An OpenAPI document."""


class PreviewView(OddRowsView):
    """What a filter leaves of an hour; ``complete`` is false if it took too long to read all of it."""

    hour: HourKey
    rows: RowsView
    examples: list[Json]
    complete: bool


class FindingView(TypedDict):
    """One thing that is not as it should be: ``code`` is stable, ``name`` is the file or the hour."""

    code: Code
    name: str
    detail: str


class WrongHourView(TypedDict):
    """An hour that is not as it should be; ``more`` findings are left out.

    ``repairable`` is false where to export it again would lose something, or is not needed.
    """

    hour: HourKey
    data_type: DataType
    findings: list[FindingView]
    more: int
    repairable: bool


VerifiedView = TypedDict(
    "VerifiedView",
    {
        "from": HourKey,
        "to": HourKey,
        "data_types": list[DataType],
        "checked": int,
        "whole": int,
        "wrong": int,
        "running": int,
        "elsewhere": int,
        "open": int,
        "hours": list[WrongHourView],
        "repair": str | None,
    },
)
"""What a verification found: how many hours are what, those that are wrong, and the backfill of a repair."""


class VerificationView(VerifiedView):
    """A verification that runs in the background, and what it has found so far.

    ``error`` says why it failed, why it does not get on, or that what it found is lost.
    """

    id: str
    status: VerificationStatus
    created_at: Moment
    finished_at: Moment | None
    error: FaultView | None


class BackfillHoursView(TypedDict):
    """How many hours, those of different data types one by one; ``total`` is the sum of the others."""

    total: int
    done: int
    empty: int
    failed: int
    left: int


class FailedHourView(TypedDict):
    """An hour that failed, or is broken off in passing again and again, and why."""

    hour: HourKey
    data_type: DataType
    error: FaultView


class BackfillView(TypedDict):
    """A backfill, and how far it is; of one that has ended, how far it was then.

    ``clamped_from`` is the first hour if nothing had landed before it, ``clamped_to`` the last one if the
    range ended after the last closed hour; else they are null. ``failed_hours`` are those that failed, and
    those that are left and broken off in passing again and again. ``error`` says why it ended, if that was
    for more than its ``failed_hours``, or why it waits or does not get on.
    """

    id: str
    start: str
    end: str
    data_types: list[DataType]
    status: BackfillStatus
    hours: BackfillHoursView
    failed_hours: list[FailedHourView]
    rows_exported: int
    bytes_exported: int
    hours_per_minute: float | None
    estimated_finish_at: Moment | None
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    clamped_from: HourKey | None
    clamped_to: HourKey | None
    allow_loss: bool
    error: FaultView | None


class BackfillsView(TypedDict):
    """Backfills, the newest first."""

    backfills: list[BackfillView]


class ErrorView(TypedDict):
    """A wrong field, by its path in the request."""

    field: str
    message: str


class ProblemView(TypedDict):
    """What went wrong (RFC 9457). ``code`` is stable; what stands behind it is there where it belongs."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: NotRequired[list[ErrorView]]
    fix: NotRequired[str]
    error_id: NotRequired[str]
    ok: NotRequired[bool]
    steps: NotRequired[list[StepView]]


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _time_or_null(moment: datetime | None) -> str | None:
    return None if moment is None else _time(moment)


def fault_view(fault: Fault | None) -> FaultView | None:
    """Return ``{"code", "message", "fix"}``."""
    return None if fault is None else _fault_view(fault)


def _fault_view(fault: Fault) -> FaultView:
    return {"code": fault.code, "message": fault.message, "fix": fault.fix}


def output_view(output: Output) -> OutputView:
    """Return how the files look."""
    return {
        "name_style": output.name_style,
        "path_layout": output.path_layout,
        "timestamp_format": output.timestamp_format,
        "extra_keys": output.extra_keys,
        "completion_marker": output.completion_marker,
        "max_part_mib": output.max_part_mib,
        "compression": output.compression,
    }


def _rows_view(rows: RowCounts) -> RowsView:
    return {
        "read": rows.read,
        "exported": rows.exported,
        "filtered": rows.filtered,
        "duplicate": rows.duplicate,
        "rejected": rows.rejected,
    }


def _odd_rows_view(rows: RowCounts) -> OddRowsView:
    return {
        "amended": rows.amended,
        "rejected_by_reason": {str(reason): count for reason, count in rows.rejected_by_reason},
    }


def preview_view(hour: Hour, found: Preview) -> PreviewView:
    """Return a preview; its rows are passed on as they would be exported, to the byte."""
    return {
        "hour": hour.key,
        "rows": _rows_view(found.rows),
        **_odd_rows_view(found.rows),
        "examples": cast("list[Json]", [orjson.Fragment(line) for line in found.examples]),
        "complete": found.complete,
    }


def verified_view(found: VerifyResult) -> VerifiedView:
    """Return what a verification found."""
    counts = found.counts
    return {
        "from": found.span.first.key,
        "to": found.span.last.key,
        "data_types": list(found.span.data_types),
        "checked": counts.checked,
        "whole": counts.whole,
        "wrong": counts.wrong,
        "running": counts.running,
        "elsewhere": counts.elsewhere,
        "open": found.span.open,
        "hours": [_wrong_hour_view(each) for each in found.wrong],
        "repair": found.backfill_id,
    }


def _wrong_hour_view(checked: HourCheck) -> WrongHourView:
    return {
        "hour": checked.hour.key,
        "data_type": checked.data_type,
        "findings": [
            {"code": each.code, "name": each.name, "detail": each.detail} for each in checked.findings
        ],
        "more": checked.more,
        "repairable": checked.repairable,
    }


def verification_view(verification: Verification, found: VerifyResult) -> VerificationView:
    """Return a verification that runs in the background, with what it has found so far."""
    finished_at = verification.finished_at
    return {
        **verified_view(found),
        "id": verification.id,
        "status": verification.status,
        "created_at": _time(verification.created_at),
        "finished_at": _time_or_null(finished_at),
        "error": fault_view(verification.error or (findings_lost() if found.lost else None)),
    }


def backfill_view(backfill: Backfill, progress: BackfillProgress) -> BackfillView:
    """Return a backfill and how far it is."""
    tally, pace = progress.tally, progress.hours_per_minute
    return {
        "id": backfill.id,
        "start": backfill.start,
        "end": backfill.end,
        "data_types": [stream.data_type for stream in backfill.streams],
        "status": backfill.status,
        "hours": {
            "total": backfill.total,
            "done": tally.done,
            "empty": tally.empty,
            "failed": len(progress.failed),
            "left": progress.left,
        },
        "failed_hours": [
            {"hour": each.hour.key, "data_type": each.stream.data_type, "error": _fault_view(each.error)}
            for each in (*progress.failed, *progress.struggling)
        ],
        "rows_exported": tally.rows,
        "bytes_exported": tally.bytes,
        "hours_per_minute": None if pace is None else round(pace, 1),
        "estimated_finish_at": _time_or_null(progress.estimated_finish_at),
        "created_at": _time(backfill.created_at),
        "started_at": _time_or_null(backfill.started_at),
        "finished_at": _time_or_null(backfill.finished_at),
        "clamped_from": backfill.first.key if backfill.clamped_start else None,
        "clamped_to": backfill.last.key if backfill.clamped else None,
        "allow_loss": backfill.allow_loss,
        "error": fault_view(backfill.error),
    }


def hour_view(record: HourRecord) -> HourView:
    """Return an hour of the ledger. Rows and parts are told of hours that are done, and of no others."""
    done = record.done
    rows = record.content.rows if done else RowCounts()
    error = record.work.error if record.status in {HourStatus.FAILED, HourStatus.OWED} else None
    return {
        "hour": record.hour.key,
        "data_type": record.key.stream.data_type,
        "status": record.status,
        "rows": _rows_view(rows),
        **_odd_rows_view(rows),
        "warning": rows.warning,
        "parts": [
            {"name": part.name, "rows": part.rows, "bytes": part.bytes, "md5": part.md5}
            for part in (record.content.parts if done else ())
        ],
        "filter_sha256": record.content.filter_sha256 if done else None,
        "output": output_view(record.content.output) if done and record.content.output else None,
        "attempts": record.work.attempts,
        "requested_by": record.work.requested_by,
        "started_at": _time_or_null(record.work.started_at),
        "finished_at": _time_or_null(record.finished_at),
        "error": fault_view(error),
        "refused": fault_view(record.work.refused.fault if record.work.refused else None),
    }


def report_view(report: ConnectionReport) -> ReportView:
    """Return the report of a test upload."""
    return {"ok": report.ok, "steps": [_step_view(step) for step in report.steps]}


def _trial_view(trial: ConnectionTest) -> TrialView:
    return {"at": _time(trial.at), **report_view(trial.report)}


def _step_view(step: ConnectionStep) -> StepView:
    fault = step.fault
    return {
        "step": step.name,
        "status": "failed" if fault else "skipped" if step.skipped else "passed",
        "code": fault.code if fault else None,
        "message": fault.message if fault else None,
        "fix": fault.fix if fault else None,
    }


def credentials_view(credentials: Credentials) -> CredentialsView:
    """Return the public part of credentials: ids, where the type has them; a secret never."""
    view: CredentialsView = {"type": credentials.type}
    if credentials.type is CredentialsType.SERVICE_PRINCIPAL:
        view["tenant_id"] = credentials.tenant_id
    if credentials.type in {CredentialsType.SERVICE_PRINCIPAL, CredentialsType.MANAGED_IDENTITY}:
        view["client_id"] = credentials.client_id
    return view


def _events_view(destination: Destination) -> EventsView | None:
    if destination.project_id is None:
        return None
    chosen = destination.event_filter
    return {"project_id": destination.project_id, "filter": chosen.document if chosen else None}


def destinations_view(overviews: Rows[Overview]) -> DestinationsView:
    """Return all destinations. Of a row that cannot be read nothing is shown but its place."""
    return {
        "destinations": [destination_view(each) for each in overviews],
        "unreadable": [
            {"table": row.table, "key": row.key, "column": row.column} for row in overviews.unreadable
        ],
    }


def landing_view(survey: Survey) -> LandingView:
    """Return what landing holds."""
    return {
        "streams": [
            {
                "data_type": each.stream.data_type,
                "source_id": each.stream.source_id,
                "first_hour": each.first.key if each.first else None,
                "last_hour": each.last.key if each.last else None,
            }
            for each in survey.streams
        ],
        "misfits": [{"name": each.name, "reason": each.reason} for each in survey.misfits],
        "truncated": survey.truncated,
    }


def destination_view(overview: Overview) -> DestinationView:
    """Return a destination as its owner may see it, with what the ledger says of its streams."""
    destination = overview.destination
    states = {state.key.stream.data_type.value: state for state in overview.states}
    view: DestinationView = {
        "id": destination.id,
        "name": destination.name,
        "events": _events_view(destination),
        "merged_ids": None if destination.org_id is None else {"org_id": destination.org_id},
        "storage": {
            "account_url": destination.storage.account_url,
            "container": destination.storage.container,
            "prefix": destination.storage.prefix,
        },
        "credentials": credentials_view(destination.credentials),
        "output": output_view(destination.output),
        "notify": {"url": destination.webhook.url} if destination.webhook else None,
        "status": overview.status,
        "created_at": _time(destination.created_at),
        "activated_at": _time_or_null(destination.activated_at),
        "last_exported_hour": {
            each: state.last_exported.key if state.last_exported else None for each, state in states.items()
        },
        "owed_hours": {each: state.owed for each, state in states.items()},
        "behind_since": {
            each: state.owed_since.key if state.owed_since else None for each, state in states.items()
        },
        "last_error": fault_view(overview.error),
        "last_test_upload": _trial_view(overview.trial) if overview.trial else None,
    }
    if overview.recent is not None:
        view["last_24_hours"] = {
            each.key.stream.data_type.value: {**_rows_view(each.rows), **_odd_rows_view(each.rows)}
            for each in overview.recent
        }
        view["warning"] = _lost_rows(overview.recent)
    return view


def _lost_rows(recent: list[RecentRows]) -> str | None:
    """Name the newest hour of each data type that lost all of its rows."""
    lost = [(each.key.stream.data_type, each.lost) for each in recent if each.lost]
    sentences = [f"{record.hour} ({data_type}): {record.content.rows.warning}" for data_type, record in lost]
    return " ".join(sentences) or None
