"""``/destinations/{id}/verify`` and ``/destinations/{id}/verifications``."""

from http import HTTPStatus
from typing import TYPE_CHECKING, TypedDict

import azure.functions as func

from exporter import wiring
from exporter.backfill import requests
from exporter.destinations.find import find_destination, find_history
from exporter.domain.data_types import DataType
from exporter.domain.errors import Invalid
from exporter.domain.verification import Code, HourCheck, Verification, VerificationStatus
from exporter.http.audit import log_change
from exporter.http.idempotency import idempotency_header, idempotency_key
from exporter.http.query import JOB_PAGE, Query, parse_job_page
from exporter.http.responses import POLL_SECONDS, accepted, answer, json_body, retry_after
from exporter.http.routing import Operation, nothing, operation
from exporter.http.schemas import FaultView, HourKey, Moment, fault_or_null, time_or_null, time_text
from exporter.schedule.ledger_view import as_of_now
from exporter.verify import runner
from exporter.verify.range import VerifyResult, fits_at_once, repairing, span_of, verify_at_once
from exporter.verify.runner import findings_lost

if TYPE_CHECKING:
    from exporter.http.verify_model import VerifyRequest

blueprint = func.Blueprint()


class FindingView(TypedDict):
    """A discrepancy: ``code`` is stable, ``name`` is the file or the hour."""

    code: Code
    name: str
    detail: str


class WrongHourView(TypedDict):
    """An hour with findings; ``more`` is the number of findings left out.

    ``repairable`` is false if exporting the hour again would lose rows, or is not needed.
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
"""The result of a verification: hour counts, the wrong hours, and the id of the repairing backfill."""


class VerificationView(VerifiedView):
    """A verification in the background with its findings so far.

    ``error`` says why it failed or does not proceed, or that its findings are lost.
    """

    id: str
    status: VerificationStatus
    created_at: Moment
    finished_at: Moment | None
    error: FaultView | None


class VerificationsView(TypedDict):
    """Verifications in the background, newest first, without their wrong hours.

    ``next`` is the value of ``after`` for the next page, null on the last page.
    """

    verifications: list["ListedVerificationView"]
    next: str | None


ListedVerificationView = TypedDict(
    "ListedVerificationView",
    {
        "id": str,
        "status": VerificationStatus,
        "from": HourKey,
        "to": HourKey,
        "data_types": list[DataType],
        "checked": int,
        "wrong": int,
        "repair": str | None,
        "created_at": Moment,
        "finished_at": Moment | None,
        "error": FaultView | None,
    },
)
"""A verification in a list; the answer about it alone has its wrong hours."""


def _parse(req: func.HttpRequest) -> tuple["VerifyRequest", str | None]:
    from exporter.http.verify_model import parse_verify  # noqa: PLC0415  pydantic, for few requests

    query = Query(req)
    key = idempotency_key(req, query)
    try:
        request = parse_verify(json_body(req))
    except Invalid as invalid:
        raise Invalid(*query.problems, *invalid.problems) from invalid
    query.check()
    return request, key


@operation(
    blueprint,
    Operation(
        name="verify_destination",
        method="POST",
        route="destinations/{id}/verify",
        answers={HTTPStatus.OK: VerifiedView, HTTPStatus.ACCEPTED: VerificationView},
        problems=(HTTPStatus.CONFLICT,),
        headers=(idempotency_header("verification"),),
        body="exporter.http.verify_model:VerifyModel",
    ),
    parse=_parse,
)
def verify(req: func.HttpRequest, wanted: tuple["VerifyRequest", str | None]) -> func.HttpResponse:
    """Compare the container with marker, ledger and landing, hour by hour; long ranges in the background."""
    app, (request, key) = wiring.app(), wanted
    gateways = app.gateways
    destination = find_destination(gateways.destinations, req.route_params["id"]).value
    as_of = as_of_now(app.gateways, wiring.now(), app.settings.settle)
    span = span_of(gateways, destination, request.span, request.data_types, as_of)
    repair = repairing(destination, requests.repairer(gateways, wiring.now)) if request.repair else None
    new_id = wiring.new_id() if key is None else runner.id_of_key(destination.id, key)
    if request.repair:
        log_change(req, "verify_destination", repair=True, start=span.first.key, end=span.last.key)
    begun_before = key is not None and gateways.verifications.get(destination.id, new_id) is not None
    if fits_at_once(span) and not begun_before:
        verified = verify_at_once(
            gateways,
            destination,
            span,
            clock=wiring.now,
            as_of=as_of,
            repair=repair,
            request_id=new_id,
        )
        if verified is not None:
            return answer(verified_view(verified))
    begin = runner.begin if key is None else runner.begin_once
    begun = begin(gateways, destination, span, repair=request.repair, now=as_of.now, new_id=new_id)
    body = verification_view(begun, runner.result(gateways.state, begun))
    return accepted(req, body, f"/destinations/{destination.id}/verifications/{begun.id}")


@operation(
    blueprint,
    Operation(
        name="list_verifications",
        method="GET",
        route="destinations/{id}/verifications",
        answers={HTTPStatus.OK: VerificationsView},
        query=JOB_PAGE,
    ),
    parse=parse_job_page,
)
def list_all(req: func.HttpRequest, page: tuple[str, int]) -> func.HttpResponse:
    """List the verifications of a destination that ran in the background, newest first, page by page."""
    gateways, (after, limit) = wiring.app().gateways, page
    destination = find_history(gateways.destinations, req.route_params["id"]).value
    found = runner.list_verifications(gateways.verifications, destination.id, after=after, limit=limit)
    return answer({"verifications": [listed_view(each) for each in found], "next": found.next_after})


@operation(
    blueprint,
    Operation(
        name="get_verification",
        method="GET",
        route="destinations/{id}/verifications/{verification_id}",
        answers={HTTPStatus.OK: VerificationView},
        polled=True,
    ),
    parse=nothing,
)
def show(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Return a verification in the background with its progress and its findings so far."""
    gateways = wiring.app().gateways
    destination = find_history(gateways.destinations, req.route_params["id"]).value
    found = runner.find_verification(
        gateways.verifications, destination.id, req.route_params["verification_id"]
    )
    body = verification_view(found, runner.result(gateways.state, found))
    return answer(body, headers=None if found.ended else retry_after(POLL_SECONDS))


def verified_view(found: VerifyResult) -> VerifiedView:
    """Return the result of a verification."""
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
    """Return a verification in the background with its findings so far."""
    return {
        **verified_view(found),
        "id": verification.id,
        "status": verification.status,
        "created_at": time_text(verification.created_at),
        "finished_at": time_or_null(verification.finished_at),
        "error": fault_or_null(verification.error or (findings_lost() if found.lost else None)),
    }


def listed_view(verification: Verification) -> ListedVerificationView:
    """Return a verification in a list."""
    span, counts = verification.span, verification.counts
    return {
        "id": verification.id,
        "status": verification.status,
        "from": span.first.key,
        "to": span.last.key,
        "data_types": list(span.data_types),
        "checked": counts.checked,
        "wrong": counts.wrong,
        "repair": verification.backfill_id,
        "created_at": time_text(verification.created_at),
        "finished_at": time_or_null(verification.finished_at),
        "error": fault_or_null(verification.error),
    }
