"""Answers over HTTP: JSON, and problem documents (RFC 9457) for everything that goes wrong."""

import functools
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType

import azure.functions as func
import msgspec
import orjson

from exporter import wiring
from exporter.domain.errors import (
    Conflict,
    DestinationFault,
    ExportError,
    Invalid,
    Malformed,
    NotConfigured,
    NotFound,
    NotPossible,
    Outdated,
    Problem,
    Rejected,
    TooLarge,
    WrongMediaType,
)
from exporter.domain.filter_values import as_written

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


def answer(
    body: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    """Return a JSON answer."""
    return func.HttpResponse(
        orjson.dumps(body), status_code=status, headers=headers or {}, mimetype="application/json"
    )


def no_content() -> func.HttpResponse:
    """Return the answer of something that is done and leaves nothing to say."""
    return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT)


def problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    further: Mapping[str, object] = MappingProxyType({}),
) -> func.HttpResponse:
    """Return a problem document; ``code`` is stable, ``detail`` is for a person."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **further,
    }
    return func.HttpResponse(
        orjson.dumps(body), status_code=status, headers=headers or {}, mimetype="application/problem+json"
    )


def _errors(problems: tuple[Problem, ...]) -> dict[str, object]:
    """Return what a problem document says further of wrong fields."""
    errors = [{"field": each.field, "message": each.message} for each in problems]
    return {"errors": errors} if errors else {}


def answering(handler: Handler) -> Handler:
    """Let a handler raise: every error becomes the problem document of the one who must act on it."""

    @functools.wraps(handler)
    def answered(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return handler(req)
        except ExportError as error:
            return _expected(error)
        except Exception:  # noqa: BLE001  the one place that may: callers get an id, the log gets everything
            return _unexpected()

    return answered


def _expected(error: ExportError) -> func.HttpResponse:
    match error:
        case Rejected():
            return problem(_STATUS[type(error)], error.code, str(error), further=_errors(error.problems))
        case DestinationFault():
            fault = error.fault
            return problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, fault.code, fault.message, further={"fix": fault.fix}
            )
        case Conflict():
            return problem(HTTPStatus.CONFLICT, "conflict", f"{error}. Read it again and retry.")
        case NotConfigured():
            return not_configured(error)
        case _:
            _log.warning("answered 503: %s", error)
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            detail = "The storage account is busy or out of reach for the moment. Try again."
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "try_again", detail, headers=headers)


def _unexpected() -> func.HttpResponse:
    error_id = wiring.new_id()
    _log.exception("unexpected error %s", error_id)
    detail = f"An unexpected error happened. The operator finds it in the logs under {error_id}."
    further = {"error_id": error_id}
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail, further=further)


def not_configured(error: NotConfigured) -> func.HttpResponse:
    """Return the problem document that names every setting to correct."""
    detail = "The app cannot work before its settings are corrected."
    further = _errors(error.problems)
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_configured", detail, further=further)


def json_body(req: func.HttpRequest) -> object:
    """Return the request's body as plain values, or raise what is wrong with it as a whole."""
    body = req.get_body()
    if len(body) > BODY_BYTES_MAX:
        raise TooLarge("body_too_large", f"The body is larger than {BODY_BYTES_MAX} bytes.")
    if not _says_json(req.headers.get("content-type", "")):
        raise WrongMediaType("not_json", "Send JSON, with the header Content-Type: application/json.")
    if not body:
        # The host passes on no body that comes in chunks.
        raise Malformed(
            "invalid_json", "There is no body. Send one, with a Content-Length and not in chunks."
        )
    try:
        orjson.loads(body)  # the stricter of the two: no NaN, no half of a character
        return _AS_WRITTEN.decode(body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        # The parser's error holds the whole body: it goes no further.
        raise Malformed("invalid_json", f"The body is no JSON: see {where}.") from None
    except msgspec.DecodeError:
        raise Malformed("invalid_json", "The body has an integer of more digits than can be read.") from None


def _says_json(content_type: str) -> bool:
    """Whether it is JSON in UTF-8, the only encoding that JSON has between programs."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    return kind == "application/json" and set(parameters) <= {"charset=utf-8", 'charset="utf-8"', ""}
