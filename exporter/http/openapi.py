"""The OpenAPI document, generated from operations, request models and answer types."""

import functools
import importlib
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Literal

from pydantic import TypeAdapter

from exporter.domain.destination import ID_PATTERN
from exporter.http.api_docs import DocumentView
from exporter.http.problem_docs import DOCS_URL
from exporter.http.responses import API, BODY_BYTES_MAX, POLL_SECONDS, RETRY_AFTER_SECONDS, ProblemView
from exporter.http.routing import OPERATIONS, Operation, Parameter
from exporter.http.schemas import HOUR_PATTERN

type Json = dict[str, Any]

VERSION = "1"
_REFERENCE = "#/components/schemas/{model}"
_JSON, _PROBLEM = "application/json", "application/problem+json"
_DESCRIPTION = (
    "Exports raw events and merged user ids to containers in Azure Blob Storage, every hour. Errors are"
    " problem documents (RFC 9457) with a stable `code`; all problems of a request are reported at once."
)
# What each tag is about, and words in the routes that have it: the first tag with one of them counts.
_TAGS = {
    "Backfills": ("Exporting past hours again.", ("backfills",)),
    "Verification": ("Comparing a container with marker, ledger and landing.", ("verif",)),
    "Sources": ("What fills the landing folders of a project.", ("sources",)),
    "Hours": ("What was exported, hour by hour.", ("/hours",)),
    "Filters": ("Trying a filter before it is used.", ("preview",)),
    "Destinations": (
        "Containers of customers, and what is exported there and how.",
        ("destinations", "test-upload"),
    ),
    "Service": (
        "The exporter as a whole.",
        ("health", "status", "summary", "landing", "openapi", "schemas"),
    ),
}
_MEANINGS = {
    HTTPStatus.BAD_REQUEST: "The body is missing or is not valid JSON.",
    HTTPStatus.NOT_FOUND: "Not found.",
    HTTPStatus.CONFLICT: "The current state does not allow this, or another request changed it meanwhile.",
    HTTPStatus.PRECONDITION_FAILED: "The condition of If-Match or If-None-Match does not hold.",
    HTTPStatus.CONTENT_TOO_LARGE: f"The body is larger than {BODY_BYTES_MAX} bytes.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The content type of the body is not application/json.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Fields or parameters are wrong, or the customer's storage refuses.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "An error of the exporter; `error_id` finds it in the logs.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Storage is unreachable for the moment, or settings are wrong.",
}
_ETAG = {"description": "The version, for If-Match.", "schema": {"type": "string"}}
_OWN_ETAG = {
    "description": "The version of this answer; with If-None-Match, 304 while it is the same.",
    "schema": {"type": "string"},
}
_POLL_AFTER = {
    "description": f"Seconds to wait before asking again: {POLL_SECONDS}. Missing once the job has ended.",
    "schema": {"type": "integer"},
}
_LOCATION = {"description": "The absolute URL of the progress.", "schema": {"type": "string"}}
# Ids that the app assigns; the caller chooses the id of a destination.
_PATH_IDS = re.compile(r"\{(\w+_id)\}")
_RETRY_AFTER = {
    "description": f"Seconds to wait: {RETRY_AFTER_SECONDS}. Missing if settings must be corrected first.",
    "schema": {"type": "integer"},
}


@functools.cache
def document() -> DocumentView:
    """Return the OpenAPI document, generated once a process."""
    types: dict[str, Any] = {"ProblemView": ProblemView}
    paths: dict[str, Json] = {}
    for declared, text in sorted(OPERATIONS.values(), key=lambda each: (each[0].route, each[0].method)):
        types |= {view.__name__: view for view in declared.answers.values() if view is not None}
        types |= {_class_name(declared.body): _model(declared.body)} if declared.body else {}
        path = paths.setdefault(f"/{declared.route}", {})
        path[declared.method.lower()] = _operation(declared, text)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Blob exporter",
            "version": VERSION,
            "description": _DESCRIPTION,
            "contact": {"name": "The operator of this exporter", "url": f"{DOCS_URL}/api.md"},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": API}],
        "tags": [{"name": name, "description": told} for name, (told, _) in _TAGS.items()],
        "security": [{"key": []}, {"code": []}],
        "paths": _tidied(paths),
        "components": {
            "schemas": _tidied(_schemas(types)),
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "code": {"type": "apiKey", "in": "query", "name": "code"},
            },
        },
    }


def _class_name(body: str) -> str:
    return body.partition(":")[2]


def _model(body: str) -> object:
    module, _, name = body.partition(":")
    return getattr(importlib.import_module(module), name)


