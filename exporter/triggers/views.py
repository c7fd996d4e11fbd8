"""How things look in answers. No view has a place for a secret."""

from datetime import datetime

from exporter.actions.list_hours import StreamState
from exporter.domain.destination import Credentials, CredentialsType, Destination, Status
from exporter.domain.errors import Fault
from exporter.domain.ledger import HourRecord, HourStatus, RowCounts
from exporter.domain.trial import Report, Step

type Json = dict[str, object]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def fault_view(fault: Fault | None) -> Json | None:
    """Return ``{"code", "message", "fix"}``."""
    return None if fault is None else {"code": fault.code, "message": fault.message, "fix": fault.fix}


def hour_view(record: HourRecord) -> Json:
    """Return an hour of the ledger. Rows and parts are told of hours that are done, and of no others."""
    rows = record.rows if record.done else RowCounts()
    parts = record.parts if record.done else ()
    error = record.error if record.status in {HourStatus.FAILED, HourStatus.OWED} else None
    return {
        "hour": record.hour.key,
        "data_type": record.key.stream.data_type,
        "status": record.status,
        "rows": {
            "read": rows.read,
            "exported": rows.exported,
            "filtered": rows.filtered,
            "duplicate": rows.duplicate,
            "rejected": rows.rejected,
        },
        "parts": [
            {"name": part.name, "rows": part.rows, "bytes": part.bytes, "md5": part.md5} for part in parts
        ],
        "attempts": record.attempts,
        "requested_by": record.requested_by,
        "started_at": _time(record.started_at),
        "finished_at": _time(record.finished_at),
        "error": fault_view(error),
    }


def report_view(report: Report) -> Json:
    """Return the report of a test upload."""
    return {"ok": report.ok, "steps": [_step_view(step) for step in report.steps]}


def _step_view(step: Step) -> Json:
    status = "failed" if step.fault else "skipped" if step.skipped else "passed"
    fault = step.fault
    return {
        "step": step.name,
        "status": status,
        "code": fault.code if fault else None,
        "message": fault.message if fault else None,
        "fix": fault.fix if fault else None,
    }


def credentials_view(credentials: Credentials) -> Json:
    """Return the public part of credentials: ids, where the type has them; a secret never."""
    view: Json = {"type": credentials.type}
    if credentials.type is CredentialsType.SERVICE_PRINCIPAL:
        view["tenant_id"] = credentials.tenant_id
    if credentials.type in {CredentialsType.SERVICE_PRINCIPAL, CredentialsType.MANAGED_IDENTITY}:
        view["client_id"] = credentials.client_id
    return view


def destination_view(destination: Destination, states: list[StreamState]) -> Json:
    """Return a destination as its owner may see it, with what the ledger says of its streams."""
    by_type = {state.key.stream.data_type.value: state for state in states}
    failed = [state.failed for state in states if state.failed]
    latest = max(failed, key=lambda record: record.hour, default=None)
    failing = destination.status is Status.ACTIVE and latest is not None
    output = destination.output
    return {
        "id": destination.id,
        "name": destination.name,
        "events": None if destination.project_id is None else {"project_id": destination.project_id},
        "merged_ids": None if destination.org_id is None else {"org_id": destination.org_id},
        "storage": {
            "account_url": destination.storage.account_url,
            "container": destination.storage.container,
            "prefix": destination.storage.prefix,
        },
        "credentials": credentials_view(destination.credentials),
        "output": {
            "name_style": output.name_style,
            "path_layout": output.path_layout,
            "timestamp_format": output.timestamp_format,
            "extra_keys": output.extra_keys,
            "completion_marker": output.completion_marker,
            "max_part_mib": output.max_part_mib,
            "compression": output.compression,
        },
        "status": Status.FAILING if failing else destination.status,
        "created_at": _time(destination.created_at),
        "activated_at": _time(destination.activated_at),
        "last_exported_hour": {
            each: state.last_exported.key if state.last_exported else None for each, state in by_type.items()
        },
        "owed_hours": {each: state.owed for each, state in by_type.items()},
        "last_error": fault_view(latest.error) if latest else None,
    }
