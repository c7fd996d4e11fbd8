"""The operations of the API. Each handler declares its operation once.

The function binding, the check of query parameters and OpenAPI follow from the declaration.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType

import azure.functions as func

from exporter.domain.errors import Invalid, Problem, named
from exporter.http.responses import API, compressed, problem_answers, unless_known
from exporter.http.schemas import HOUR_PATTERN

# Query parameters of the Functions host: the function key and its name.
HOST_PARAMETERS = frozenset({"code", "clientid"})
type Schema = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or a request header; ``schema`` is its JSON Schema."""

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: MappingProxyType({"type": "string"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of a route.

    ``answers`` has the type of the body by success status, None for no content. ``problems`` are the error
    statuses besides those of every operation of its kind. ``body`` is the model of the request body as
    ``module:Class``, so that pydantic is imported when first needed; it may be missing if ``body_required``
    is false. ``polled`` answers say when to ask again.
    """

    name: str
    method: str
    route: str
    answers: Mapping[HTTPStatus, type | None]
    problems: tuple[HTTPStatus, ...] = ()
    body: str | None = None
    body_required: bool = True
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    has_etag: bool = False
    anonymous: bool = False
    polled: bool = False

    @property
    def answers_not_modified(self) -> bool:
        """Whether the answer has an ETag of its own, and If-None-Match is honoured."""
        return self.method == "GET" and not self.has_etag

    def matches(self, path: str) -> bool:
        """Whether a path, without the prefix ``/api``, belongs to this route."""
        wanted, given = (text.strip("/").lower().split("/") for text in (self.route, path))
        return len(wanted) == len(given) and all(map(_matches, wanted, given))


def _matches(wanted: str, given: str) -> bool:
    if wanted == "{hour}":
        return bool(re.fullmatch(HOUR_PATTERN, given.upper(), re.ASCII))
    return (wanted.startswith("{") and given != "") or wanted == given


OPERATIONS: dict[str, tuple[Operation, str]] = {}
"""Every registered operation with its documentation, by function name."""

type Bound = Callable[[func.HttpRequest], func.HttpResponse]


def operation[Parsed](
    blueprint: func.Blueprint, declared: Operation, parse: Callable[[func.HttpRequest], Parsed]
) -> Callable[[Callable[[func.HttpRequest, Parsed], func.HttpResponse]], Bound]:
    """Register a handler, which gets the request and the result of ``parse``.

    The problems that ``parse`` finds are reported together with unknown query parameters.
    """

    def register(handler: Callable[[func.HttpRequest, Parsed], func.HttpResponse]) -> Bound:
        def bound(req: func.HttpRequest) -> func.HttpResponse:
            answered = handler(req, _checked(req, declared, parse))
            return compressed(req, unless_known(req, answered)) if declared.answers_not_modified else answered

        bound.__doc__ = handler.__doc__
        OPERATIONS[declared.name] = declared, inspect.cleandoc(handler.__doc__ or "")
        level = func.AuthLevel.ANONYMOUS if declared.anonymous else func.AuthLevel.FUNCTION
        route = blueprint.route(below_api(declared.route), methods=[declared.method], auth_level=level)
        blueprint.function_name(declared.name)(route(problem_answers(bound)))
        return bound

    return register


def below_api(route: str) -> str:
    """Return the route of a function of the API: ``destinations`` is served at ``/api/destinations``."""
    return f"{API.strip('/')}/{route}"


def nothing(_: func.HttpRequest) -> None:
    """Parse nothing: the request has only a path and headers."""


def _checked[Parsed](
    req: func.HttpRequest, declared: Operation, parse: Callable[[func.HttpRequest], Parsed]
) -> Parsed:
    known = HOST_PARAMETERS | {parameter.name for parameter in declared.query}
    unknown = tuple(
        Problem(named(name), "is not a parameter of this request: check its spelling")
        for name in req.params
        if name not in known and name.lower() not in HOST_PARAMETERS
    )
    try:
        parsed = parse(req)
    except Invalid as invalid:
        raise Invalid(*unknown, *invalid.problems, code=invalid.code) from invalid
    if unknown:
        raise Invalid(*unknown)
    return parsed
