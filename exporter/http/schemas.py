"""Types and functions that several answers share. No type of an answer has a place for a secret.

OpenAPI is generated from these types; the type checker holds the functions to them.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypedDict

from exporter.domain.connection_test import ConnectionReport, ConnectionStep
from exporter.domain.destination import Compression, ExtraKeys, Output
from exporter.domain.errors import Fault
from exporter.domain.file_names import NameStyle, PathLayout
from exporter.domain.hour_record import RowCounts
from exporter.domain.timestamps import TimestampFormat

type Json = dict[str, object]

HOUR_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}$"
NOT_AN_HOUR = "must be a UTC hour such as 2026-01-31T13"


class SchemaHint:
    """Keywords that OpenAPI adds to the JSON Schema of a text. Ignored everywhere else."""

    def __init__(self, **keywords: str) -> None:
        self._keywords = keywords

    def __get_pydantic_json_schema__(self, core: object, schema_of: Callable[[object], Json]) -> Json:
        """Return the JSON Schema with the keywords; pydantic calls this."""
        return schema_of(core) | self._keywords


type Moment = Annotated[str, SchemaHint(format="date-time", description="A time in UTC, to the second.")]
type HourKey = Annotated[str, SchemaHint(pattern=HOUR_PATTERN, description="A clock hour in UTC.")]


class FaultView(TypedDict):
    """An error in the customer's storage or settings: ``code`` is stable, ``fix`` says what to do."""

    code: str
    message: str
    fix: str


class RowsView(TypedDict):
    """Row counts; ``read`` is the sum of the others."""

    read: int
    exported: int
    filtered: int
    duplicate: int
    rejected: int


class RowIssuesView(TypedDict):
    """The number of exported rows that lost a mistyped value, and of rejected rows by reason."""

    amended: int
    rejected_by_reason: dict[str, int]


class OutputView(TypedDict):
    """The format and the names of the files."""

    name_style: NameStyle
    path_layout: PathLayout
    timestamp_format: TimestampFormat
    extra_keys: ExtraKeys
    completion_marker: bool
    max_part_mib: int
    compression: Compression


class StepView(TypedDict):
    """A step of a test upload: ``passed``, ``skipped``, or ``failed`` with code, message and fix."""

    step: str
    status: str
    code: str | None
    message: str | None
    fix: str | None


class ReportView(TypedDict):
    """The result of a test upload."""

    ok: bool
    steps: list[StepView]


def time_text(moment: datetime) -> str:
    """Return a UTC time as RFC 3339 text, to the second."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def time_or_null(moment: datetime | None) -> str | None:
    """Return a UTC time as RFC 3339 text, or None."""
    return None if moment is None else time_text(moment)


def fault_view(fault: Fault) -> FaultView:
    """Return ``{"code", "message", "fix"}``."""
    return {"code": fault.code, "message": fault.message, "fix": fault.fix}


def fault_or_null(fault: Fault | None) -> FaultView | None:
    """Return ``{"code", "message", "fix"}``, or None."""
    return None if fault is None else fault_view(fault)


def output_view(output: Output) -> OutputView:
    """Return the output settings."""
    return {
        "name_style": output.name_style,
        "path_layout": output.path_layout,
        "timestamp_format": output.timestamp_format,
        "extra_keys": output.extra_keys,
        "completion_marker": output.completion_marker,
        "max_part_mib": output.max_part_mib,
        "compression": output.compression,
    }


def rows_view(rows: RowCounts) -> RowsView:
    """Return the row counts."""
    return {
        "read": rows.read,
        "exported": rows.exported,
        "filtered": rows.filtered,
        "duplicate": rows.duplicate,
        "rejected": rows.rejected,
    }


def row_issues_view(rows: RowCounts) -> RowIssuesView:
    """Return the counts of amended rows and of rejected rows by reason."""
    return {
        "amended": rows.amended,
        "rejected_by_reason": {str(reason): count for reason, count in rows.rejected_by_reason},
    }


def report_view(report: ConnectionReport) -> ReportView:
    """Return the report of a test upload."""
    return {"ok": report.ok, "steps": [_step_view(step) for step in report.steps]}


def _step_view(step: ConnectionStep) -> StepView:
    fault = step.fault
    return {
        "step": step.name,
        "status": "failed" if fault else "skipped" if step.skipped else "passed",
        "code": fault.code if fault else None,
        "message": fault.message if fault else None,
        "fix": fault.fix if fault else None,
    }
