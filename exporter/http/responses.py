"""JSON answers, and problem documents (RFC 9457) for every error."""

import functools
import gzip
import hashlib
import logging
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import NotRequired, TypedDict
from urllib.parse import urlsplit, urlunsplit

import azure.functions as func
import msgspec
import orjson

from exporter import wiring
from exporter.domain.connection_test import ConnectionReport
from exporter.domain.errors import (
    Conflict,
    DestinationFault,
    ExportError,
    Fault,
    Invalid,
    Malformed,
    NotConfigured,
    NotFound,
    NotPossible,
    Outdated,
    Problem,
    Rejected,
    SourceFault,
    TooLarge,
    WrongMediaType,
)
from exporter.domain.filter_values import as_written
from exporter.http.problem_docs import SOURCES_PAGE, STORAGE_PAGE, problem_type
from exporter.http.schemas import StepView, report_view

# Where the API is. The host adds no prefix of its own: the console is beside the API.
API = "/api"
RETRY_AFTER_SECONDS = 5
BODY_BYTES_MAX = 1024 * 1024

type Handler = Callable[[func.HttpRequest], func.HttpResponse]

_STATUS: dict[type[Rejected], HTTPStatus] = {
    Malformed: HTTPStatus.BAD_REQUEST,
    TooLarge: HTTPStatus.CONTENT_TOO_LARGE,
    WrongMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    NotPossible: HTTPStatus.CONFLICT,
    Outdated: HTTPStatus.PRECONDITION_FAILED,
}
_log = logging.getLogger(__name__)
_AS_WRITTEN = msgspec.json.Decoder(float_hook=as_written)


class ErrorView(TypedDict):
    """A wrong field, by its path in the request."""

    field: str
    message: str


class ProblemView(TypedDict):
    """An error (RFC 9457); ``code`` is stable, and ``type`` is the URL of its documentation.

    The fields after ``code`` are present where they apply.
    """

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


# Answers are about now, and hold what only the owner of a key may see.
_EVERY_ANSWER = MappingProxyType({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
_TAG_CHARACTERS = 32
# A smaller answer fits into a few packets.
GZIP_BYTES_MIN = 4096
# A year of hours in columns, 178 kB: 60 kB after 2 ms. Level 6 takes 11 ms for 53 kB.
_GZIP_LEVEL = 1
_NO_WEIGHT = re.compile(r"q=0(\.0*)?")
# A job takes its next step within seconds.
POLL_SECONDS = 2


def answer(
    body: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    """Return a JSON answer."""
    sent = {**_EVERY_ANSWER, **(headers or {})}
    return func.HttpResponse(
        orjson.dumps(body), status_code=status, headers=sent, mimetype="application/json"
    )


def no_content() -> func.HttpResponse:
    """Return an answer without a body."""
    return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers=dict(_EVERY_ANSWER))


def accepted(req: func.HttpRequest, body: Mapping[str, object], path: str) -> func.HttpResponse:
    """Answer 202 for a job: ``path``, below ``/api``, is where its progress is."""
    url = urlsplit(req.url)
    headers = {"Location": urlunsplit((url.scheme, url.netloc, f"{API}{path}", "", ""))}
    return answer(body, HTTPStatus.ACCEPTED, headers | retry_after(POLL_SECONDS))


def retry_after(seconds: int) -> dict[str, str]:
    """Return the header that says when to ask again."""
    return {"Retry-After": str(seconds)}


def unless_known(req: func.HttpRequest, response: func.HttpResponse) -> func.HttpResponse:
    """Return 304 without a body if the caller has this answer already; otherwise the answer with its ETag.

    The ETag is a weak one: it is about this answer, and never matches an If-Match.
    """
    if response.status_code != HTTPStatus.OK or "ETag" in response.headers:
        return response
    tag = f'W/"{hashlib.sha256(response.get_body()).hexdigest()[:_TAG_CHARACTERS]}"'
    known = {each.strip() for each in req.headers.get("if-none-match", "").split(",")}
    headers = {**_EVERY_ANSWER, "ETag": tag}
    if known & {tag, tag.removeprefix("W/"), "*"}:
        return func.HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    response.headers["ETag"] = tag
    return response


def compressed(req: func.HttpRequest, response: func.HttpResponse) -> func.HttpResponse:
    """Return a large answer as gzip if the caller accepts that; any other answer as it is."""
    body = response.get_body()
    if len(body) < GZIP_BYTES_MIN:
        return response
    response.headers["Vary"] = "Accept-Encoding"
    if not _accepts_gzip(req.headers.get("accept-encoding", "")):
        return response
    headers = {**response.headers, "Content-Encoding": "gzip"}
    return func.HttpResponse(
        gzip.compress(body, _GZIP_LEVEL, mtime=0),
        status_code=response.status_code,
        headers=headers,
        mimetype=response.mimetype,
    )


def _accepts_gzip(accepted: str) -> bool:
    """Whether a header Accept-Encoding has gzip with a weight above 0."""
    for each in accepted.lower().split(","):
        coding, _, weight = (part.strip() for part in each.partition(";"))
        if coding in {"gzip", "*"}:
            return not _NO_WEIGHT.fullmatch(weight)
    return False


def problem(  # noqa: PLR0913  what a problem document is made of
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    extra: Mapping[str, object] = MappingProxyType({}),
    page: str | None = None,
) -> func.HttpResponse:
    """Return a problem document; ``code`` is stable, ``detail`` is for people.

    ``page`` is the page of the documentation that has the code, if it is a fault.
    """
    body: dict[str, object] = {
        "type": problem_type(code, page),
        "title": status.phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **extra,
    }
    sent = {**_EVERY_ANSWER, **(headers or {})}
    return func.HttpResponse(
        orjson.dumps(body), status_code=status, headers=sent, mimetype="application/problem+json"
    )


def _errors(problems: tuple[Problem, ...]) -> dict[str, object]:
    """Return the field ``errors`` of a problem document, if there are wrong fields."""
    errors = [{"field": each.field, "message": each.message} for each in problems]
    return {"errors": errors} if errors else {}


def problem_answers(handler: Handler) -> Handler:
    """Turn every exception of a handler into a problem document."""

    @functools.wraps(handler)
    def answered(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return handler(req)
        except ExportError as error:
            return _expected(error)
        except Exception:  # noqa: BLE001  the caller gets an id, the log gets the rest
            return _unexpected()

    return answered


def _expected(error: ExportError) -> func.HttpResponse:
    match error:
        case Rejected():
            return problem(_STATUS[type(error)], error.code, str(error), extra=_errors(error.problems))
        case DestinationFault():
            return _fault(error.fault, STORAGE_PAGE)
        case SourceFault():
            return _fault(error.fault, SOURCES_PAGE)
        case Conflict():
            return problem(HTTPStatus.CONFLICT, "conflict", f"{error}. Read the resource again and retry.")
        case NotConfigured():
            return not_configured(error)
        case _:
            _log.warning("answered 503: %s", error)
            headers = retry_after(RETRY_AFTER_SECONDS)
            detail = "The exporter's storage is busy or unreachable. Send the request again."
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "try_again", detail, headers=headers)


def _fault(fault: Fault, page: str) -> func.HttpResponse:
    extra = {"fix": fault.fix}
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, fault.code, fault.message, extra=extra, page=page)


def _unexpected() -> func.HttpResponse:
    error_id = wiring.new_id()
    _log.exception("unexpected error %s", error_id)
    detail = f"An unexpected error occurred. Give the operator this id to find it in the logs: {error_id}."
    extra = {"error_id": error_id}
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail, extra=extra)


