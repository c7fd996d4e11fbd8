"""The documentation routes: OpenAPI, and JSON Schema of the exported rows."""

from http import HTTPStatus
from typing import TypedDict

import azure.functions as func

from exporter.http.responses import answer
from exporter.http.routing import Operation, nothing, operation
from exporter.http.schemas import Json

blueprint = func.Blueprint()


class DocumentView(TypedDict):
    """An OpenAPI document."""

    openapi: str
    info: Json
    servers: list[Json]
    tags: list[Json]
    security: list[Json]
    paths: dict[str, Json]
    components: Json


class SchemasView(TypedDict):
    """The JSON Schema (2020-12) of a row, by data type."""

    events: Json
    merged_ids: Json


@operation(
    blueprint,
    Operation(
        name="openapi",
        method="GET",
        route="openapi.json",
        answers={HTTPStatus.OK: DocumentView},
        anonymous=True,
    ),
    parse=nothing,
)
def openapi(_: func.HttpRequest, __: None) -> func.HttpResponse:
    """Return this API as an OpenAPI 3.1 document."""
    from exporter.http.openapi import document  # noqa: PLC0415  pydantic, which other requests do without

    return answer(document())


@operation(
    blueprint,
    Operation(name="schemas", method="GET", route="schemas", answers={HTTPStatus.OK: SchemasView}),
    parse=nothing,
)
def schemas(_: func.HttpRequest, __: None) -> func.HttpResponse:
    """Return the JSON Schema of the rows of both data types."""
    from exporter.http.record_schemas import record_schemas  # noqa: PLC0415  no other request needs it

    return answer(record_schemas())
