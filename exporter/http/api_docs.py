"""What the API says of itself and of the records."""

from http import HTTPStatus

import azure.functions as func

from exporter.http.responses import answer
from exporter.http.routing import Operation, nothing, operation

blueprint = func.Blueprint()


@operation(
    blueprint,
    Operation(
        name="openapi",
        method="GET",
        route="openapi.json",
        answers={HTTPStatus.OK: "DocumentView"},
        anonymous=True,
    ),
    parse=nothing,
)
def openapi(_: func.HttpRequest, __: None) -> func.HttpResponse:
    """Describe this API as an OpenAPI 3.1 document."""
    from exporter.http.openapi import document  # noqa: PLC0415  pydantic, which other requests do without

    return answer(document())


@operation(
    blueprint,
    Operation(name="schemas", method="GET", route="schemas", answers={HTTPStatus.OK: "SchemasView"}),
    parse=nothing,
)
def schemas(_: func.HttpRequest, __: None) -> func.HttpResponse:
    """Describe the rows of the files of both data types, as JSON Schema."""
    from exporter.http.record_schemas import record_schemas  # noqa: PLC0415  no other request needs it

    return answer(record_schemas())
