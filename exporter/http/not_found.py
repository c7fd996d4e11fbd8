"""The answer for unknown routes: a problem document instead of the bare 404 of the Functions host.

The host tries routes in order of the function names, so this function has the last name. It needs a key, so
that requests of scanners start no worker.
"""

from http import HTTPStatus

import azure.functions as func

from exporter.http.responses import problem, problem_answers
from exporter.http.routing import OPERATIONS, below_api

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]

blueprint = func.Blueprint()


@blueprint.function_name("zz_unknown")
@blueprint.route(below_api("{*path}"), methods=METHODS)
@problem_answers
def unknown(req: func.HttpRequest) -> func.HttpResponse:
    """Answer 405 if the route exists with other methods, otherwise 404."""
    path = req.route_params.get("path", "")
    allowed = sorted({declared.method for declared, _ in OPERATIONS.values() if declared.matches(path)})
    if not allowed:
        detail = "Route not found. GET /api/openapi.json describes all routes."
        return problem(HTTPStatus.NOT_FOUND, "route_not_found", detail)
    detail = f"This route supports only {' and '.join(allowed)}."
    headers = {"Allow": ", ".join(allowed)}
    return problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, headers=headers)
