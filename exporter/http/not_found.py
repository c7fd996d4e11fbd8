"""What no other function answers: a problem document instead of the host's bare 404.

The host tries routes in the order of the functions' names, so this one must be the last of all. It wants a
key: without one nobody is told what there is, and strangers who try addresses start no worker.
"""

from http import HTTPStatus

import azure.functions as func

from exporter.http.responses import answering, problem
from exporter.http.routing import OPERATIONS

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]

blueprint = func.Blueprint()


@blueprint.function_name("zz_unknown")
@blueprint.route("{*path}", methods=METHODS)
@answering
def unknown(req: func.HttpRequest) -> func.HttpResponse:
    """Answer 405 where there is something for other methods, and else 404."""
    path = req.route_params.get("path", "")
    allowed = sorted({declared.method for declared, _ in OPERATIONS.values() if declared.matches(path)})
    if not allowed:
        detail = "There is no such route. GET /api/openapi.json describes all that there are."
        return problem(HTTPStatus.NOT_FOUND, "route_not_found", detail)
    detail = f"This route takes {' and '.join(allowed)} only."
    headers = {"Allow": ", ".join(allowed)}
    return problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, headers=headers)
