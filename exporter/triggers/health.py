"""The health check: is the app set up right."""

import azure.functions as func

from exporter import wiring
from exporter.domain.errors import NotConfigured
from exporter.triggers.answers import answer, answering, not_configured

blueprint = func.Blueprint()


@blueprint.function_name("health")
@blueprint.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answering
def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  the host passes it
    """Answer 200, or 503 with every setting that is missing or wrong."""
    try:
        wiring.settings()
    except NotConfigured as error:
        return not_configured(error)
    return answer({"status": "ok"})
