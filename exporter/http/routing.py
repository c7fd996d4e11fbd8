"""The operations of the API: each is declared once, where its handler is.

From the declaration come the function's binding, the check of the query, and the document that describes the
API. A function that is not declared here is no part of the API.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType

import azure.functions as func

from exporter.domain.errors import Invalid, Problem, named
from exporter.http.responses import answering

# How a caller presents a key without a header, and which key it is: the host's own business.
HOST_PARAMETERS = frozenset({"code", "clientid"})
type Schema = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, or a header of the request; ``schema`` is its JSON Schema."""

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: MappingProxyType({"type": "string"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What can be asked of a route with a method.

    ``answers`` names the view (of ``exporter.http.schemas``, or None for no content) of each status that is
    no problem, ``problems`` the statuses that can come besides those that every operation of its kind has.
    ``body`` names the model of the request's body, as ``module:Class``.
    """

    name: str
    method: str
    route: str
    answers: Mapping[HTTPStatus, str | None]
    problems: tuple[HTTPStatus, ...] = ()
    body: str | None = None
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    tagged: bool = False
    anonymous: bool = False

    def matches(self, path: str) -> bool:
        """Whether a path, without the host's prefix, is one of this route."""
        wanted, given = (text.strip("/").lower().split("/") for text in (self.route, path))
        return len(wanted) == len(given) and all(
            (each.startswith("{") and other) or each == other
            for each, other in zip(wanted, given, strict=True)
        )


OPERATIONS: dict[str, tuple[Operation, str]] = {}
"""Every operation that is registered, by the name of its function, with what it does in a sentence."""

type Bound = Callable[[func.HttpRequest], func.HttpResponse]


def operation[Parsed](
    blueprint: func.Blueprint, declared: Operation, parse: Callable[[func.HttpRequest], Parsed]
) -> Callable[[Callable[[func.HttpRequest, Parsed], func.HttpResponse]], Bound]:
    """Register a handler: it gets the request and what ``parse`` makes of it.

    What ``parse`` finds wrong is told together with the parameters that nobody knows.
    """

    def register(handler: Callable[[func.HttpRequest, Parsed], func.HttpResponse]) -> Bound:
        def bound(req: func.HttpRequest) -> func.HttpResponse:
            return handler(req, _checked(req, declared, parse))

        bound.__doc__ = handler.__doc__
        OPERATIONS[declared.name] = declared, " ".join((handler.__doc__ or "").split())
        level = func.AuthLevel.ANONYMOUS if declared.anonymous else func.AuthLevel.FUNCTION
        route = blueprint.route(declared.route, methods=[declared.method], auth_level=level)
        blueprint.function_name(declared.name)(route(answering(bound)))
        return bound

    return register


def nothing(_: func.HttpRequest) -> None:
    """Parse nothing: all that the request says is in its path and its headers."""


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
