"""Answers over HTTP: JSON, and problem documents (RFC 9457) for everything that goes wrong."""

import functools
import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus

import azure.functions as func
import orjson

from exporter import wiring
from exporter.domain.errors import (
    Conflict,
    DestinationFault,
    Invalid,
    Malformed,
    NotConfigured,
    NotFound,
    NotPossible,
    Outdated,
    Problem,
    Rejected,
    Transient,
)

RETRY_AFTER_SECONDS = 5
BODY_BYTES_MAX = 1024 * 1024

type Handler = Callable[[func.HttpRequest], func.HttpResponse]

_STATUS: dict[type[Rejected], HTTPStatus] = {
    Malformed: HTTPStatus.BAD_REQUEST,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    NotPossible: HTTPStatus.CONFLICT,
    Outdated: HTTPStatus.PRECONDITION_FAILED,
}
_log = logging.getLogger(__name__)


def answer(
    body: object, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    """Return a JSON answer."""
    return func.HttpResponse(
        orjson.dumps(body), status_code=status, headers=headers or {}, mimetype="application/json"
    )


def problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    problems: Iterable[Problem] = (),
    headers: dict[str, str] | None = None,
    **further: object,
) -> func.HttpResponse:
    """Return a problem document; ``code`` is stable, ``detail`` is for a person."""
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **further,
    }
    if errors := [{"field": each.field, "message": each.message} for each in problems]:
        body["errors"] = errors
    return func.HttpResponse(
        orjson.dumps(body), status_code=status, headers=headers or {}, mimetype="application/problem+json"
    )


def answering(handler: Handler) -> Handler:
    """Let a handler raise: every error becomes the problem document of the one who must act on it."""

    @functools.wraps(handler)
    def answered(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return handler(req)
        except Rejected as error:
            return problem(_STATUS[type(error)], error.code, str(error), problems=error.problems)
        except DestinationFault as error:
            fault = error.fault
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, fault.code, fault.message, fix=fault.fix)
        except Conflict as error:
            return problem(HTTPStatus.CONFLICT, "conflict", f"{error}. Read it again and retry.")
        except Transient as error:
            _log.warning("answered 503: %s", error)
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            detail = "The storage account is busy or out of reach for the moment. Try again."
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "try_again", detail, headers=headers)
        except NotConfigured as error:
            return not_configured(error)
        except Exception:
            # The only place that may swallow a bug: HTTP callers get an id, the log gets everything.
            error_id = wiring.new_id()
            _log.exception("unexpected error %s", error_id)
            detail = f"An unexpected error happened. The operator finds it in the logs under {error_id}."
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail, error_id=error_id)

    return answered


def not_configured(error: NotConfigured) -> func.HttpResponse:
    """Return the problem document that names every setting to correct."""
    detail = "The app cannot work before its settings are corrected."
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "not_configured", detail, problems=error.problems)


def json_body(req: func.HttpRequest) -> object:
    """Return the request's body as plain values, or raise ``Malformed``."""
    body = req.get_body()
    if len(body) > BODY_BYTES_MAX:
        raise Malformed("body_too_large", f"The body is larger than {BODY_BYTES_MAX} bytes.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("invalid_json", f"The body is no JSON: {error}.") from error
