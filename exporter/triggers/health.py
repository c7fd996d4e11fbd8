"""The health check: is the app set up right."""

from http import HTTPStatus

import azure.functions as func

from exporter import wiring
from exporter.domain.errors import NotConfigured
from exporter.triggers.answers import answer, not_configured
from exporter.triggers.operations import Operation, nothing, operation

blueprint = func.Blueprint()


@operation(
    blueprint,
    Operation(
        name="health",
        method="GET",
        route="health",
        answers={HTTPStatus.OK: "HealthView"},
        anonymous=True,
    ),
    parse=nothing,
)
def health(_: func.HttpRequest, __: None) -> func.HttpResponse:
    """Say that the app is set up, or (503) which settings are missing or wrong."""
    try:
        wiring.settings()
    except NotConfigured as error:
        return not_configured(error)
    return answer({"status": "ok"})
