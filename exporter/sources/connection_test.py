"""The test of a source: it asks for an hour as a pull does, and reads the beginning of the answer."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import msgspec

from exporter.domain.connection_test import ConnectionReport, ConnectionStep
from exporter.domain.errors import Fault, SourceFault, Transient
from exporter.domain.source import Source
from exporter.pipeline.zip_beginning import LOCAL_FILE, first_line, up_to
from exporter.ports import ExportApi
from exporter.sources import faults
from exporter.sources.answers import what_is_sent

STEPS = ("sign_in", "project", "export")
# If an hour has no rows, earlier ones are asked for, so that there are rows to look at: of the same hour of
# the day before and of the week before.
HOURS_BEFORE = (0, 24, 7 * 24)
# The first row is in it, unless it is unusually long.
BEGINNING_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Beginning:
    """The status of an answer, and the beginning of its body."""

    status: int
    body: bytes


def run_source_test(api: ExportApi, source: Source, now: datetime) -> ConnectionReport:
    """Ask for the newest hour that is due, and tell how each step ended.

    ``sign_in``: the API accepts the keys. ``project``: the first row is of the source's project; a project
    without rows passes. ``export``: the answer is a zip, or says that there are no rows.
    """
    try:
        found = _first_with_rows(api, source, now)
    except SourceFault as error:
        return _stopped_at("sign_in", error.fault)
    except Transient as error:
        return _stopped_at("sign_in", faults.unreachable(str(error)))
    if found.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return _stopped_at("sign_in", faults.credentials(found.status))
    refused = _refusal(found)
    if refused is not None:
        return ConnectionReport(
            (
                ConnectionStep("sign_in"),
                ConnectionStep("project", skipped=True),
                ConnectionStep("export", refused),
            )
        )
    return ConnectionReport(
        (
            ConnectionStep("sign_in"),
            ConnectionStep("project", _foreign(source, found)),
            ConnectionStep("export"),
        )
    )


def _first_with_rows(api: ExportApi, source: Source, now: datetime) -> _Beginning:
    """Return the first answer that is not "no data", or the last one."""
    found = _Beginning(HTTPStatus.NOT_FOUND, b"")
    for hours in HOURS_BEFORE:
        with api.ask(source, source.last_due(now).plus(-hours)) as answer:
            found = _Beginning(answer.status, up_to(BEGINNING_BYTES, answer.body))
        if found.status != HTTPStatus.NOT_FOUND:
            break
    return found


def _stopped_at(name: str, fault: Fault) -> ConnectionReport:
    """Return the report of a test that cannot continue after a step."""
    skipped = (ConnectionStep(each, skipped=True) for each in STEPS[STEPS.index(name) + 1 :])
    return ConnectionReport((ConnectionStep(name, fault), *skipped))


def _refusal(found: _Beginning) -> Fault | None:
    """Return why an answer is neither a zip nor "no data", or None if it is one of them."""
    zipped = found.status == HTTPStatus.OK and found.body.startswith(LOCAL_FILE)
    if zipped or found.status in {HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}:
        # An hour that is too large is refused with 400; other hours may be smaller.
        return None
    if found.status == HTTPStatus.OK:
        return faults.no_zip(what_is_sent(found.body))
    return faults.status_fault(found.status)


class _Row(msgspec.Struct):
    app: int | float | str | None = None


_ROW = msgspec.json.Decoder(_Row)


def _foreign(source: Source, found: _Beginning) -> Fault | None:
    """Return the fault if the first row is of another project; a row without a readable one passes."""
    line = first_line(found.body)
    try:
        app = _ROW.decode(line).app if line else None
        project_id = source.project_id if app is None else int(app)
    except (msgspec.DecodeError, ValueError, OverflowError):
        return None
    if project_id == source.project_id:
        return None
    return faults.wrong_project(project_id, source.project_id)