def not_configured(error: NotConfigured) -> func.HttpResponse:
    """Return the problem document that lists every setting to correct."""
    detail = "The settings of the exporter are wrong or incomplete: see errors."
    extra = _errors(error.problems)
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_configured", detail, extra=extra)


def json_body(req: func.HttpRequest) -> object:
    """Return the parsed body; raise ``Rejected`` if it is too large, not declared as JSON, or not JSON."""
    body = req.get_body()
    if len(body) > BODY_BYTES_MAX:
        raise TooLarge("body_too_large", f"The body is larger than {BODY_BYTES_MAX} bytes.")
    if not _says_json(req.headers.get("content-type", "")):
        raise WrongMediaType("not_json", "Send JSON, with the header Content-Type: application/json.")
    if not body:
        # The Functions host drops a chunked body.
        raise Malformed(
            "invalid_json", "The body is missing. Send it with a Content-Length header, not in chunks."
        )
    try:
        orjson.loads(body)  # stricter: refuses NaN and lone surrogates
        return _AS_WRITTEN.decode(body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        # "from None": the parser's error holds the whole body, which may have a secret.
        raise Malformed("invalid_json", f"The body is not valid JSON: see {where}.") from None
    except msgspec.DecodeError:
        raise Malformed("invalid_json", "The body has an integer with too many digits.") from None


def _says_json(content_type: str) -> bool:
    """Whether a content type means JSON in UTF-8."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    return kind == "application/json" and set(parameters) <= {"charset=utf-8", 'charset="utf-8"', ""}


def upload_failed(report: ConnectionReport) -> func.HttpResponse:
    """Answer 422 for a failed test upload, with the whole report."""
    return _report_failed(report, "The test upload failed", "test_upload_failed", STORAGE_PAGE)


def source_test_failed(report: ConnectionReport) -> func.HttpResponse:
    """Answer 422 for a failed test of a source, with the whole report."""
    return _report_failed(report, "The test of the source failed", "source_test_failed", SOURCES_PAGE)


def _report_failed(report: ConnectionReport, what: str, otherwise: str, page: str) -> func.HttpResponse:
    """``otherwise`` is the code of a report without a fault."""
    fault = report.first_fault
    detail = f"{what}: {fault.message} {fault.fix}" if fault else f"{what}."
    code = fault.code if fault else otherwise
    extra = report_view(report)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, code, detail, extra=extra, page=page)