def _schemas(types: dict[str, Any]) -> Json:
    """Return the JSON Schemas of all types and of their parts, by name."""
    inputs: list[tuple[str, Literal["validation", "serialization"], TypeAdapter[Any]]] = [
        (name, "validation" if name.endswith("Model") else "serialization", TypeAdapter(each))
        for name, each in types.items()
    ]
    _, together = TypeAdapter.json_schemas(inputs, ref_template=_REFERENCE)
    schemas: Json = together["$defs"]
    return dict(sorted(schemas.items()))


def _tidied[Part](part: Part) -> Part:
    """Return a part of the document in which integers are of 64 bits, and no default is null.

    A field with the default null may be left out; generated clients would send the null.
    """
    if isinstance(part, list):
        return [_tidied(each) for each in part]  # type: ignore[return-value]  # a list again
    if not isinstance(part, dict):
        return part
    tidied = {
        name: _tidied(value) for name, value in part.items() if not (name == "default" and value is None)
    }
    if part.get("type") == "integer":
        tidied["format"] = "int64"
    return tidied  # type: ignore[return-value]  # a dict again


def _tag(declared: Operation) -> str:
    """Return the tag of an operation, by its route."""
    return next(name for name, (_, words) in _TAGS.items() if any(word in declared.route for word in words))


def _operation(declared: Operation, text: str) -> Json:
    """Return an operation; ``text`` is its documentation, whose first paragraph is the summary."""
    paragraphs = [" ".join(each.split()) for each in text.split("\n\n")]
    found: Json = {
        "operationId": declared.name,
        "summary": paragraphs[0].removesuffix("."),
        "description": "\n\n".join(paragraphs),
        "tags": [_tag(declared)],
    }
    if declared.anonymous:
        found["security"] = []
    parameters = [*_parameters(declared)]
    if parameters:
        found["parameters"] = parameters
    if declared.body:
        schema = {"$ref": _REFERENCE.format(model=_class_name(declared.body))}
        found["requestBody"] = {"required": declared.body_required, "content": {_JSON: {"schema": schema}}}
    found["responses"] = {
        str(int(status)): answer for status, answer in sorted([*_answers(declared), *_problems(declared)])
    }
    return found


def _parameters(declared: Operation) -> Iterator[Json]:
    if "{id}" in declared.route:
        pattern = f"^{ID_PATTERN.pattern}$"
        schema = {"type": "string", "pattern": pattern, "minLength": 1, "maxLength": 63}
        yield {"name": "id", "in": "path", "required": True, "schema": schema}
    for name in _PATH_IDS.findall(declared.route):
        schema = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if "{hour}" in declared.route:
        yield {
            "name": "hour",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": HOUR_PATTERN},
        }
    for place, parameters in (("query", declared.query), ("header", declared.headers)):
        yield from (_parameter(place, each) for each in parameters)


def _parameter(place: str, parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": place,
        "required": False,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _answers(declared: Operation) -> Iterator[tuple[HTTPStatus, Json]]:
    for status, view in declared.answers.items():
        answer: Json = {"description": status.description or status.phrase}
        if view is not None:
            answer["content"] = {_JSON: {"schema": {"$ref": _REFERENCE.format(model=view.__name__)}}}
        headers = {"ETag": _ETAG} if declared.has_etag else {}
        if declared.answers_not_modified:
            headers["ETag"] = _OWN_ETAG
        if status is HTTPStatus.ACCEPTED:
            headers["Location"] = _LOCATION
        if status is HTTPStatus.ACCEPTED or declared.polled:
            headers["Retry-After"] = _POLL_AFTER
        if headers:
            answer["headers"] = headers
        yield status, answer
    if declared.answers_not_modified:
        unchanged = {"description": "The caller has this answer.", "headers": {"ETag": _OWN_ETAG}}
        yield HTTPStatus.NOT_MODIFIED, unchanged


def _problems(declared: Operation) -> Iterator[tuple[HTTPStatus, Json]]:
    if not declared.anonymous:
        yield (
            HTTPStatus.UNAUTHORIZED,
            {"description": "The function key is missing or wrong. The answer has no body."},
        )
    content = {_PROBLEM: {"schema": {"$ref": _REFERENCE.format(model="ProblemView")}}}
    for status in possible_problems(declared):
        answer: Json = {"description": _MEANINGS[status], "content": content}
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            answer["headers"] = {"Retry-After": _RETRY_AFTER}
        yield status, answer


def possible_problems(declared: Operation) -> set[HTTPStatus]:
    """Return every error status that an operation can answer with a problem document."""
    found = {
        HTTPStatus.UNPROCESSABLE_ENTITY,  # unknown parameters, for every operation
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
        *declared.problems,
    }
    if declared.body:
        found |= {
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.CONTENT_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        }
    if "{id}" in declared.route and declared.method != "PUT":  # creates what does not exist
        found.add(HTTPStatus.NOT_FOUND)
    if any(each.name.startswith("If-") for each in declared.headers):
        found.add(HTTPStatus.PRECONDITION_FAILED)
    return found
